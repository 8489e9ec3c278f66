"""The keys of the authorities are hard to guess, those of earlier versions too, and their passphrase can be changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import reach
from ansible_collections.mooring.docker.plugins.plugin_utils import keys
from clients import Client, converge, run
from cryptography.hazmat.primitives import serialization

NEW = "another passphrase, and a long one"


@pytest.fixture
def pki(client: Client) -> Path:
    return reach.pki()


@pytest.fixture
def aged(pki: Path) -> Path:
    """The directory as earlier versions left it."""
    passphrase = reach.passphrase_file().read_text().strip()
    for path in _files(pki):
        text = keys.load(path, passphrase).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(passphrase.encode()),
        )
        path.write_bytes(text)
    (pki / ".gitignore").unlink()
    return pki


@pytest.fixture
def passphrase(pki: Path) -> Iterator[Path]:
    """The file of the passphrase; it and the keys are put back."""
    file = reach.passphrase_file()
    before = {path: path.read_bytes() for path in [file, *_files(pki)]}
    yield file
    for path, data in before.items():
        path.write_bytes(data)


def _files(pki: Path) -> list[Path]:
    found = sorted((pki / "authorities").glob("*-key.pem"))
    assert len(found) >= 2
    return found


def test_keys_of_before_are_encrypted_anew(aged: Path, client: Client) -> None:
    before = {path.name: path.read_bytes() for path in aged.rglob("*.pem") if "key" not in path.name}
    foretold = run(check=True, limit="trixie")
    assert (foretold.status, all(keys.weakness(path) for path in _files(aged))) == (0, True)
    assert sum(run().changed.values()) == 1, "whoever comes first does it"
    assert [keys.weakness(path) for path in _files(aged)] == [""] * len(_files(aged))
    assert (aged / ".gitignore").read_text().splitlines()[-1] == "*"
    assert run(limit="trixie").changed == {"trixie": 0}
    assert {path.name: path.read_bytes() for path in aged.rglob("*.pem") if "key" not in path.name} == before


def test_passphrase_is_changed(pki: Path, passphrase: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    old = passphrase.read_text().strip()
    before = [path.read_bytes() for path in _files(pki)]
    missing = run("change_passphrase")
    assert "MOORING_NEW_CA_PASSPHRASE" in missing.failures["localhost"]
    monkeypatch.setitem(os.environ, "MOORING_NEW_CA_PASSPHRASE", NEW)
    wrong = run("change_passphrase", docker_engine_ca_passphrase="not the right one")
    assert "nothing was changed" in wrong.failures["localhost"]
    assert not any(secret in wrong.output for secret in (NEW, "not the right one"))
    assert [path.read_bytes() for path in _files(pki)] == before

    # One was changed before the run was killed.
    first = _files(pki)[0]
    keys.write(first, keys.load(first, old), NEW)
    done = run("change_passphrase")
    assert (done.status, done.changed["localhost"]) == (0, 1)
    assert not any(secret in done.output for secret in (NEW, old))
    for path in _files(pki):
        keys.load(path, NEW)
        with pytest.raises(keys.KeyFileError):
            keys.load(path, old)

    # The fleet goes on with it, once the inventory has it.
    passphrase.write_text(NEW + "\n")
    converge(limit="trixie", docker_engine_certificate_renew=True)
    assert client.docker("--context", "trixie", "version").returncode == 0
