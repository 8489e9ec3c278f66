"""Over TLS the right certificate gets in, and nobody else."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import probe


@pytest.fixture(params=["trixie", "forky"])
def url(request: pytest.FixtureRequest) -> str:
    """The TLS endpoint of a host as a client names it."""
    return f"tcp://{reach.declared(request.param)['address']}:2376"


def test_host_without_a_tcp_endpoint_has_none() -> None:
    address = (reach.declared("bookworm")["address"], 2376)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)


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
