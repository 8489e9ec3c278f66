# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one endpoint of a daemon does to those who come: with a certificate, without, and in plain text.

Only observes. Each step has a deadline for all of it, and connections of its own. What cannot be told is None, never
a guess: a silent server is not one that refuses.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from pathlib import Path

from .._config.endpoints import Endpoint, EndpointError, parse
from .._system import files, observed
from .._system.deadline import Deadline
from .._tls import client_hello
from .._tls.certificates import describe, describe_name
from . import api

# X509_V_FLAG_X509_STRICT, which Python 3.13 sets, and X509_V_FLAG_PARTIAL_CHAIN, which Python 3.9 has no name for
# (OpenSSL, x509_vfy.h).
_STRICT = 0x20
_PARTIAL_CHAIN = 0x80000

# Seconds. Longer than most round trips; on a longer one only the reason of a refusal may get lost.
_VERDICT = 1.0


class CredentialError(ValueError):
    """The CA, the client's certificate or its key cannot be used; the message names the file and the reason."""


def probe(
    url: str,
    ca: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
    server_name: str | None = None,
    timeout: float = 5.0,
    scans_ciphers: bool = False,
) -> observed.ProbedEndpoint:
    """Observe the endpoint ``url``; the result is ``endpoint_info``'s.

    ``scans_ciphers`` asks for every cipher that is accepted, which takes a connection for each.

    ``ca``, ``client_certificate`` and ``client_key`` are PEM files, ``timeout`` is the seconds for each step (one
    for a UNIX socket, up to four for TCP). Raises EndpointError where ``url`` names nothing to connect to, and
    CredentialError where the files cannot be used.
    """
    endpoint = parse(url)
    if endpoint.scheme == "fd":
        raise EndpointError("fd:// has no address of its own: name the socket, unix:///run/docker.sock")
    context = _verifying(ca, client_certificate, client_key) if ca else None
    seen: observed.ProbedEndpoint = {
        "url": url,
        "reachable": False,
        "transport": None,
        "plaintext_accepted": None,
        "client_certificate_required": None,
        "trusted": None,
        "authenticated": None,
        "tls": None,
        "versions": None,
        "ciphers": None,
        "certificate": None,
        "chain": None,
        "client_authorities": None,
        "engine_version": None,
        "api_version": None,
        "min_api_version": None,
        "socket": None,
        "error": None,
    }
    visit = _Visit(seen, endpoint, server_name or endpoint.host.partition("%")[0], timeout, scans_ciphers)
    try:
        if endpoint.scheme == "unix":
            visit.over_socket()
        elif not visit.in_plain_text():
            visit.by_its_hello()
            visit.without_certificate()
            if context is not None and seen["transport"] == "tls":
                visit.verifying(context, with_certificate=client_certificate is not None)
    except (OSError, api.ApiError) as error:
        seen["error"] = api.reason(error)
    return seen


def _verifying(ca: str, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """A client that takes the server as a Docker client does (Go, crypto/x509, Certificate.Verify).

    Every certificate in ``ca`` is an anchor, also one that is not self-signed; the name must be among the
    subject alternative names; what only RFC 5280's fine print asks for is not missed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags = ssl.VerifyFlags((context.verify_flags | _PARTIAL_CHAIN) & ~_STRICT)
    context.hostname_checks_common_name = False
    path = ca
    try:
        context.load_verify_locations(cafile=ca)
        if certificate is not None:
            for path in (str(key), certificate):
                Path(path).read_bytes()
            context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, CredentialError) as error:
        raise CredentialError(f"{path} cannot be used: {api.reason(error)}") from error
    return context


def _no_passphrase() -> str:
    """Instead of OpenSSL, which would ask on the terminal and wait."""
    raise CredentialError("its key is encrypted")


class _Visit:
    """One probe of one endpoint; each method is a step that fills in what it has ``seen``."""

    def __init__(
        self, seen: observed.ProbedEndpoint, endpoint: Endpoint, name: str, timeout: float, scans_ciphers: bool
    ) -> None:
        self.seen = seen
        self.endpoint = endpoint
        self.name = name
        self.timeout = timeout
        self.scans_ciphers = scans_ciphers
        # Whether a client without a certificate was dropped without a word.
        self.dropped = False

    def over_socket(self) -> None:
        """A UNIX socket: who may use it, and what answers."""
        path = self.endpoint.path
        try:
            self.seen["socket"] = files.socket(path)
            deadline = Deadline(self.timeout)
            sock = api.open_unix(path, deadline)
        except OSError as error:
            raise OSError(f"{path}: {api.reason(error)}") from error
        with sock:
            self.seen.update({"reachable": True, "transport": "unix"})
            self._ask_versions(sock, deadline)

    def in_plain_text(self) -> bool:
        """Whether the port answers plain HTTP. TLS servers do too, but with status 400 (Go, net/http, and others)."""
        deadline = Deadline(self.timeout)
        with self._open(deadline) as sock:
            self.seen["reachable"] = True
            try:
                api.exchange(sock, "/_ping", deadline)
                accepted: bool | None = True
            except api.ApiError as error:
                if error.status is not None:
                    accepted = error.status != 400
                else:
                    # Silence tells nothing: a stuck daemon in plain text looks the same.
                    accepted = None if isinstance(error.__cause__, socket.timeout) else False
        self.seen["plaintext_accepted"] = accepted
        if accepted:
            self.seen["transport"] = "plaintext"
            deadline = Deadline(self.timeout)
            with self._open(deadline) as sock:
                self._ask_versions(sock, deadline)
        return bool(accepted)

    def by_its_hello(self) -> None:
        """Which versions and ciphers it takes, and what it shows to everyone, whatever OpenSSL thinks of it here."""
        deadline = Deadline(self.timeout)
        versions: dict[str, bool | None] = dict.fromkeys(client_hello.VERSIONS)
        ciphers: dict[str, list[str] | None] = {}
        with contextlib.suppress(OSError, client_hello.HelloError):
            for version in versions:
                answer = self._hello(version, list(client_hello.ciphers(version)), deadline)
                versions[version] = answer is not None
                if answer is None:
                    continue
                self.seen.update({"transport": "tls", "plaintext_accepted": False})
                ciphers[version] = None
                if answer.chain:
                    self.seen["certificate"] = describe(answer.chain[0])
                    self.seen["chain"] = [describe(der) for der in answer.chain]
                if answer.authorities is not None:
                    names = [describe_name(der) for der in answer.authorities]
                    known = [name for name in names if name is not None]
                    self.seen["client_authorities"] = known if len(known) == len(names) else None
            for version in ciphers if self.scans_ciphers else ():
                ciphers[version] = self._taken(version, deadline)
        if ciphers:
            self.seen.update({"versions": versions, "ciphers": ciphers if self.scans_ciphers else None})

    def _taken(self, version: str, deadline: Deadline) -> list[str]:
        """Every cipher in turn that is chosen out of those that were not chosen before."""
        left, taken = dict(client_hello.ciphers(version)), []
        while left:
            answer = self._hello(version, list(left), deadline)
            if answer is None:
                break
            if answer.cipher not in left:
                raise client_hello.HelloError("chose what was not offered")
            taken.append(left.pop(answer.cipher))
        return taken

    def _hello(self, version: str, offered: list[int], deadline: Deadline) -> client_hello.Answer | None:
        with self._open(deadline) as sock:
            answer: client_hello.Answer | None = client_hello.ask(sock, version, offered, self.name, deadline)
        return answer

    def without_certificate(self) -> None:
        """TLS as a client that has no certificate and believes any server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        deadline = Deadline(self.timeout)
        try:
            with api.secure(self._open(deadline), context, self.name, deadline) as tls:
                self._met(tls)
                _await_verdict(tls, deadline)
                api.exchange(tls, "/_ping", deadline)
                self.seen["client_certificate_required"] = False
        except api.ApiError as error:
            if error.status is not None:
                self.seen["client_certificate_required"] = False
            elif _is_refusal(error.__cause__):
                self.seen["client_certificate_required"] = True
            else:
                self.dropped = not isinstance(error.__cause__, socket.timeout)
                self.seen["error"] = f"TLS without a client certificate: {error}"
        except ssl.SSLError as error:
            if "ALERT" not in _word(error) and self.seen["transport"] is None:
                raise OSError(f"no TLS: {api.reason(error)}") from error
            # An alert is TLS. Up to TLS 1.2 the refusal is one, before the handshake is over.
            self.seen.update({"transport": "tls", "plaintext_accepted": False})
            if _is_refusal(error):
                self.seen["client_certificate_required"] = True
            else:
                self.dropped = True
                self.seen["error"] = f"TLS without a client certificate: {api.reason(error)}"

    def verifying(self, context: ssl.SSLContext, with_certificate: bool) -> None:
        """TLS as a client that verifies the server and, where it has one, shows its certificate."""
        self.seen["authenticated"] = False if with_certificate else None
        deadline = Deadline(self.timeout)
        try:
            with api.secure(self._open(deadline), context, self.name, deadline) as tls:
                self._met(tls)
                self.seen["trusted"] = True
                if with_certificate:
                    _await_verdict(tls, deadline)
                    self._ask_versions(tls, deadline)
                    self.seen.update({"authenticated": True, "error": None})
                    if self.dropped:
                        self.seen["client_certificate_required"] = True
        except ssl.SSLCertVerificationError as error:
            self.seen["trusted"] = False
            self.seen["error"] = f"the server's certificate is not trusted: {api.reason(error)}"
        except ssl.SSLError as error:
            if not _is_refusal(error):
                raise
            # Up to TLS 1.2: the server's certificate had been accepted when ours (or its lack) was refused.
            self.seen["trusted"] = True
            if with_certificate:
                self.seen["error"] = f"the client certificate is refused: {api.reason(error)}"
        except api.ApiError as error:
            refused = "the client certificate is refused: " if _is_refusal(error.__cause__) else ""
            self.seen["error"] = f"{refused}{error}"

    def _open(self, deadline: Deadline) -> socket.socket:
        sock: socket.socket = api.open_tcp(self.endpoint.host, self.endpoint.port, deadline)
        return sock

    def _met(self, tls: ssl.SSLSocket) -> None:
        cipher = tls.cipher()
        self.seen.update({"transport": "tls", "plaintext_accepted": False})
        self.seen["tls"] = {"version": tls.version(), "cipher": cipher[0] if cipher else None}
        self.seen["certificate"] = describe(tls.getpeercert(binary_form=True) or b"")

    def _ask_versions(self, sock: socket.socket, deadline: Deadline) -> None:
        """Raises ApiError, also where something answers that is not Docker's API."""
        version = api.exchange(sock, "/version", deadline)
        said = dict(version) if isinstance(version, dict) else {}
        api_version, *others = (said.get(key) for key in ("ApiVersion", "Version", "MinAPIVersion"))
        if not isinstance(api_version, str) or not all(one is None or isinstance(one, str) for one in others):
            raise api.ApiError("HTTP is answered, but not with Docker's API")
        self.seen["api_version"] = api_version
        self.seen["engine_version"], self.seen["min_api_version"] = others


def _await_verdict(tls: ssl.SSLSocket, deadline: Deadline) -> None:
    """Let a server that refuses the client's certificate say so. Raises ApiError if it does, or hangs up.

    In TLS 1.3 the client is through before the server has seen its certificate: the refusal comes with the first
    read (RFC 8446, 4.4.2.4 and appendix A.1). Written to meanwhile, the closed connection would be reset and the
    alert lost. Who is content sends a session ticket instead (4.6.1), or nothing, so the wait is short.
    """
    if tls.version() != "TLSv1.3":
        return
    try:
        arrival = select.poll()
        arrival.register(tls, select.POLLIN)
        arrival.poll(min(_VERDICT, deadline.left()) * 1000)
        tls.setblocking(False)
        if not tls.recv(1):
            raise ConnectionResetError("closed without a word after the handshake")
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return
    except OSError as error:
        raise api.ApiError(api.reason(error)) from error
    raise api.ApiError("speaks first, which HTTP does not")


def _word(error: ssl.SSLError) -> str:
    """OpenSSL's word for what happened, such as TLSV13_ALERT_CERTIFICATE_REQUIRED."""
    return (error.reason or str(error)).upper().replace(" ", "_")


def _is_refusal(error: BaseException | None) -> bool:
    """Whether a TLS alert is about the client's certificate (RFC 8446, 6.2): it lacks, or is not good enough."""
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLCertVerificationError):
        return False
    word = _word(error)
    return "ALERT" in word and any(about in word for about in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED"))
