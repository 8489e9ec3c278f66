# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces, their addresses and routes as the kernel has them, rtnetlink(7), without a process for each question.

``links`` answers in the words of ``ip -json -details address``, with what Mooring reads of them; ``Routes`` as
``ip route get`` does, by all rules and tables.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

Link = dict[str, Any]

# netlink(7)
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_REQUEST, _DUMP, _DUMP_INTERRUPTED = 0x1, 0x300, 0x10
_ERROR, _DONE = 2, 3
_TYPE_MASK = 0x3FFF

# rtnetlink(7), linux/if_link.h, linux/if_addr.h
_NEWLINK, _GETLINK, _NEWADDR, _GETADDR = 16, 18, 20, 22
_LINK = struct.Struct("=BxHiII")  # family, device type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 1, 3, 4, 5, 10
_IFLA_OPERSTATE, _IFLA_LINKINFO, _IFLA_EXT_MASK, _IFLA_LINK_NETNSID = 16, 18, 29, 37
_IFLA_INFO_KIND = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_SKIP_STATISTICS = 0x8

# linux/rtnetlink.h, linux/fib_rules.h
_NEWROUTE, _GETROUTE, _NEWRULE, _GETRULE = 24, 26, 32, 34
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, destination's and source's lengths, TOS, table, protocol, scope, type
_RTA_DST, _RTA_SRC, _RTA_IIF, _RTA_OIF = 1, 2, 3, 4
_FRA_FWMARK = 10

_FLAGS = {0x1: "UP", 0x2: "BROADCAST", 0x8: "LOOPBACK", 0x80: "NOARP", 0x1000: "MULTICAST", 0x10000: "LOWER_UP"}
# RFC 2863, in the kernel's order.
_OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")

_TRIES = 5


class Interrupted(Exception):
    """Interfaces changed while they were listed."""


def links(timeout: float) -> list[Link]:
    """The interfaces of the network namespace that this thread is in. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(timeout)
        for _try in range(_TRIES):
            try:
                found = b"".join(_dump(sock, _GETLINK, _LINK.pack(0, 0, 0, 0, 0) + _without_statistics()))
                addresses = b"".join(_dump(sock, _GETADDR, _ADDRESS.pack(0, 0, 0, 0, 0)))
                return parse(found, addresses)
            except Interrupted:
                continue
        raise OSError(f"its interfaces changed in each of {_TRIES} looks")


def _without_statistics() -> bytes:
    return _ATTRIBUTE.pack(8, _IFLA_EXT_MASK) + struct.pack("=I", _SKIP_STATISTICS)


def _dump(sock: socket.socket, kind: int, body: bytes) -> Iterator[bytes]:
    """What the kernel sends to a request for a whole table, datagram by datagram, up to its end."""
    sock.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | _DUMP, 0, 0) + body)
    while True:
        datagram = sock.recv(1 << 17)
        yield datagram
        if any(message == _DONE for message, _body in _messages(datagram)):
            return


class Way(NamedTuple):
    """Where the kernel leads a packet: out by an ``interface``, or nowhere, for an ``error`` in the kernel's words."""

    interface: str | None
    error: str | None


class Routes:
    """Questions to the kernel about routes. No packet is sent for them. A context manager; methods raise OSError."""

    def __init__(self, timeout: float) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.settimeout(timeout)
        self._names = dict(socket.if_nameindex())

    def __enter__(self) -> Routes:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def way(self, destination: str, source: str | None = None, incoming: str | None = None) -> Way | None:
        """The way of a packet of the host's own or, from ``source``, of one that comes in by ``incoming``.

        None where that interface has gone.
        """
        packed = ipaddress.ip_address(destination).packed
        family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
        attributes = [(_RTA_DST, packed)]
        if source:
            attributes.append((_RTA_SRC, ipaddress.ip_address(source).packed))
        if incoming:
            index = next((number for number, name in self._names.items() if name == incoming), None)
            if index is None:
                return None
            attributes.append((_RTA_IIF, struct.pack("=I", index)))
        length = 8 * len(packed)
        body = _ROUTE.pack(family, length, length if source else 0, 0, 0, 0, 0, 0, 0)
        for kind, value in attributes:
            body += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), _GETROUTE, _REQUEST, 0, 0) + body)
        try:
            for kind, answer in _messages(self._socket.recv(1 << 16)):
                if kind == _NEWROUTE:
                    return self._led(answer)
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.ETIMEDOUT, None) or isinstance(error, socket.timeout):
                raise
            return Way(None, os.strerror(error.errno))
        return None

    def _led(self, body: bytes) -> Way:
        outgoing = _attributes(body, _ROUTE.size).get(_RTA_OIF)
        return Way(self._names.get(_number(outgoing)) if outgoing else None, None)

    def regard_marks(self, family: int) -> bool:
        """Whether a rule of policy routing looks at marks, which packet filters give to packets."""
        found = b"".join(_dump(self._socket, _GETRULE, _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)))
        return any(
            kind == _NEWRULE and _FRA_FWMARK in _attributes(body, _ROUTE.size) for kind, body in _messages(found)
        )


def parse(link_dump: bytes, address_dump: bytes) -> list[Link]:
    """Both tables in one list. Raises OSError where the kernel refused, Interrupted where they are not one moment's."""
    found: dict[int, Link] = {}
    for kind, body in _messages(link_dump):
        if kind == _NEWLINK:
            link = _link(body)
            found[link["ifindex"]] = link
    for link in found.values():
        if "master" in link:
            # An interface that came between two datagrams is not listed yet.
            link["master"] = found.get(link["master"], {}).get("ifname", str(link["master"]))
    for kind, body in _messages(address_dump):
        if kind == _NEWADDR:
            index, address = _address(body)
            if address and index in found:
                found[index]["addr_info"].append(address)
    return list(found.values())


def _messages(dump: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each message."""
    offset = 0
    while offset + _HEADER.size <= len(dump):
        length, kind, flags, _sequence, _port = _HEADER.unpack_from(dump, offset)
        if length < _HEADER.size:
            raise OSError(f"netlink: a message of {length} bytes")
        body = dump[offset + _HEADER.size : offset + length]
        if flags & _DUMP_INTERRUPTED:
            raise Interrupted
        if kind == _ERROR:
            number = -struct.unpack_from("=i", body)[0]
            raise OSError(number, f"netlink: error {number}")
        yield kind, body
        offset += (length + 3) & ~3


def _attributes(body: bytes, offset: int = 0) -> dict[int, bytes]:
    found = {}
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found


def _number(value: bytes) -> int:
    number: int = struct.unpack("=i", value)[0]
    return number


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "replace")


def _link(body: bytes) -> Link:
    _family, _type, index, flags, _change = _LINK.unpack_from(body)
    said = _attributes(body, _LINK.size)
    state = said.get(_IFLA_OPERSTATE, b"\0")[0]
    link: Link = {
        "ifindex": index,
        "ifname": _text(said[_IFLA_IFNAME]),
        "flags": [name for bit, name in _FLAGS.items() if flags & bit],
        "mtu": _number(said[_IFLA_MTU]),
        "operstate": _OPERSTATES[state] if state < len(_OPERSTATES) else str(state),
        "addr_info": [],
    }
    if said.get(_IFLA_ADDRESS):
        link["address"] = ":".join(f"{byte:02x}" for byte in said[_IFLA_ADDRESS])
    kind = _attributes(said.get(_IFLA_LINKINFO, b"")).get(_IFLA_INFO_KIND)
    if kind:
        link["linkinfo"] = {"info_kind": _text(kind)}
    if _IFLA_MASTER in said:
        link["master"] = _number(said[_IFLA_MASTER])
    # Without a namespace's id, the other end is an interface beside this one.
    if _IFLA_LINK in said and _IFLA_LINK_NETNSID in said:
        link["link_index"] = _number(said[_IFLA_LINK])
        link["link_netnsid"] = _number(said[_IFLA_LINK_NETNSID])
    return link


def _address(body: bytes) -> tuple[int, dict[str, Any] | None]:
    family, length, _flags, _scope, index = _ADDRESS.unpack_from(body)
    said = _attributes(body, _ADDRESS.size)
    # IFA_ADDRESS is the peer's where there is one; IPv6 mostly has no other.
    local = said.get(_IFA_LOCAL) or said.get(_IFA_ADDRESS)
    if family not in (socket.AF_INET, socket.AF_INET6) or not local:
        return index, None
    name = "inet" if family == socket.AF_INET else "inet6"
    return index, {"family": name, "local": str(ipaddress.ip_address(local)), "prefixlen": length}
