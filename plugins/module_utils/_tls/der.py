# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DER (X.690, 8.1 and 10.1), as far as keys and names need it: definite lengths, tags of one byte."""

from __future__ import annotations

SEQUENCE, INTEGER, OCTETS, OBJECT = 0x30, 0x02, 0x04, 0x06


def encode(tag: int, *contents: bytes) -> bytes:
    """A value: its tag, its length and the ``contents`` one after the other."""
    data = b"".join(contents)
    size = len(data)
    if size < 0x80:
        return bytes([tag, size]) + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data


def integer(value: int) -> bytes:
    """A number that is not negative."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def decode(data: bytes) -> list[tuple[int, bytes]]:
    """The values that stand one after the other in ``data``, each its tag and its contents. Raises ValueError."""
    found = []
    while data:
        if len(data) < 2:
            raise ValueError("DER ends within a value")
        start, size = 2, data[1]
        if size & 0x80:
            start = 2 + (size & 0x7F)
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            raise ValueError("DER ends within a value")
        found.append((data[0], data[start : start + size]))
        data = data[start + size :]
    return found
