# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine API over a UNIX socket, a TCP or a TLS connection, with the standard library alone.

Every call has a deadline that holds for all of it, however slowly the bytes come. Paths are unversioned
("/info"), so each daemon answers in its own newest version.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

from .._config.endpoints import bracketed
from .._system.asking import once
from .._system.deadline import Deadline

if TYPE_CHECKING:
    import ssl

# More than any answer has; a stream without an end is cut here.
_LARGEST_ANSWER = 64 * 1024 * 1024


class ApiError(Exception):
    """The daemon could not be reached, or answered with an error.

    ``status`` is the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def open_unix(path: str, deadline: Deadline) -> socket.socket:
    """A connection to a UNIX socket. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    return _connected(sock, path, deadline)


def open_tcp(host: str, port: int, deadline: Deadline) -> socket.socket:
    """A connection to the first of the host's addresses that takes one. Raises OSError."""
    failure: OSError | None = None
    for family, kind, protocol, _name, address in _resolve(host, port, deadline):
        try:
            return _connected(socket.socket(family, kind, protocol), address, deadline)
        except OSError as error:
            failure = error
    raise failure or OSError(f"{host} has no address")


def _connected(sock: socket.socket, address: Any, deadline: Deadline) -> socket.socket:
    try:
        sock.settimeout(deadline.left())
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(host: str, port: int, deadline: Deadline) -> list[Any]:
    """getaddrinfo(3) knows no deadline, so a thread waits for it, and is left behind if need be."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline.left())
    if not answers:
        raise socket.timeout(f"no resolver answered for {host}")
    if isinstance(answers[0], OSError):
        raise OSError(f"{host}: {answers[0].strerror or answers[0]}")
    found: list[Any] = answers[0]
    return found


def secure(sock: socket.socket, context: ssl.SSLContext, name: str, deadline: Deadline) -> ssl.SSLSocket:
    """TLS over ``sock`` with ``name`` as SNI and, where ``context`` verifies, as the name to have. Raises OSError."""
    sock.settimeout(deadline.left())
    return context.wrap_socket(sock, server_hostname=name)


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


class _Stream:
    """What http.client uses of a socket, bounded by a deadline. The socket stays its owner's, who closes it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.left())
        # A server that refuses us closes while we write; its reason (in TLS 1.3 an alert) is there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline))

    def close(self) -> None:
        pass


def exchange(
    sock: socket.socket,
    path: str,
    deadline: Deadline,
    host: str = "localhost",
    method: str = "GET",
    content: Any = None,
) -> Any:
    """The decoded JSON (or, for other content, the text) that answers a request over a connection, used once.

    ``content`` is sent where it is not None: bytes as a tar archive, anything else as JSON.

    Raises ApiError with the daemon's own message, or with the reason why there was no answer (then its
    ``__cause__`` is the OSError or HTTPException).
    """
    connection = http.client.HTTPConnection("localhost")
    stream: Any = _Stream(sock, deadline)
    connection.sock = stream
    try:
        headers = {"Host": host, "Connection": "close"}
        body_sent = None
        if isinstance(content, bytes):
            body_sent, headers["Content-Type"] = content, "application/x-tar"
        elif content is not None:
            body_sent, headers["Content-Type"] = json.dumps(content).encode(), "application/json"
        connection.request(method, path, body_sent, headers)
        response = connection.getresponse()
        body = response.read(_LARGEST_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise ApiError(reason(error)) from error
    is_json = "json" in (response.getheader("Content-Type") or "")
    try:
        data = json.loads(body) if is_json and body else body
    except ValueError as error:
        raise ApiError(
            f"{method} {path}: the answer is not the JSON it claims to be: {error}", response.status
        ) from error
    if response.status >= 400:
        message = data.get("message", body) if isinstance(data, dict) else body.strip()
        raise ApiError(message or f"HTTP status {response.status}", response.status)
    return data


def reason(error: BaseException) -> str:
    """An exception in one line that is never empty."""
    if isinstance(error, OSError) and "timed out" in str(error):
        return "timed out"
    # ssl.SSLError: what OpenSSL says of the certificate, or its word for the alert ("TLSV13_ALERT_...").
    verdict, alert = getattr(error, "verify_message", None), getattr(error, "reason", None)
    if isinstance(error, OSError) and (verdict or alert):
        return str(verdict or str(alert).replace("_", " ").lower())
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


class Api:
    """One daemon, reached in one way; each call opens and closes its own connection, within ``timeout`` seconds.

    ``server_name`` is the name that the server's certificate must have, where it is not the host's.
    """

    def __init__(
        self,
        unix: str | None = None,
        tcp: tuple[str, int] | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 5.0,
        server_name: str | None = None,
    ) -> None:
        self._unix = unix
        self._tcp = tcp
        self._tls = tls
        self._timeout = timeout
        self._server_name = server_name

    def _open(self, deadline: Deadline) -> tuple[socket.socket, str]:
        """A connection and the Host header to use over it."""
        if self._unix is not None:
            return open_unix(self._unix, deadline), "localhost"
        assert self._tcp is not None
        host, port = self._tcp
        sock = open_tcp(host, port, deadline)
        if self._tls is not None:
            sock = secure(sock, self._tls, self._server_name or host, deadline)
        return sock, f"{bracketed(host)}:{port}"

    def get(self, path: str) -> Any:
        """The decoded JSON (or, for other content, the text) of ``GET path``. Raises ApiError as ``request`` does."""
        return once((self._unix, self._tcp, self._tls, path), lambda: self.request("GET", path))

    def post(self, path: str, content: Any) -> Any:
        """What ``POST path`` answers to ``content``, as ``exchange`` sends it. Raises ApiError as ``request`` does."""
        return self.request("POST", path, content)

    def delete(self, path: str) -> Any:
        """What ``DELETE path`` answers. Raises ApiError as ``request`` does."""
        return self.request("DELETE", path)

    def request(self, method: str, path: str, content: Any = None) -> Any:
        """The decoded JSON (or, for other content, the text) that answers a request.

        Raises ApiError with the daemon's own message, or with the reason why there was no answer.
        """
        deadline = Deadline(self._timeout)
        try:
            sock, host = self._open(deadline)
        except OSError as error:
            raise ApiError(reason(error)) from error
        with sock:
            return exchange(sock, path, deadline, host, method, content)
