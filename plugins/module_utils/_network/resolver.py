# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether DNS requests of containers get to the engine, which answers them at 127.0.0.11.

There it listens on a port of its own, and rules of the container's network namespace lead port 53 to it (moby,
libnetwork/resolver_unix.go). Each container is asked for its own name, which the engine knows: nobody else is asked.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time

_SERVER = ("127.0.0.11", 53)
_TIMEOUT = 0.3
"""Seconds for all answers together."""

# RFC 1035, 4.1: recursion desired, and an A record of class IN.
_HEADER = struct.Struct("!HHHHHH")
_RECURSION_DESIRED = 0x0100
_A_IN = struct.pack("!HH", 1, 1)
_LONGEST_LABEL = 63


class Requests:
    """Requests that are on their way. A context manager."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._found: dict[str, bool | None] = {}

    def __enter__(self) -> Requests:
        return self

    def __exit__(self, *_error: object) -> None:
        for sock in self._sockets.values():
            sock.close()

    def send(self, container: str, name: str) -> None:
        """Send one in the network namespace that this thread is in: that of ``container``, an id."""
        self._found[container] = None
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._sockets[container] = sock
        # What its own filters forbid tells nothing.
        with contextlib.suppress(OSError):
            sock.connect(_SERVER)
            sock.send(request(name))

    def answers(self) -> dict[str, bool | None]:
        """Container id to whether there was an answer: False for a refusal, None for neither within a moment."""
        left = {sock.fileno(): container for container, sock in self._sockets.items()}
        deadline = time.monotonic() + _TIMEOUT
        poll = select.poll()
        for number in left:
            poll.register(number, select.POLLIN)
        while left and (remaining := deadline - time.monotonic()) > 0:
            for number, _event in poll.poll(remaining * 1000):
                container = left.pop(number)
                poll.unregister(number)
                with contextlib.suppress(BlockingIOError):
                    self._found[container] = _is_answer(self._sockets[container])
        return self._found


def _is_answer(sock: socket.socket) -> bool | None:
    try:
        return bool(sock.recv(512))
    except ConnectionRefusedError:
        return False
    except OSError:
        return None


def request(name: str) -> bytes:
    """A DNS request for the IPv4 address of a name."""
    labels = [label.encode()[:_LONGEST_LABEL] for label in name.split(".") if label]
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(1, _RECURSION_DESIRED, 1, 0, 0, 0) + encoded + _A_IN
