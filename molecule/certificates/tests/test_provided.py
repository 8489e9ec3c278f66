"""Certificates of an issuer elsewhere: whom they would let in beside those that are meant is refused and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._tls.certificates import describe
from clients import HOSTS, everywhere, run
from cryptography.hazmat.primitives.asymmetric import rsa
from forge import SERVER

PLACE = "/etc/ssl/mooring-provided"
PROVIDED = {"certificate": f"{PLACE}/cert.pem", "key": f"{PLACE}/key.pem", "client_ca": f"{PLACE}/clients.pem"}


@pytest.fixture
def named(fleet: None, tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """Each host has files with one fault. What the operator would name to have them as they are."""
    servers, clients, others = (forge.Authority(tmp_path / name) for name in ("servers", "clients", "others"))
    files = {
        "bookworm": (rsa.generate_private_key(65537, 2048), [clients.ca]),
        "trixie": (None, [clients.ca, others.ca]),
        "forky": (None, [servers.ca]),
    }
    found = {}
    for name, (key, authorities) in files.items():
        certificate, private = servers.issue(name, SERVER, names=[name], key=key)
        bundle = "".join(Path(path).read_text() for path in authorities)
        host = reach.over_ssh(name)
        host.run_expect([0], "mkdir -p %s", PLACE)
        for path, text in zip(
            PROVIDED.values(), (Path(certificate).read_text(), Path(private).read_text(), bundle), strict=True
        ):
            host.run_expect([0], "umask 077 && echo %s > %s", text, path)
        found[name] = describe(bundle.encode())["bundle"]
    yield found
    everywhere(f"rm -r {PLACE}")


def _refused(done: reach.Run, named: dict[str, list[str]]) -> None:
    assert set(done.failures) == set(HOSTS)
    assert f"{PROVIDED['certificate']}: its key is RSA with 2048 bits" in done.failures["bookworm"]
    assert f"{PROVIDED['client_ca']}: clients of several authorities would get in" in done.failures["trixie"]
    assert f"{PROVIDED['client_ca']}: its authority signs servers too" in done.failures["forky"]
    for name in ("trixie", "forky"):
        assert all(fingerprint in done.failures[name] for fingerprint in named[name])


def test_provided_files_are_refused_also_before_they_can_be_read(named: dict[str, list[str]]) -> None:
    state = "sha256sum /etc/docker/daemon.json /etc/docker/daemon.d/* && systemctl show --property=MainPID docker"
    before = everywhere(state)
    everywhere("dpkg --remove --force-depends python3-cryptography")
    variables: dict[str, Any] = {"docker_engine_provided_certificate": PROVIDED}
    _refused(run(**variables), named)
    # That run has installed the library; this one refuses before all else.
    again = run(**variables)
    _refused(again, named)
    assert again.changed == dict.fromkeys(HOSTS, 0)
    assert everywhere(state) == before

    # The control: what the operator names gets in, and a weak key does not.
    variables["docker_engine_client_authorities"] = "{{ " + str(named) + "[inventory_hostname] }}"
    done = run(check=True, **variables)
    assert set(done.failures) == {"bookworm"}
    assert "its key is RSA with 2048 bits" in done.failures["bookworm"]
