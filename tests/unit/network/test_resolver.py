"""Whether a DNS request at 127.0.0.11 gets anywhere is told from answers and refusals, and silence tells nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import resolver


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the place of the engine's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        monkeypatch.setattr(resolver, "_SERVER", sock.getsockname())
        yield sock


def test_answer(server: socket.socket) -> None:
    asked = []

    def answer() -> None:
        for _number in range(2):
            request, client = server.recvfrom(512)
            asked.append(request)
            server.sendto(request, client)

    thread = threading.Thread(target=answer)
    thread.start()
    with resolver.Requests() as requests:
        requests.send("1", "web")
        requests.send("2", f"shop.{'x' * 70}")
        assert requests.answers() == {"1": True, "2": True}
    thread.join()
    # RFC 1035: one question, for an A record of class IN.
    assert asked[0][2:] == b"\1\0\0\1\0\0\0\0\0\0\3web\0\0\1\0\1"
    assert b"\4shop\x3f" + b"x" * 63 + b"\0" in asked[1]


def test_refusal_and_silence(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_TIMEOUT", 0.05)
    with resolver.Requests() as requests:
        requests.send("silent", "web")
        server.close()
        requests.send("refused", "web")
        assert requests.answers() == {"silent": None, "refused": False}
