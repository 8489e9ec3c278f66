# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine API over a UNIX socket, a TCP or a TLS connection, with the standard library alone.

Every call has a deadline. Paths are unversioned ("/info"), so each daemon answers in its own newest version.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl


class ApiError(Exception):
    """The daemon could not be reached, or answered with an error.

    ``status`` is the HTTP status, or None where there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """One daemon, reached in one way; each call opens and closes its own connection."""

    def __init__(
        self,
        unix: str | None = None,
        tcp: tuple[str, int] | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 5.0,
    ) -> None:
        self._unix = unix
        self._tcp = tcp
        self._tls = tls
        self._timeout = timeout

    def _connection(self) -> http.client.HTTPConnection:
        if self._unix is not None:
            return _UnixConnection(self._unix, self._timeout)
        assert self._tcp is not None
        host, port = self._tcp
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    def get(self, path: str) -> Any:
        """The decoded JSON (or, for other content, the text) of ``GET path``.

        Raises ApiError with the daemon's own message, or with the reason why there was no answer.
        """
        connection = self._connection()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        is_json = "json" in (response.getheader("Content-Type") or "")
        data = json.loads(body) if is_json and body else body
        if response.status >= 400:
            message = data.get("message", body) if isinstance(data, dict) else body.strip()
            raise ApiError(message, response.status)
        return data
