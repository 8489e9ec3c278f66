# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether connections come up between the host and a container, and from there to others, as they really do.

The container (a canary that rests) does nothing but be there. The sockets at its end are this very process's, made in
its network namespace. What it does not reach counts only where the host itself reaches it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from .._config.options import Config
from .._engine import canary
from .._engine.api import ApiError
from .._engine.canary import CanaryError, Resting
from .._system import namespaces, observed
from . import resolver

_TIMEOUT = 2.0
"""Seconds for a connection, which takes one resent packet."""

_DISCARD = 9
"""A port that gateways refuse (RFC 863): a refusal comes from them as well."""


class _Target(NamedTuple):
    """A machine elsewhere that answers, as a rule: a DNS server, or a gateway."""

    address: str
    port: int
    is_dns: bool

    def __str__(self) -> str:
        return f"the DNS server {self.address}" if self.is_dns else f"the gateway {self.address}"


def test(config: Config, network: observed.Network, timeout: float) -> observed.PathTest | None:
    """Start a canary, connect, and remove it; None on a host without docker0.

    ``network`` is the host's, ``timeout`` is seconds for each request to the daemon.
    """
    found: observed.PathTest = {"to_container": None, "published": None, "outward": None, "obstacle": None}
    if config.get("bridge"):
        return None
    try:
        with canary.resting(config, timeout) as container, ThreadPoolExecutor(max_workers=1) as inside:
            if container.address:
                inside.submit(namespaces.enter_network, container.pid).result()
                _connect(container, inside, found)
                found["outward"] = _unreached(inside, list(_targets(network)))
    except (ApiError, CanaryError, OSError) as error:
        found["obstacle"] = str(error)
    return found


def _connect(container: Resting, inside: ThreadPoolExecutor, found: observed.PathTest) -> None:
    """Connect from the host. Raises OSError where nobody can listen in the container."""
    address = (container.address, canary.PORT)
    with inside.submit(socket.create_server, address).result() as server:
        server.settimeout(_TIMEOUT)
        found["to_container"] = _problem(address, server)
        if container.published and found["to_container"] is None:
            found["published"] = _problem(("127.0.0.1", container.published), server)


def _problem(address: tuple[str, int], server: socket.socket) -> str | None:
    """Why what is sent to an address does not get to the server; None where it does."""
    token = secrets.token_bytes(16)
    try:
        with socket.create_connection(address, timeout=_TIMEOUT) as client:
            client.sendall(token)
            taken, _client = server.accept()
            with taken:
                taken.settimeout(_TIMEOUT)
                return None if taken.recv(len(token)) == token else f"{_shown(address)}: something else answers"
    except OSError as error:
        return f"{_shown(address)}: {error.strerror or error}"


def _shown(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


def _targets(network: observed.Network) -> Iterator[_Target]:
    """The machines elsewhere that the host knows, over IPv4."""
    own = {one["address"].partition("/")[0] for one in network["addresses"]}
    for text in network["resolvers"]:
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(text)
            if address.version == 4 and not address.is_loopback and text not in own:
                yield _Target(text, 53, True)
    for route in network["routes"]:
        if route["destination"] == "default" and route["table"] == "main":
            yield from (_Target(gateway, _DISCARD, False) for gateway in route["gateways"] if "." in gateway)


def _unreached(inside: ThreadPoolExecutor, targets: list[_Target]) -> str | None:
    """The first target that the host reaches, where the container does not."""
    for target in dict.fromkeys(targets):
        if _reaches(target):
            return None if inside.submit(_reaches, target).result() else str(target)
    return None


def _reaches(target: _Target) -> bool:
    """Whether the machine answers, in one of two tries, from the network namespace of this thread."""
    return any(_answers(target) for _try in range(2))


def _answers(target: _Target) -> bool:
    try:
        kind = socket.SOCK_DGRAM if target.is_dns else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.settimeout(_TIMEOUT / 2)
            sock.connect((target.address, target.port))
            if target.is_dns:
                sock.send(resolver.request("localhost"))
                return bool(sock.recv(512))
    except ConnectionRefusedError:
        return not target.is_dns
    except OSError:
        return False
    return True
