# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TLS server takes and shows, told from its answer to a ClientHello.

Up to TLS 1.2 the first flight of both sides is in the clear, in TLS 1.3 the first message is. So no keys are needed,
any version and cipher can be offered whatever this side's OpenSSL thinks of it, and a certificate is seen also where
the handshake would fail for want of one of ours.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from .._system.deadline import Deadline

# RFC 8446, 4.2.1; the names are Python's.
VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# RFC 8446, B.4.
_CIPHERS_1_3 = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
}
# Go has these, distributions build their OpenSSL without them.
_WEAK = {
    0x0004: "RC4-MD5",
    0x0005: "RC4-SHA",
    0x000A: "DES-CBC3-SHA",
    0xC007: "ECDHE-ECDSA-RC4-SHA",
    0xC008: "ECDHE-ECDSA-DES-CBC3-SHA",
    0xC011: "ECDHE-RSA-RC4-SHA",
    0xC012: "ECDHE-RSA-DES-CBC3-SHA",
}

# RFC 8446, 4.2.7 (X25519MLKEM768 first, then x25519, secp256r1, 384 and 521, ffdhe2048) and 4.2.3.
_GROUPS = (0x11EC, 0x001D, 0x0017, 0x0018, 0x0019, 0x0100)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST, _SERVER_HELLO_DONE = 2, 11, 13, 14
_SERVER_NAME, _SUPPORTED_GROUPS, _POINT_FORMATS, _SIGNATURE_ALGORITHMS = 0, 10, 11, 13
_SUPPORTED_VERSIONS, _KEY_SHARE = 43, 51

# More than any first flight has; a stream without an end is cut here.
_LARGEST_FLIGHT = 1024 * 1024


class HelloError(Exception):
    """What came is not TLS, or breaks off."""


@dataclass
class Answer:
    """A server's first flight: the cipher it chose, the DER of its certificates, and of the names of the authorities
    that it takes client certificates of (None where it asks for none). TLS 1.3 shows the cipher alone."""

    cipher: int
    chain: list[bytes] = field(default_factory=list)
    authorities: list[bytes] | None = None


def ciphers(version: str) -> dict[int, str]:
    """All ciphers that can be offered with ``version``, by OpenSSL's names."""
    if version == "TLSv1.3":
        return _CIPHERS_1_3
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known = {one["id"] & 0xFFFF: one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"}
    return {**known, **_WEAK}


def ask(sock: socket.socket, version: str, offered: list[int], name: str, deadline: Deadline) -> Answer | None:
    """What a server answers on a fresh connection to an offer of one version and some ciphers.

    None where it refuses, by an alert or by hanging up. Raises OSError where it stays silent, and HelloError.
    """
    try:
        sock.settimeout(deadline.left())
        sock.sendall(_client_hello(VERSIONS[version], offered, name))
        return _answer(_messages(sock, deadline), VERSIONS[version])
    except (BrokenPipeError, ConnectionResetError):
        return None


def _client_hello(version: int, offered: list[int], name: str) -> bytes:
    """RFC 8446, 4.1.2 and RFC 5246, 7.4.1.2, as a record."""
    extensions = {
        _SUPPORTED_GROUPS: _vector(2, _numbers(_GROUPS)),
        _POINT_FORMATS: _vector(1, b"\0"),
        _SIGNATURE_ALGORITHMS: _vector(2, _numbers(_SIGNATURES)),
    }
    # An address is no name (RFC 6066, 3).
    if re.search(r"[a-z]", name, re.IGNORECASE) and ":" not in name:
        extensions[_SERVER_NAME] = _vector(2, b"\0" + _vector(2, name.encode("idna")))
    if version == VERSIONS["TLSv1.3"]:
        extensions[_SUPPORTED_VERSIONS] = _vector(1, _numbers([version]))
        # None: the server then asks for one, which tells its choice and costs neither side a key (4.2.8).
        extensions[_KEY_SHARE] = _vector(2, b"")
    body = (
        _numbers([min(version, VERSIONS["TLSv1.2"])])
        + os.urandom(32)
        + _vector(1, b"")
        + _vector(2, _numbers(offered))
        + _vector(1, b"\0")
        + _vector(2, b"".join(_numbers([kind]) + _vector(2, data) for kind, data in extensions.items()))
    )
    return bytes([_HANDSHAKE, 3, 1]) + _vector(2, b"\x01" + _vector(3, body))


def _numbers(values: tuple[int, ...] | list[int]) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def _vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


class _Reader:
    """Bytes as TLS writes them (RFC 8446, 3). Raises HelloError where they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        if len(self.data) < count:
            raise HelloError("the answer breaks off")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))

    def vectors(self, size: int) -> list[bytes]:
        found = []
        while self.data:
            found.append(self.vector(size))
        return found


def _messages(sock: socket.socket, deadline: Deadline) -> Iterator[tuple[int, bytes]]:
    """The handshake messages as they come, until the server ends or refuses."""
    pending, total = b"", 0
    while total < _LARGEST_FLIGHT:
        header = _receive(sock, 5, deadline)
        if not header:
            return
        kind, major, size = header[0], header[1], int.from_bytes(header[3:], "big")
        if kind not in (_ALERT, _HANDSHAKE) or major != 3:
            raise HelloError("the answer is no TLS")
        data = _receive(sock, size, deadline)
        total += 5 + size
        if kind == _ALERT:
            # A warning (level 1), such as one about the name, may come before the answer.
            if data[:1] == b"\x01":
                continue
            return
        pending += data
        while len(pending) >= 4 and len(pending) >= 4 + int.from_bytes(pending[1:4], "big"):
            end = 4 + int.from_bytes(pending[1:4], "big")
            yield pending[0], pending[4:end]
            pending = pending[end:]
    raise HelloError("the answer has no end")


def _receive(sock: socket.socket, count: int, deadline: Deadline) -> bytes:
    """So many bytes, or none where the server has hung up before the first."""
    data = b""
    while len(data) < count:
        sock.settimeout(deadline.left())
        more = sock.recv(count - len(data))
        if not more and data:
            raise HelloError("the answer breaks off")
        if not more:
            break
        data += more
    return data


def _answer(messages: Iterator[tuple[int, bytes]], version: int) -> Answer | None:
    found: Answer | None = None
    for kind, body in messages:
        if kind == _SERVER_HELLO:
            chosen, cipher = _server_hello(body)
            # A server may answer with an older version than it was offered.
            if chosen != version:
                return None
            found = Answer(cipher)
            if version == VERSIONS["TLSv1.3"]:
                return found
        elif found is None:
            raise HelloError("the answer is no hello")
        elif kind == _CERTIFICATE:
            found.chain = _Reader(_Reader(body).vector(3)).vectors(3)
        elif kind == _CERTIFICATE_REQUEST:
            found.authorities = _authorities(body, version)
        elif kind == _SERVER_HELLO_DONE:
            return found
    return found


def _server_hello(body: bytes) -> tuple[int, int]:
    """Version and cipher (RFC 8446, 4.1.3; a HelloRetryRequest has the same form)."""
    reader = _Reader(body)
    version = reader.number(2)
    reader.take(32)
    reader.vector(1)
    cipher = reader.number(2)
    reader.take(1)
    extensions = _Reader(reader.vector(2) if reader.data else b"")
    while extensions.data:
        kind, data = extensions.number(2), _Reader(extensions.vector(2))
        if kind == _SUPPORTED_VERSIONS:
            version = data.number(2)
    return version, cipher


def _authorities(body: bytes, version: int) -> list[bytes]:
    """The names in a CertificateRequest (RFC 5246, 7.4.4; RFC 4346 knows no signature algorithms there)."""
    reader = _Reader(body)
    reader.vector(1)
    if version >= VERSIONS["TLSv1.2"]:
        reader.vector(2)
    return _Reader(reader.vector(2)).vectors(2)
