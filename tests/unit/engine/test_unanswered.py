"""A daemon answers where all of its declared endpoints do; every server here is a real one on this machine."""

from __future__ import annotations

import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import api, daemon, live
from ansible_collections.mooring.docker.plugins.module_utils._system.asking import asking_once
from forge import CLIENT, SERVER, Authority


class Api(http.server.BaseHTTPRequestHandler):
    """Answers ``GET /_ping`` as dockerd does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def address_string(self) -> str:
        return "a client"

    def log_message(self, *_words: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[socketserver.BaseServer], None]]:
    """Let servers run until the test ends."""
    with ExitStack() as stack:

        def start(server: socketserver.BaseServer) -> None:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.enter_context(server)

        yield start


@pytest.fixture
def sockets(tmp_path: Path, serve: Callable[[socketserver.BaseServer], None]) -> list[str]:
    """Two UNIX sockets on which an API answers."""
    paths = [str(tmp_path / name) for name in ("one.sock", "other.sock")]
    for path in paths:
        serve(socketserver.ThreadingUnixStreamServer(path, Api))
    return paths


@pytest.fixture
def tls_port(tmp_path: Path, serve: Callable[[socketserver.BaseServer], None]) -> int:
    """A port on which an API answers those who have a certificate."""
    authority = Authority(tmp_path / "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", SERVER, CLIENT))
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.handle_error = lambda *_words: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serve(server)
    return server.server_port


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_all_answer(sockets: list[str], tls_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "socket_paths", lambda: sockets[:1])
    hosts = ["fd://", f"unix://{sockets[1]}", f"tcp://0.0.0.0:{tls_port}"]
    assert live.unanswered({"hosts": hosts, "tlsverify": True}) == []


def test_port_without_a_daemon_is_named(sockets: list[str]) -> None:
    port = _free_port()
    (silent,) = live.unanswered({"hosts": [f"unix://{sockets[0]}", f"tcp://0.0.0.0:{port}"]})
    assert silent.startswith(f"tcp 127.0.0.1 port {port} does not answer (")


def test_port_without_tls_is_named(sockets: list[str], serve: Callable[[socketserver.BaseServer], None]) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    serve(server)
    hosts = [f"unix://{sockets[0]}", f"tcp://127.0.0.1:{server.server_port}"]
    assert live.unanswered({"hosts": hosts}) == []
    (silent,) = live.unanswered({"hosts": hosts, "tlsverify": True})
    assert silent.startswith(f"tcp port {server.server_port} does not speak TLS (")


@pytest.mark.parametrize("is_there", [True, False], ids=["nobody listens", "no socket"])
def test_socket_without_a_daemon_is_named(
    sockets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    path = str(tmp_path / "dead.sock")
    if is_there:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path)
    monkeypatch.setattr(daemon, "socket_paths", lambda: [sockets[0], path])
    # Those of docker.socket are what a configuration without endpoints means.
    for config in ({"hosts": ["fd://"]}, {}):
        (silent,) = live.unanswered(config)
        assert silent.startswith(f"unix://{path} does not answer (")


def test_daemon_is_asked_once_while_a_host_is_looked_at(sockets: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Api, "log_message", lambda handler, *_words: asked.append(handler.path))
    one, other = (api.Api(unix=path) for path in sockets)
    with asking_once():
        assert [one.get("/_ping"), one.get("/_ping"), other.get("/_ping")] == ["OK", "OK", "OK"]
    assert len(asked) == 2
    assert one.get("/_ping") == one.get("/_ping") == "OK"
    assert len(asked) == 4
