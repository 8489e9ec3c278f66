"""What is built and published, or committed, has no private key, wherever one was left in the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import generations
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PROJECT = Path(__file__).resolve().parents[2]

PLACES = [
    "pki/authorities/server-1-key.pem",
    "inventory/lab/pki/authorities/server-1-key.pem",
    "inventory/production/pki/authorities/client-12-key.pem",
    "inventory/production/pki/authorities/.server-1-key.pem.new",
    "inventory/example/pki/passphrase",
    "inventory/company/berlin/pki/authorities/server-1-key.pem",
    "playbooks/pki/authorities/server-1-key.pem",
    "docs/pki/authorities/server-1-key.pem",
    "inventory/production/report/key.pem",
    "inventory/production/ssh/id_ed25519",
    "inventory/production/keys/id_rsa.old",
    "playbooks/files/key.pem",
    "roles/docker_engine/files/server.key",
    "molecule/remote/client/cert.p12",
    "tests/output/key.pem",
    ".venv/share/key",
    ".cache/key",
    ".ansible/key",
]


def git(directory: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=directory, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git has, and keys beside them."""
    found = tmp_path_factory.mktemp("tree") / "docker"
    for name in git(PROJECT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (PROJECT / name).is_file():
            (found / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, found / name)
    key = ec.generate_private_key(ec.SECP256R1())
    for number, place in enumerate(PLACES):
        (found / place).parent.mkdir(parents=True, exist_ok=True)
        how: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if number % 2:
            how = serialization.BestAvailableEncryption(b"secret")
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        (found / place).write_bytes(text)
    return found


def test_collection_is_built_without_keys(tree: Path, tmp_path: Path) -> None:
    line = ["ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), str(tree)]
    environment = {**os.environ, "HOME": str(tmp_path), "ANSIBLE_CONFIG": str(tree / "ansible.cfg")}
    subprocess.run(line, check=True, capture_output=True, env=environment)
    (archive,) = tmp_path.glob("mooring-docker-*.tar.gz")
    with tarfile.open(archive) as opened:
        texts = {
            member.name: (opened.extractfile(member) or pytest.fail(member.name)).read()
            for member in opened.getmembers()
            if member.isfile()
        }
    # The control: what is meant to be there is.
    assert {"roles/docker_pki/README.md", "inventory/example/hosts.yml", "playbooks/site.yml"} <= set(texts)
    keys = [b"-----BEGIN %sPRIVATE KEY-----\n" % of for of in (b"", b"ENCRYPTED ", b"EC ", b"RSA ", b"OPENSSH ")]
    assert [name for name, text in texts.items() if any(text.startswith(key) for key in keys)] == []
    assert [name for name in texts if name in PLACES] == []


def test_git_takes_no_keys(tree: Path, tmp_path: Path) -> None:
    repository = tmp_path / "docker"
    shutil.copytree(tree, repository)
    git(repository, "init", "--quiet")
    shown = git(repository, "status", "--porcelain", "--untracked-files=all")
    assert "?? playbooks/site.yml" in shown
    assert [place for place in PLACES if f"?? {place}\n" in shown] == []


def test_git_takes_nothing_of_an_inventory_elsewhere(tmp_path: Path) -> None:
    """Most inventories are in repositories that know nothing of these rules."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "hosts.yml").touch()
    generations.protect(str(tmp_path / "pki"), "not used for anything")
    (tmp_path / "pki/authorities/server-1-key.pem").write_text("key")
    assert git(tmp_path, "status", "--porcelain", "--untracked-files=all") == "?? hosts.yml\n"
