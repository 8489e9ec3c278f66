"""The probe tells apart what can happen to a client at an endpoint. Every server here is a real one on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.endpoints import EndpointError
from ansible_collections.mooring.docker.plugins.module_utils._engine import api
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import CredentialError, probe
from ansible_collections.mooring.docker.plugins.module_utils._system import files
from forge import CLIENT, SERVER, Authority

VERSION = {"Version": "28.5.2", "ApiVersion": "1.51", "MinAPIVersion": "1.24"}
# What Go's net/http answers to plain HTTP on a TLS port.
GO_REFUSAL = (
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"Client sent an HTTP request to an HTTPS server.\n"
)


# --- certificates


LOOPBACK = ["docker.example", "127.0.0.1", "::1"]


class Pki:
    """The authorities and certificates that the tests use."""

    def __init__(self, directory: Path) -> None:
        self.ours = Authority(directory / "ours")
        self.foreign = Authority(directory / "foreign")
        self.ca = self.ours.ca
        self.server = self.ours.issue("server", SERVER, names=LOOPBACK, until=10.1)
        self.expired = self.ours.issue("expired", SERVER, names=LOOPBACK, since=-2, until=-0.5)
        self.nameless = self.ours.issue("127.0.0.1", SERVER)
        self.client = self.ours.issue("alice", CLIENT)
        self.stranger = self.foreign.issue("mallory", CLIENT)
        self.locked = self.ours.issue("locked", CLIENT, password="secret")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


# --- servers

Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(listener: socket.socket, handler: Handler) -> Iterator[None]:
    """Every connection gets a thread; what a client does to it is no error."""
    stop = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            handler(connection)

    def accept() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                connection, _address = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    listener.settimeout(0.05)
    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        listener.close()


@contextlib.contextmanager
def tcp(handler: Handler, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a server."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.bind((host, 0))
    listener.listen(16)
    with serving(listener, handler):
        port = listener.getsockname()[1]
        yield f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def docker(connection: socket.socket) -> None:
    """Answer like the API."""
    connection.settimeout(5)
    request = b""
    while b"\r\n\r\n" not in request:
        data = connection.recv(4096)
        if not data:
            return
        request += data
    body = json.dumps(VERSION).encode() if b" /version " in request else b"OK"
    kind = b"application/json" if b" /version " in request else b"text/plain"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body))


def raw(answer: bytes) -> Handler:
    """Answer anything with the same bytes."""

    def handler(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.recv(4096)
        connection.sendall(answer)

    return handler


def silent(connection: socket.socket) -> None:
    """Say nothing until the client goes."""
    connection.settimeout(10)
    while connection.recv(4096):
        pass


def dripping(connection: socket.socket) -> None:
    """Start an answer and send a byte of it every 50 ms, so that no single read is ever late."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    for _count in range(200):
        time.sleep(0.05)
        connection.sendall(b".")


def tls(
    pair: tuple[str, str],
    client_ca: str | None = None,
    inner: Handler = docker,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    ciphers: str | None = None,
    plain: bytes = GO_REFUSAL,
    seen_names: list[str | None] | None = None,
) -> Handler:
    """A TLS server that, as Go's, tells plain HTTP to go away; with ``client_ca`` it demands a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = oldest, newest
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_cert_chain(*pair)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    if seen_names is not None:
        context.sni_callback = lambda _tls, name, _context: seen_names.append(name)

    def handler(connection: socket.socket) -> None:
        connection.settimeout(5)
        if connection.recv(3, socket.MSG_PEEK) == b"GET":
            connection.recv(4096)
            connection.sendall(plain)
            return
        with context.wrap_socket(connection, server_side=True) as secured:
            inner(secured)

    return handler


# --- TCP


def test_mutual_tls_lets_the_right_client_in(pki: Pki) -> None:
    with tcp(tls(pki.server, pki.ca)) as url:
        seen = probe(url, pki.ca, *pki.client)
    certificate = seen.pop("certificate")
    assert seen.pop("tls")["version"] == "TLSv1.3"
    # With an authority at hand, OpenSSL's server shows it too.
    assert [one["subject"] for one in seen.pop("chain")] == ["CN=server", "CN=ours"]
    # Nobody asked for them: that takes a connection for each.
    assert seen.pop("ciphers") is None
    assert seen == {
        "url": url,
        "reachable": True,
        "transport": "tls",
        "plaintext_accepted": False,
        "client_certificate_required": True,
        "trusted": True,
        "authenticated": True,
        "versions": {"TLSv1": False, "TLSv1.1": False, "TLSv1.2": True, "TLSv1.3": True},
        # Python's server names none.
        "client_authorities": [],
        "engine_version": "28.5.2",
        "api_version": "1.51",
        "min_api_version": "1.24",
        "socket": None,
        "error": None,
    }
    assert certificate["subject"] == "CN=server"
    assert certificate["names"] == ["DNS:docker.example", "IP:127.0.0.1", "IP:::1"]
    assert certificate["days_left"] == 10


def test_mutual_tls_over_ipv6(pki: Pki) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with tcp(tls(pki.server, pki.ca), host="::1") as url:
        seen = probe(url, pki.ca, *pki.client)
    assert (seen["trusted"], seen["authenticated"]) == (True, True), seen["error"]


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def strict(request: pytest.FixtureRequest, pki: Pki) -> Iterator[str]:
    """A server that wants certificates of its authority, by either version of TLS that it may have as its newest."""
    with tcp(tls(pki.server, pki.ca, newest=request.param)) as url:
        yield url


def test_certificate_of_another_authority_is_refused(strict: str, pki: Pki) -> None:
    seen = probe(strict, pki.ca, *pki.stranger)
    assert seen["trusted"] is True
    assert seen["authenticated"] is False
    assert seen["engine_version"] is None
    assert seen["error"].startswith("the client certificate is refused: ")


def test_certificate_is_required_by_every_version_of_tls(strict: str, pki: Pki) -> None:
    seen = probe(strict, pki.ca, *pki.client)
    assert seen["client_certificate_required"] is True
    assert seen["authenticated"] is True
    assert seen["certificate"]["subject"] == "CN=server"
    assert seen["error"] is None


def test_tls_1_3_tells_without_any_credentials_that_a_certificate_is_required(pki: Pki) -> None:
    with tcp(tls(pki.server, pki.ca)) as url:
        seen = probe(url)
    assert seen["client_certificate_required"] is True
    assert (seen["trusted"], seen["authenticated"], seen["error"]) == (None, None, None)
    assert seen["certificate"]["sha256"]


def test_tls_for_everyone_is_seen(pki: Pki) -> None:
    with tcp(tls(pki.server)) as url:
        seen = probe(url, pki.ca)
    assert seen["client_certificate_required"] is False
    assert seen["plaintext_accepted"] is False
    assert (seen["trusted"], seen["authenticated"]) == (True, None)


def test_server_that_drops_who_has_no_certificate_requires_one(pki: Pki) -> None:
    """Without an alert, only the difference that the certificate makes tells."""

    def dropping(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        if connection.getpeercert():
            docker(connection)

    context_handler = tls(pki.server, inner=dropping)
    with tcp(context_handler) as url:
        assert probe(url, pki.ca)["client_certificate_required"] is None
    asking = tls(pki.server, pki.ca)
    dropped: list[int] = []
    last = 100

    def first_without(connection: socket.socket) -> None:
        # The last connection is the one with the certificate.
        dropped.append(1)
        (tls(pki.server, inner=lambda _connection: None) if len(dropped) < last else asking)(connection)

    with tcp(first_without) as url:
        assert probe(url, pki.ca, *pki.client)["authenticated"] is False
        last = len(dropped)
        dropped.clear()
        seen = probe(url, pki.ca, *pki.client)
    assert (seen["authenticated"], seen["client_certificate_required"], seen["error"]) == (True, True, None)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_server_of_an_old_tls_is_seen_where_openssl_refuses_to_speak_to_it(pki: Pki, only: ssl.TLSVersion) -> None:
    with tcp(tls(pki.server, newest=only, oldest=only, ciphers="ALL:@SECLEVEL=0")) as url:
        seen = probe(url)
    assert seen["transport"] == "tls"
    assert [name for name, taken in seen["versions"].items() if taken] == [only.name.replace("_", ".")]
    assert (seen["certificate"]["subject"], seen["tls"]) == ("CN=server", None)
    assert seen["error"].startswith("TLS without a client certificate: ")


def test_every_cipher_is_told(pki: Pki) -> None:
    wanted = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
    with tcp(tls(pki.server, newest=ssl.TLSVersion.TLSv1_2, ciphers=":".join(wanted))) as url:
        seen = probe(url, scans_ciphers=True)
    assert {version: sorted(names) for version, names in seen["ciphers"].items()} == {"TLSv1.2": wanted}


def test_chain_is_told_in_its_order(pki: Pki, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text(Path(pki.server[0]).read_text() + Path(pki.ca).read_text())
    with tcp(tls((str(chain), pki.server[1]))) as url:
        seen = probe(url)
    assert [one["subject"] for one in seen["chain"]] == ["CN=server", "CN=ours"]
    assert [one["days_left"] for one in seen["chain"]] == [10, 365]
    # No client is asked for a certificate.
    assert seen["client_authorities"] is None


def test_tls_1_3_alone_shows_no_chain(pki: Pki) -> None:
    with tcp(tls(pki.server, pki.ca, oldest=ssl.TLSVersion.TLSv1_3)) as url:
        seen = probe(url, scans_ciphers=True)
    assert seen["versions"]["TLSv1.2"] is False
    assert list(seen["ciphers"]) == ["TLSv1.3"]
    assert (seen["chain"], seen["client_authorities"]) == (None, None)
    assert seen["certificate"]["subject"] == "CN=server"


def test_what_a_slow_server_did_not_tell_is_null(pki: Pki) -> None:
    answer, slow = tls(pki.server), threading.Event()

    def handler(connection: socket.socket) -> None:
        # A ClientHello of TLS 1.3 alone: extension supported_versions with one version.
        if b"\x00\x2b\x00\x03\x02\x03\x04" in connection.recv(4096, socket.MSG_PEEK):
            slow.wait(2)
        answer(connection)

    with tcp(handler) as url:
        seen = probe(url, timeout=0.5, scans_ciphers=True)
        slow.set()
    assert seen["versions"] == {"TLSv1": False, "TLSv1.1": False, "TLSv1.2": True, "TLSv1.3": None}
    assert seen["ciphers"] == {"TLSv1.2": None}


def test_plain_http_is_the_api_for_everyone() -> None:
    with tcp(docker) as url:
        seen = probe(url)
    assert (seen["reachable"], seen["transport"], seen["plaintext_accepted"]) == (True, "plaintext", True)
    assert (seen["engine_version"], seen["api_version"], seen["min_api_version"]) == ("28.5.2", "1.51", "1.24")
    assert (seen["client_certificate_required"], seen["authenticated"], seen["tls"]) == (None, None, None)
    assert seen["error"] is None


def test_plain_http_that_is_not_docker_is_told() -> None:
    with tcp(raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as url:
        seen = probe(url)
    assert (seen["plaintext_accepted"], seen["engine_version"]) == (True, None)
    assert seen["error"]
    with tcp(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")) as url:
        assert "not with Docker's API" in probe(url)["error"]


def test_plain_http_is_not_accepted_by_a_tls_server_that_hangs_up(pki: Pki) -> None:
    with tcp(tls(pki.server, pki.ca, plain=b"\x15\x03\x01\x00\x02\x02\x46")) as url:
        seen = probe(url)
    assert (seen["plaintext_accepted"], seen["transport"]) == (False, "tls")


def test_something_that_is_neither_http_nor_tls() -> None:
    with tcp(raw(b"SSH-2.0-OpenSSH_9.2\r\n")) as url:
        seen = probe(url)
    assert (seen["reachable"], seen["transport"], seen["plaintext_accepted"]) == (True, None, False)
    assert seen["error"].startswith("no TLS: ")


def test_dead_port_is_not_reachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        seen = probe(f"tcp://127.0.0.1:{unused.getsockname()[1]}")
    assert (seen["reachable"], seen["transport"], seen["plaintext_accepted"]) == (False, None, None)
    assert seen["error"] == "Connection refused"


def test_unknown_host_is_not_reachable() -> None:
    seen = probe("tcp://mooring.invalid:2376", timeout=20)
    assert seen["reachable"] is False
    assert "mooring.invalid" in seen["error"]


@pytest.mark.parametrize("handler", [silent, dripping])
def test_every_step_has_a_deadline(handler: Handler) -> None:
    started = time.monotonic()
    with tcp(handler) as url:
        seen = probe(url, timeout=0.3)
        # One step in plain text, two in TLS.
        assert time.monotonic() - started < 1.5
    assert seen["reachable"] is True
    assert (seen["transport"], seen["plaintext_accepted"], seen["client_certificate_required"]) == (None, None, None)
    assert "timed out" in seen["error"] or "no TLS" in seen["error"]


def test_silence_after_the_handshake_is_not_a_refusal(pki: Pki) -> None:
    with tcp(tls(pki.server, inner=silent)) as url:
        seen = probe(url, pki.ca, *pki.client, timeout=0.3)
    assert seen["client_certificate_required"] is None
    assert (seen["trusted"], seen["authenticated"], seen["error"]) == (True, False, "timed out")


def test_resolver_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.socket, "getaddrinfo", lambda *_words, **_options: time.sleep(3))
    started = time.monotonic()
    seen = probe("tcp://slow.example:2376", timeout=0.2)
    assert time.monotonic() - started < 1
    assert "slow.example" in seen["error"]


def test_wrong_authority_is_not_trusted_and_gets_no_certificate(pki: Pki) -> None:
    with tcp(tls(pki.server, pki.ca)) as url:
        seen = probe(url, pki.foreign.ca, *pki.client)
    assert (seen["trusted"], seen["authenticated"]) == (False, False)
    assert seen["error"].startswith("the server's certificate is not trusted: ")
    assert seen["certificate"]["subject"] == "CN=server"


def test_wrong_name_is_not_trusted(pki: Pki) -> None:
    with tcp(tls(pki.server, pki.ca)) as url:
        seen = probe(url, pki.ca, *pki.client, server_name="elsewhere.example")
    assert (seen["trusted"], seen["authenticated"]) == (False, False)
    assert "elsewhere.example" in seen["error"]


def test_server_name_is_verified_and_sent(pki: Pki) -> None:
    names: list[str | None] = []
    with tcp(tls(pki.server, pki.ca, seen_names=names)) as url:
        seen = probe(url, pki.ca, *pki.client, server_name="docker.example")
    assert (seen["trusted"], seen["authenticated"]) == (True, True), seen["error"]
    assert set(names) == {"docker.example"}


def test_expired_server_is_not_trusted(pki: Pki) -> None:
    with tcp(tls(pki.expired, pki.ca)) as url:
        seen = probe(url, pki.ca, *pki.client)
    assert (seen["trusted"], seen["authenticated"]) == (False, False)
    assert "expired" in seen["error"]
    assert seen["certificate"]["days_left"] == -1


def test_common_name_is_no_name(pki: Pki) -> None:
    """As for Docker's own clients: Go has not looked at it since 1.15."""
    with tcp(tls(pki.nameless, pki.ca)) as url:
        assert probe(url, pki.ca)["trusted"] is False


def test_client_certificate_is_no_server_certificate(pki: Pki) -> None:
    with tcp(tls(pki.ours.issue("misused", CLIENT, names=LOOPBACK), pki.ca)) as url:
        assert probe(url, pki.ca)["trusted"] is False


# --- what the probe is given


def test_encrypted_key_is_refused_instead_of_asking_for_its_passphrase(pki: Pki) -> None:
    with pytest.raises(CredentialError, match=r"encrypted") as refusal:
        probe("tcp://127.0.0.1:1", pki.ca, *pki.locked)
    assert "secret" not in str(refusal.value)


def test_missing_files_are_named(pki: Pki, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    for ca, pair in (
        (missing, pki.client),
        (pki.ca, (missing, pki.client[1])),
        (pki.ca, (pki.client[0], missing)),
    ):
        with pytest.raises(CredentialError, match=r"missing\.pem cannot be used: No such file"):
            probe("tcp://127.0.0.1:1", ca, *pair)


def test_fd_is_nothing_to_connect_to() -> None:
    with pytest.raises(EndpointError, match="name the socket"):
        probe("fd://")


# --- UNIX sockets


@pytest.fixture
def unix(tmp_path: Path) -> tuple[socket.socket, Path]:
    path = tmp_path / "docker.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o660)
    return listener, path


def test_unix_socket_tells_who_may_use_it(unix: tuple[socket.socket, Path]) -> None:
    listener, path = unix
    listener.listen(16)
    with serving(listener, docker):
        seen = probe(f"unix://{path}")
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert (seen["reachable"], seen["transport"], seen["engine_version"]) == (True, "unix", "28.5.2")
    assert (seen["plaintext_accepted"], seen["authenticated"], seen["error"]) == (None, None, None)
    assert (seen["socket"]["path"], seen["socket"]["owner"], seen["socket"]["mode"]) == (str(path), me, "0660")
    # Whose primary group it is does not stand in group(5).
    assert me in seen["socket"]["group_members"]


def test_socket_that_a_list_opens_to_others_has_a_plus(
    unix: tuple[socket.socket, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.os, "listxattr", lambda _path: ["user.x"])
    mode = files.socket(str(unix[1]))["mode"]
    monkeypatch.setattr(files.os, "listxattr", lambda _path: ["user.x", "system.posix_acl_access"])
    assert files.socket(str(unix[1]))["mode"] == f"{mode}+"


def test_socket_of_unknown_owner_has_numbers(unix: tuple[socket.socket, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_number: int) -> None:
        raise KeyError

    monkeypatch.setattr(files.pwd, "getpwuid", unknown)
    monkeypatch.setattr(files.grp, "getgrgid", unknown)
    seen = probe(f"unix://{unix[1]}")
    assert (seen["socket"]["owner"], seen["socket"]["group"]) == (str(os.geteuid()), str(os.getegid()))


def test_unix_socket_without_a_daemon(unix: tuple[socket.socket, Path]) -> None:
    listener, path = unix
    listener.close()
    seen = probe(f"unix://{path}")
    assert (seen["reachable"], seen["error"]) == (False, f"{path}: Connection refused")
    assert seen["socket"]["mode"] == "0660"


def test_unix_socket_that_accepts_and_says_nothing(unix: tuple[socket.socket, Path]) -> None:
    listener, path = unix
    listener.listen(16)
    with serving(listener, silent):
        seen = probe(f"unix://{path}", timeout=0.2)
    assert (seen["reachable"], seen["engine_version"], seen["error"]) == (True, None, "timed out")


def test_missing_socket_and_what_is_none(tmp_path: Path) -> None:
    missing = probe(f"unix://{tmp_path}/none.sock")
    assert (missing["reachable"], missing["socket"]) == (False, None)
    assert missing["error"].startswith(f"{tmp_path}/none.sock: ")
    (tmp_path / "file").touch()
    assert probe(f"unix://{tmp_path}/file")["error"].endswith("is no socket")
