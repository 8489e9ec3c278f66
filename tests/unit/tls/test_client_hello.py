"""Whatever a server answers to a ClientHello, it is an answer, a refusal, or an error of its own kind."""

from __future__ import annotations

import contextlib
import socket

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._system.deadline import Deadline
from ansible_collections.mooring.docker.plugins.module_utils._tls import client_hello
from ansible_collections.mooring.docker.plugins.module_utils._tls.client_hello import Answer, HelloError, ask
from hypothesis import given
from hypothesis import strategies as st


def said(answer: bytes, version: str = "TLSv1.2") -> Answer | None:
    """What is made of an answer, after which the server hangs up."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        return ask(ours, version, [0xC02B], "docker.example", Deadline(2))


def record(*messages: tuple[int, bytes], kind: int = 22) -> bytes:
    body = b"".join(bytes([message]) + len(data).to_bytes(3, "big") + data for message, data in messages)
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def hello(version: int = 0x0303, extensions: bytes = b"") -> tuple[int, bytes]:
    tail = len(extensions).to_bytes(2, "big") + extensions if extensions else b""
    return 2, version.to_bytes(2, "big") + bytes(32) + b"\0" + b"\xc0\x2b" + b"\0" + tail


DONE = (14, b"")
WARNING, FATAL = b"\x15\x03\x03\x00\x02\x01\x70", b"\x15\x03\x03\x00\x02\x02\x28"


def test_answers() -> None:
    assert said(record(hello(), DONE)) == Answer(0xC02B)
    certificates = (11, b"\0\0\x09" + b"\0\0\x01a" + b"\0\0\x02bc")
    request = (13, b"\x01\x40" + b"\0\x02\x04\x03" + b"\0\x05\0\x03abc")
    # A message may come in two records, and a warning before them.
    whole = record(hello(), certificates, request, DONE)
    for cut in (6, 50, len(whole) - 6):
        halves = whole[5 : 5 + cut], whole[5 + cut :]
        split = b"".join(whole[:3] + len(half).to_bytes(2, "big") + half for half in halves)
        assert said(WARNING + split) == Answer(0xC02B, [b"a", b"bc"], [b"abc"])
    assert said(record(hello(extensions=b"\0\x2b\0\x02\x03\x04")), "TLSv1.3") == Answer(0xC02B)


def test_refusals() -> None:
    for refusal in (FATAL, b"", WARNING, record(hello(0x0302), DONE)):
        assert said(refusal) is None
    # An older version than the offered one is no answer to it.
    assert said(record(hello()), "TLSv1.3") is None


@pytest.mark.parametrize("nonsense", [b"SSH-2.0-x\r\n", record(DONE), record(hello())[:-3], record((2, b"\3"))])
def test_nonsense(nonsense: bytes) -> None:
    with pytest.raises(HelloError):
        said(nonsense)


@given(st.binary(max_size=200), st.booleans())
def test_anything(data: bytes, framed: bool) -> None:
    with contextlib.suppress(HelloError):
        said(record((2, data), (11, data), (13, data)) if framed else data)


def test_names_are_sent_and_addresses_are_not() -> None:
    for name, sent in (("docker.example", True), ("192.0.2.7", False), ("2001:db8::7", False)):
        assert (name.encode() in client_hello._client_hello(0x0303, [0xC02B], name)) is sent
