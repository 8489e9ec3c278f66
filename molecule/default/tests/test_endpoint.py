"""Over TLS the right certificate gets in, and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import probe


@pytest.fixture
def url(declared: dict[str, Any]) -> str:
    """The TLS endpoint as a client names it."""
    if not any(url.startswith("tcp") for url in declared["endpoints"]):
        with pytest.raises(OSError, match="refused"):
            _connect(declared["address"])
        pytest.skip("declares no TCP endpoint, and none answers")
    return f"tcp://{declared['address']}:2376"


def _connect(address: str) -> None:
    import socket

    socket.create_connection((address, 2376), timeout=5).close()


def test_right_certificate_gets_in(url: str, client: Path) -> None:
    seen = probe(url, str(client / "ca.pem"), str(client / "cert.pem"), str(client / "key.pem"))
    assert seen["authenticated"] is True, seen["error"]
    assert seen["trusted"] is True


def test_docker_cli_works_with_it(url: str, client: Path, neighbour: Any) -> None:
    neighbour.run_expect([0], "mkdir -p -m 700 /root/client")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        text = (client / name).read_text()
        neighbour.run_expect([0], f"umask 077; printf %s '{text}' > /root/client/{name}")
    answer = neighbour.check_output(f"DOCKER_CERT_PATH=/root/client docker --tlsverify -H {url} version")
    assert "Server:" in answer
    neighbour.run_expect([0], "rm -r /root/client")


def test_certificate_of_another_authority_stays_out(url: str, client: Path, stranger: Path) -> None:
    seen = probe(url, str(client / "ca.pem"), str(stranger / "cert.pem"), str(stranger / "key.pem"))
    assert seen["authenticated"] is False
    assert seen["error"]


def test_server_is_no_other(url: str, client: Path) -> None:
    assert probe(url, str(client / "ca.pem"), server_name="elsewhere.example")["trusted"] is False
