"""Who has no certificate of the clients' authority gets no answer of the API, in whatever way it comes.

Every test lets the right client in beside the hostile one, by the same means, so that neither a dead daemon nor a
broken test can look like a locked door.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import resource
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import probe
from clients import HOSTS, Client
from forge import CLIENT, SERVER, Pair

PORT = 2376
REQUEST = b"GET /version HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@dataclasses.dataclass
class Visit:
    """What a client met: its own port, all that the daemon sent, and what ended the connection."""

    port: int = 0
    answer: bytes = b""
    error: str = ""

    @property
    def let_in(self) -> bool:
        """Whether the API has answered."""
        return b'"ApiVersion"' in self.answer


def knock(name: str, context: ssl.SSLContext | None, request: bytes = REQUEST, server_name: str = "") -> Visit:
    """Ask the daemon of a host for its version over a connection of one's own, over TLS where there is a context."""
    address = reach.declared(name)["address"]
    found = Visit()
    with socket.create_connection((address, PORT), timeout=10) as plain:
        found.port = plain.getsockname()[1]
        try:
            sock = context.wrap_socket(plain, server_hostname=server_name or address) if context else plain
            sock.sendall(request)
            while data := sock.recv(65536):
                found.answer += data
        except OSError as error:
            found.error = str(error)
    return found


def written(name: str, visits: list[Visit]) -> dict[int, str]:
    """What the daemon has written of each visit, by the client's port."""
    until = time.monotonic() + 10
    while True:
        text = reach.over_ssh(name).check_output("journalctl --unit docker --since -2min --output cat --quiet")
        found = {
            visit.port: " ".join(line for line in text.splitlines() if f":{visit.port}: " in line) for visit in visits
        }
        if all(found.values()) or time.monotonic() > until:
            return found
        time.sleep(0.2)


@dataclasses.dataclass
class Fleet:
    """How a client comes, and the authorities that it may have got hold of."""

    ca: str
    right: Pair
    client_authority: forge.Issuer
    server_authority: forge.Issuer

    def context(self, pair: Pair | None, only: ssl.TLSVersion | None = None, ciphers: str = "") -> ssl.SSLContext:
        """A client of the fleet that verifies its servers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca)
        if only:
            context.minimum_version = context.maximum_version = only
        if ciphers:
            context.set_ciphers(ciphers)
        if pair:
            context.load_cert_chain(*pair)
        return context

    def lets_the_right_one_in(self, name: str) -> bool:
        """The control of each test."""
        return knock(name, self.context(self.right)).let_in


@pytest.fixture(scope="module")
def ours(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The fleet as the tests before have left it."""
    place = tmp_path_factory.mktemp("forged")
    directory = client.directory
    return Fleet(
        ca=str(directory / "ca.pem"),
        right=(str(directory / "client" / "cert.pem"), str(directory / "client" / "key.pem")),
        client_authority=reach.authority("client", place / "clients"),
        server_authority=reach.authority("server", place / "servers"),
    )


# --- certificates


@pytest.fixture(scope="module")
def forged(ours: Fleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair | None]:
    """What hostile clients show."""
    place = tmp_path_factory.mktemp("forgery")
    clients, servers = ours.client_authority, ours.server_authority
    real_name = clients.name.get_attributes_for_oid(forge.NameOID.COMMON_NAME)[0].value
    member = forge.holder(place / "member", ours.right).issue("friend", CLIENT)
    Path(member[0]).write_text(Path(member[0]).read_text() + Path(ours.right[0]).read_text())
    return {
        "no certificate": None,
        "of another authority": forge.Authority(place / "other").issue("mallory", CLIENT),
        "of another authority of the same name": forge.Authority(place / "same", str(real_name)).issue("m", CLIENT),
        "signed by itself": forge.self_signed(place, "mallory", CLIENT),
        "signed by a client": member,
        "expired": clients.issue("late", CLIENT, since=-2, until=-0.01),
        "not yet valid": clients.issue("early", CLIENT, since=0.01, until=2),
        "a server's": servers.issue("daemon", SERVER, names=["127.0.0.1"]),
        "a client's of the servers' authority": servers.issue("mallory", CLIENT),
        "a server's of the clients' authority": clients.issue("daemon", SERVER),
    }


UNKNOWN = "unknown authority"
DATES = "expired or is not yet valid"


# What the daemon writes of it (Go, crypto/tls and crypto/x509).
WHY = {
    "no certificate": "didn't provide a certificate",
    "of another authority": UNKNOWN,
    "of another authority of the same name": UNKNOWN,
    "signed by itself": UNKNOWN,
    "signed by a client": UNKNOWN,
    "expired": DATES,
    "not yet valid": DATES,
    "a server's": UNKNOWN,
    "a client's of the servers' authority": UNKNOWN,
    "a server's of the clients' authority": "incompatible key usage",
}


@pytest.mark.parametrize("name", HOSTS)
def test_certificates_that_stay_out(ours: Fleet, forged: dict[str, Pair | None], name: str) -> None:
    assert forged.keys() == WHY.keys()
    visits = {
        (shown, only): knock(name, ours.context(forged[shown], only)) for shown in WHY for only in (TLS_1_2, TLS_1_3)
    }
    assert [key for key, met in visits.items() if met.answer] == []
    journal = written(name, list(visits.values()))
    for (shown, only), met in visits.items():
        assert WHY[shown] in journal[met.port], (shown, only, met)
    assert ours.lets_the_right_one_in(name)


@pytest.mark.parametrize("name", HOSTS)
def test_certificate_without_usages_is_for_any(ours: Fleet, name: str, tmp_path: Path) -> None:
    """RFC 5280, 4.2.1.12, and so does Go. The authority of clients alone decides who is one."""
    assert knock(name, ours.context(dataclasses.replace(ours.client_authority, directory=tmp_path).issue("x"))).let_in


# --- plain text


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param(REQUEST, id="HTTP/1.1"),
        pytest.param(
            REQUEST.replace(
                b"Connection: close",
                b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
            ),
            id="HTTP/1.1 that would be HTTP/2",
        ),
        # RFC 9113, 3.3: the preface, SETTINGS, and HEADERS with GET / in HPACK's static table.
        pytest.param(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" + b"\0\0\3\1\5\0\0\0\1\x82\x84\x86",
            id="HTTP/2 with prior knowledge",
        ),
        # PROXY protocol, which some servers take an address from.
        pytest.param(b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 2376\r\n" + REQUEST, id="PROXY from localhost"),
    ],
)
@pytest.mark.parametrize("name", HOSTS)
def test_plain_text_stays_out(ours: Fleet, name: str, request_text: bytes) -> None:
    met = knock(name, None, request_text)
    assert not met.let_in
    # Nothing, an alert, or Go's word for it.
    assert not met.answer or met.answer.startswith(b"\x15\x03") or b"HTTP request to an HTTPS server" in met.answer
    assert b"200" not in met.answer
    assert ours.lets_the_right_one_in(name)


# --- TLS as it should not be, with the right certificate


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("only", "ciphers"),
    [
        pytest.param(ssl.TLSVersion.TLSv1, "ALL", id="TLS 1.0"),
        pytest.param(ssl.TLSVersion.TLSv1_1, "ALL", id="TLS 1.1"),
        pytest.param(TLS_1_2, "eNULL", id="without encryption"),
        pytest.param(TLS_1_2, "aNULL", id="without the server's certificate"),
        pytest.param(TLS_1_2, "kRSA", id="without forward secrecy"),
    ],
)
@pytest.mark.parametrize("name", HOSTS)
def test_weak_tls_stays_out(ours: Fleet, name: str, only: ssl.TLSVersion, ciphers: str) -> None:
    met = knock(name, ours.context(ours.right, only, f"{ciphers}:@SECLEVEL=0"))
    assert not met.answer
    # By the daemon's word, not by this client's own.
    assert "alert" in met.error.lower(), met
    assert knock(name, ours.context(ours.right, TLS_1_2, "ALL:@SECLEVEL=0")).let_in


@pytest.mark.parametrize("name", HOSTS)
def test_endpoint_info_on_the_host_tells_the_same(ours: Fleet, name: str) -> None:
    """By another program, with another OpenSSL, and for ciphers that this one has not."""
    url = f"tcp://{reach.declared(name)['address']}:{PORT}"
    asked = f"endpoint={url} ciphers=true"
    seen = reach.managed(name).ansible("mooring.docker.endpoint_info", asked, check=False)["endpoint"]
    assert seen["versions"] == {"TLSv1": False, "TLSv1.1": False, "TLSv1.2": True, "TLSv1.3": True}
    assert {cipher[:15] for cipher in seen["ciphers"]["TLSv1.2"]} == {"ECDHE-ECDSA-AES"}
    assert len(seen["ciphers"]["TLSv1.3"]) == 3
    # What the running daemon has read.
    assert seen["client_authorities"] == [ours.client_authority.name.rfc4514_string()]
    assert [one["subject"] for one in seen["chain"][:1]] == [f"CN={name}"]
    assert (seen["plaintext_accepted"], seen["client_certificate_required"]) == (False, True)


@pytest.mark.parametrize("name", HOSTS)
def test_http2_over_tls_is_no_way_round(ours: Fleet, name: str) -> None:
    for pair in (None, ours.right):
        context = ours.context(pair)
        context.set_alpn_protocols(["h2"])
        met = knock(name, context)
        assert not met.answer
        assert "no application protocol" in met.error.lower()
    context = ours.context(ours.right)
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert knock(name, context).let_in


@pytest.mark.parametrize("name", HOSTS)
def test_renegotiation_is_refused(ours: Fleet, name: str) -> None:
    """No client becomes another, or makes the daemon work, over a connection that is open."""
    line = ["openssl", "s_client", "-tls1_2", "-connect", f"{reach.declared(name)['address']}:{PORT}"]
    line += ["-CAfile", ours.ca, "-cert", ours.right[0], "-key", ours.right[1], "-quiet"]
    right = subprocess.run([*line, "-ign_eof"], input=REQUEST, capture_output=True, timeout=20, check=False)
    assert b'"ApiVersion"' in right.stdout
    line[-1:] = []
    met = subprocess.run(line, input=b"R\n" + REQUEST, capture_output=True, timeout=20, check=False)
    assert b"RENEGOTIATING" in met.stdout + met.stderr
    assert b"alert unexpected message" in met.stderr
    assert b'"ApiVersion"' not in met.stdout


# --- names


@pytest.mark.parametrize("server_name", ["elsewhere.example", "localhost"])
@pytest.mark.parametrize("name", HOSTS)
def test_daemon_minds_no_name_that_it_is_asked_for(ours: Fleet, name: str, server_name: str) -> None:
    """SNI decides nothing: it lets nobody in, and keeps nobody out. To mind the name is the client's part."""
    for pair in (ours.right, None):
        context = ours.context(pair)
        context.check_hostname = False
        assert knock(name, context, server_name=server_name).let_in is (pair is ours.right)


@contextlib.contextmanager
def relay(name: str, address: str) -> Iterator[str]:
    """The daemon of a host under another address of this machine, as an URL."""
    listener = socket.create_server((address, 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                near = listener.accept()[0]
                far = socket.create_connection((reach.declared(name)["address"], PORT), timeout=10)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=(one, other), daemon=True).start()

    def pump(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"tcp://{address}:{listener.getsockname()[1]}"
    finally:
        # Closed alone, it would still be waited on.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("name", HOSTS)
def test_clients_mind_the_name(client: Client, ours: Fleet, name: str) -> None:
    """A daemon has 127.0.0.1 among its names, and not 127.0.0.2."""
    for address, right in (("127.0.0.1", True), ("127.0.0.2", False)):
        with relay(name, address) as url:
            tls = ["--tlsverify", f"--tlscacert={ours.ca}", f"--tlscert={ours.right[0]}", f"--tlskey={ours.right[1]}"]
            done = client.docker(*tls, "-H", url, "version")
            assert ("ApiVersion" in done.stdout or "Server:" in done.stdout) is right, done.stderr
            assert right or f"not {address}" in done.stderr
            seen = probe(url, ours.ca, *ours.right)
            assert (seen["trusted"], seen["authenticated"]) == (right, right), seen["error"]


# --- many


CROWD = 10_000
PATIENCE = 5.0
"""Seconds within which a good client must have its answer, CLI and all, on a busy machine."""


@contextlib.contextmanager
def half_open(address: str, count: int) -> Iterator[list[socket.socket]]:
    """Connections that nothing follows on: a third says nothing, a third begins a record, a third a ClientHello."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    openings = (b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32))
    crowd: list[socket.socket] = []
    try:
        # Fewer at once than the kernel lets wait for an accept(2).
        for start in range(0, count, 500):
            batch = [socket.socket() for _number in range(min(500, count - start))]
            crowd += batch
            poll = select.poll()
            for sock in batch:
                sock.setblocking(False)
                sock.connect_ex((address, PORT))
                poll.register(sock, select.POLLOUT)
            waiting, until = {sock.fileno() for sock in batch}, time.monotonic() + 20
            while waiting:
                assert time.monotonic() < until, f"{len(waiting)} of {len(crowd)} connections are not made"
                for number, _event in poll.poll(1000):
                    poll.unregister(number)
                    waiting.discard(number)
            for number, sock in enumerate(batch):
                sock.sendall(openings[number % len(openings)])
        yield crowd
    finally:
        for sock in crowd:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def burden(host: Any) -> dict[str, int]:
    """What the daemon has to carry: connections, open files, memory in MiB."""
    text = host.check_output(
        "p=$(pidof dockerd); ss -Htn state established sport = :2376 | wc -l; ls /proc/$p/fd | wc -l;"
        " grep VmRSS /proc/$p/status | tr -dc 0-9"
    )
    connections, files, memory = map(int, text.split())
    return {"connections": connections, "files": files, "MiB": memory // 1024}


@pytest.mark.parametrize("name", HOSTS)
def test_a_good_client_gets_through_a_crowd_that_does_nothing(client: Client, name: str) -> None:
    host = reach.over_ssh(name)
    before, began = burden(host), time.monotonic()
    with half_open(reach.declared(name)["address"], CROWD):
        gathered = time.monotonic() - began
        waits = []
        for _attempt in range(5):
            asked = time.monotonic()
            done = client.docker("--context", name, "version", "--format", "{{.Server.Version}}")
            waits.append(time.monotonic() - asked)
            assert re.match(r"\d+\.", done.stdout), done.stderr
        within = burden(host)
        # The crowd is really there.
        assert within["connections"] >= CROWD
        assert within["files"] >= CROWD
    print(f"{name}: {before}, with {CROWD} after {gathered:.1f} s {within}, answers in {max(waits):.2f} s at most")
    assert max(waits) < PATIENCE
    until = time.monotonic() + 30
    while (after := burden(host))["files"] > before["files"] + 50:
        assert time.monotonic() < until, after
        time.sleep(0.5)
    print(f"{name}: afterwards {after}")
    assert after["MiB"] < 512
