"""Private keys and the authorities' passphrase are where they are used; no output, log, cache or leftover has them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import reach
from clients import HOSTS, Client
from cryptography.hazmat.primitives import serialization
from loud import Loud
from replacement import LEFTOVERS, Replacement

SERVER_KEY = "/etc/docker/tls/server/key.pem"
# Where a key could have come to lie on a host. /root/.docker is that of a client.
PLACES = "/etc /home /opt /root /run /srv /tmp /var/cache /var/lib/mooring /var/log /var/tmp"


def needles(pem: bytes, passphrase: bytes | None = None) -> list[str]:
    """By what a private key would be known: the lines of its usual forms that hold it, and its number in hex.

    What comes after these lines is the public key, which is in certificates too.
    """
    key: Any = serialization.load_pem_private_key(pem, passphrase)
    found = [format(key.private_numbers().private_value, "x")]
    for form, lines in ((serialization.PrivateFormat.PKCS8, 2), (serialization.PrivateFormat.TraditionalOpenSSL, 1)):
        text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        found += text.splitlines()[1 : 1 + lines]
    return found


def holders(texts: list[str], where: list[str]) -> list[str]:
    """The files on this machine that have one of ``texts``."""
    words = ["grep", "--recursive", "--files-with-matches", "--no-messages", "--fixed-strings", "--file=-", *where]
    return subprocess.run(words, input="\n".join(texts), capture_output=True, text=True, check=False).stdout.split()


def holders_on(name: str, texts: list[str]) -> list[str]:
    """The same on a host of the lab. The texts travel on standard input."""
    script = f"sudo grep -rlsF -f - {PLACES}"
    variables = reach.declared(name)
    login = ["-i", variables["key"], *variables["options"].split(), f"{variables['user']}@{variables['address']}"]
    return subprocess.run(
        ["ssh", *login, script], input="\n".join(texts), capture_output=True, text=True, check=False
    ).stdout.split()


@pytest.fixture(scope="module")
def loud(client: Client, replaced: Replacement) -> Loud:
    """What was said by runs that made all kinds of keys, as loudly as they can; where they logged."""
    for playbook, variables in (
        ("renew_client_certificates", client.variables),
        ("site", {}),
        ("verify", {"verify_client": str(client.directory)}),
    ):
        status = replaced.loud.run(playbook, playbook, **variables)
        said = replaced.loud.said[playbook]
        assert status == 0, "\n".join(re.findall(r".*: (?:error|warning) \S+: expected.*", said)) or said[-3000:]
    return replaced.loud


@pytest.fixture(scope="module")
def keys(client: Client, loud: Loud) -> dict[str, list[str]]:
    """The keys there are, by the machine they belong to: what each would be known by."""
    passphrase = reach.passphrase_file().read_text().strip()
    signers = list((reach.pki() / "authorities").glob("*-key.pem"))
    assert signers
    found = {"signers": [], "client": needles((client.directory / "key.pem").read_bytes()), "passphrase": [passphrase]}
    for path in signers:
        found["signers"] += needles(path.read_bytes(), passphrase.encode())
    for name in HOSTS:
        found[name] = needles(reach.over_ssh(name).file(SERVER_KEY).content)
    return found


def test_nothing_is_said_or_logged(loud: Loud, keys: dict[str, list[str]]) -> None:
    said = "".join(loud.said.values())
    assert "module_args" in said  # The control: what modules were given is there.
    for text in (said, (loud.place / "log").read_text()):
        assert "PRIVATE KEY" not in text
        for owner, secrets in keys.items():
            assert not any(secret in text for secret in secrets), f"of {owner}"
    left = [str(loud.place / name) for name in ("log", "temporary", "facts")]
    assert holders([secret for secrets in keys.values() for secret in secrets], left) == []


def test_this_machine_has_its_own_keys_only(client: Client, loud: Loud, keys: dict[str, list[str]]) -> None:
    """The client's key once; the authorities' only encrypted; nobody else's; no file of a run was left."""
    passphrase = str(reach.passphrase_file())
    where = [str(Path(place).expanduser()) for place in ("~/.ansible", "~/.docker", "/tmp", "/var/tmp")]
    where += [str(reach.pki()), passphrase]
    own = str((client.directory / "client/key.pem").resolve())
    # At once, for there may be much to look at.
    found = holders([secret for secrets in keys.values() for secret in secrets], where)
    assert sorted(found) == sorted([own, passphrase])
    assert holders(keys["client"], [own, passphrase]) == [own]
    assert [path for path in (loud.place / "temporary").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_has_its_own_key_only(name: str, keys: dict[str, list[str]]) -> None:
    """Once, for root alone; none of another machine, and no passphrase."""
    host = reach.over_ssh(name)
    place = host.check_output("realpath %s", SERVER_KEY)
    assert (host.file(place).user, host.file(place).group, host.file(place).mode) == ("root", "root", 0o600)
    assert holders_on(name, keys[name]) == [place]
    others = [secret for owner, secrets in keys.items() if owner != name for secret in secrets]
    assert holders_on(name, others) == []
    assert host.check_output(LEFTOVERS) == ""
