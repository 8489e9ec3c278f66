# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses a Docker daemon listens on, as Docker writes them.

The syntax is that of ``dockerd --host`` (moby ``daemon/internal/opts/hosts.go``), narrowed to what can be
understood without guessing: a TCP endpoint names its address and its port, a UNIX socket its absolute path.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass

from . import go_syntax

_HOST_NAME = re.compile(r"^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$")


class EndpointError(ValueError):
    """The text is not an endpoint; the message says why and how to write it."""


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. ``scheme`` is "unix" (with ``path``), "fd", or "tcp" (with ``host`` and ``port``)."""

    url: str
    scheme: str
    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the endpoint."""
        if self.scheme != "tcp":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse(url: str) -> Endpoint:
    """The endpoint that ``url`` names.

    Raises EndpointError with one sentence that names the value and the way out.
    """
    scheme, separator, rest = str(url).partition("://")
    if not separator or scheme not in ("unix", "fd", "tcp"):
        raise EndpointError(f"{url!r} has no known scheme: write unix:///run/docker.sock, fd:// or tcp://0.0.0.0:2376")
    if scheme == "fd":
        if rest:
            raise EndpointError(f"{url!r}: write fd:// alone, the socket is docker.socket's")
        return Endpoint(url, "fd")
    if scheme == "unix":
        return _parse_unix(url, rest)
    return _parse_tcp(url, rest)


def _parse_unix(url: str, path: str) -> Endpoint:
    if not path.startswith("/"):
        raise EndpointError(f"{url!r} has a relative path: write unix:///run/docker.sock, with three slashes")
    # A UNIX socket's address holds 108 bytes with the closing zero, unix(7).
    if len(path.encode()) > 107 or path.endswith("/") or any(part in (".", "..") for part in path.split("/")):
        raise EndpointError(f"{url!r} is no path of a socket: it must be plain and at most 107 bytes long")
    if re.search(r"[\s%\\\"']", path):
        raise EndpointError(f"{url!r} has white space, quotes, % or backslashes in its path")
    return Endpoint(url, "unix", path=path)


def _parse_tcp(url: str, rest: str) -> Endpoint:
    match = re.match(r"^(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\[\]/]*)):(?P<port>[^:/]*)$", rest)
    if match is None:
        raise EndpointError(f"{url!r}: write an address and a port, tcp://0.0.0.0:2376 or tcp://[::]:2376")
    port = match["port"]
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise EndpointError(f"{url!r} has a bad port {port!r}: it must be a number from 1 to 65535")
    if match["v6"] is not None:
        host = match["v6"]
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise EndpointError(f"{url!r} has a bad IPv6 address {host!r}") from error
    else:
        host = match["name"]
        if not host:
            raise EndpointError(f"{url!r} names no address: write tcp://0.0.0.0:{port} to mean all of IPv4")
        if re.match(r"^[0-9.]+$", host):
            try:
                ipaddress.IPv4Address(host)
            except ValueError as error:
                raise EndpointError(f"{url!r} has a bad IPv4 address {host!r}") from error
        elif not _HOST_NAME.match(host):
            raise EndpointError(f"{url!r} has a bad host name {host!r}")
    return Endpoint(url, "tcp", host=host, port=int(port))


def normal_path(path: str) -> str:
    """``path`` with the historic ``/var/run`` written as ``/run``, which it links to (FHS 3.0, 5.13)."""
    return path[len("/var") :] if path.startswith("/var/run/") else path


def daemon_hosts(urls: list[str]) -> list[str]:
    """The ``hosts`` of daemon.json: systemd opens all UNIX sockets, with owner and mode from the first moment."""
    return ["fd://", *(url for url in urls if url.startswith("tcp://"))]


def socket_paths(urls: list[str]) -> list[str]:
    """The UNIX sockets that systemd opens; none means the packaged unit's own (``fd://``)."""
    paths = [normal_path(parse(url).path) for url in urls if url.startswith("unix://")]
    return [*paths, "/run/docker.sock"] if paths and "fd://" in urls else paths


def reached(urls: list[str], address: str) -> list[str]:
    """The TCP endpoints among ``urls`` as another machine reaches them, on a host that has ``address``."""
    remote = [one for one in map(parse, urls) if one.scheme == "tcp" and not one.is_loopback]
    return [f"tcp://{bracketed(address if one.host in ('0.0.0.0', '::') else one.host)}:{one.port}" for one in remote]


_MOST = 16


def observed(listening: list[str], address: str, declared: list[str]) -> list[str]:
    """Where to look at a host that has ``address`` and says that it is ``listening`` on these TCP endpoints.

    A host can say any address, and any number of them: others than its own are looked at where they are ``declared``.
    """
    ours = reached(declared, address)
    found: list[str] = []
    for url in listening:
        with contextlib.suppress(EndpointError):
            found += [one for one in reached([url], address) if one in ours or parse(one).host == address]
    return list(dict.fromkeys(found))[:_MOST]


def without_metrics(listening: list[str], metrics: str | None) -> list[str]:
    """The endpoints of the API among those that the daemon is ``listening`` on; ``metrics`` is its metrics-addr.

    The port tells them apart, for the kernel shows the address of a name.
    """
    found = go_syntax.host_port(metrics) if isinstance(metrics, str) else None
    port = found[1] if found else None
    return [url for url in listening if not url.startswith("tcp://") or parse(url).port != port]


def bracketed(host: str) -> str:
    """``host`` as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def problems(urls: object, tls: bool, plaintext_loopback: bool) -> list[str]:
    """What is wrong with a declared list of endpoints; empty when it can be served.

    ``tls`` says whether TCP endpoints are given mutual TLS, ``plaintext_loopback`` whether the operator
    allowed plaintext TCP on loopback by name.
    """
    if not isinstance(urls, (list, tuple)) or not urls:
        return ["must be a list with at least one endpoint, such as unix:///run/docker.sock"]
    found: list[str] = []
    endpoints: list[Endpoint] = []
    for url in urls:
        try:
            endpoints.append(parse(url))
        except EndpointError as error:
            found.append(str(error))
    seen: set[tuple[str, str, int]] = set()
    for endpoint in endpoints:
        path = normal_path(endpoint.path) if endpoint.scheme == "unix" else endpoint.host
        key = (endpoint.scheme, path, endpoint.port)
        if key in seen:
            found.append(f"{endpoint.url!r} is named twice")
        seen.add(key)
        if endpoint.scheme != "tcp" or tls:
            continue
        if not endpoint.is_loopback:
            found.append(
                f"{endpoint.url!r} without TLS would give root on the host to anyone who can reach it: "
                "switch TLS on, or listen on 127.0.0.1"
            )
        elif not plaintext_loopback:
            found.append(
                f"{endpoint.url!r} without TLS gives root to every local user: switch TLS on, "
                "or allow plaintext on loopback by name"
            )
    if endpoints and not any(endpoint.scheme in ("unix", "fd") for endpoint in endpoints):
        found.append("names no local socket: add unix:///run/docker.sock, the host manages its daemon by it")
    if len([endpoint for endpoint in endpoints if endpoint.scheme == "fd"]) and any(
        endpoint.scheme == "unix" and normal_path(endpoint.path) == "/run/docker.sock" for endpoint in endpoints
    ):
        found.append("names /run/docker.sock twice: fd:// already is docker.socket's own path")
    return found
