"""Certificates from elsewhere are refused where they would let in others than the operator means."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls.certificates import describe, weakness
from ansible_collections.mooring.docker.plugins.module_utils._tls.provided import (
    authority_problems,
    client_problems,
    server_problems,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FILES = {"certificate": "/ssl/cert.pem", "client_ca": "/ssl/clients.pem", "ca": "/ssl/servers.pem"}
KEYS = {
    "RSA 2048": rsa.generate_private_key(65537, 2048),
    "RSA 3072": rsa.generate_private_key(65537, 3072),
    "DSA": dsa.generate_private_key(3072),
    "P-192": ec.generate_private_key(ec.SECP192R1()),
    "P-224": ec.generate_private_key(ec.SECP224R1()),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "Ed448": ed448.Ed448PrivateKey.generate(),
}
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Issued:
    """A certificate, with its key."""

    def __init__(
        self,
        name: str,
        by: Issued | None = None,
        *usages: x509.ObjectIdentifier,
        key: Any = None,
        identified: bool = True,
        days: int = 9,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        by = by or self
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(by.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("trixie")]), critical=False)
        )
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if identified:
            own = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
            signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
            builder = builder.add_extension(own, critical=False).add_extension(signer, critical=False)
        none = isinstance(by.key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
        certificate = builder.sign(by.key, None if none else hashes.SHA256())
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)


def bundle(*issued: Issued) -> dict[str, Any]:
    return describe(b"".join(one.pem for one in issued))


SERVERS, CLIENTS, OTHERS = (Issued(f"{name} CA") for name in ("servers", "clients", "others"))
GOOD = bundle(Issued("trixie", SERVERS, SERVER))


def server(certificate: Any = GOOD, client_ca: Any = None, declared: Any = (), named: Any = ()) -> list[str]:
    certificates = {"/ssl/cert.pem": certificate, "/ssl/clients.pem": client_ca or bundle(CLIENTS)}
    return server_problems(certificates, FILES, list(declared), list(named))


@pytest.mark.parametrize(
    ("key", "weak"),
    [
        ("RSA 2048", "RSA with 2048 bits"),
        ("RSA 3072", ""),
        ("DSA", "DSA with 3072 bits"),
        ("P-192", "EC with 192 bits"),
        ("P-224", "EC with 224 bits"),
        ("P-256", ""),
        ("Ed25519", ""),
        ("Ed448", ""),
    ],
)
def test_weak_keys_are_refused_wherever_they_are(key: str, weak: str) -> None:
    for problems in (
        server(bundle(Issued("trixie", SERVERS, SERVER, key=KEYS[key]))),
        server(client_ca=bundle(Issued("weak CA", key=KEYS[key]))),
        client_problems(bundle(Issued("alice", CLIENTS, CLIENT, key=KEYS[key])), bundle(SERVERS), FILES),
        client_problems(bundle(Issued("alice", CLIENTS, CLIENT)), bundle(Issued("weak CA", key=KEYS[key])), FILES),
    ):
        assert len(problems) == bool(weak)
        assert all(f"its key is {weak}, and must be RSA with 3072 bits" in problem for problem in problems)
        assert all(problem.startswith(("docker_engine_provided_", "docker_client_provided_")) for problem in problems)


def test_key_that_cannot_be_told_is_weak() -> None:
    assert weakness(None)
    assert weakness({"type": "of an unknown type", "bits": None})


def test_good_files_are_let_through() -> None:
    assert server() == []
    assert server(declared=["Trixie."]) == []
    assert client_problems(bundle(Issued("alice", CLIENTS, CLIENT)), bundle(SERVERS, OTHERS), FILES) == []


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (bundle(Issued("trixie", SERVERS, SERVER, days=-1)), "it ended on"),
        (bundle(Issued("trixie", SERVERS, CLIENT)), "it is not for servers (extended key usage serverAuth)"),
        (describe(b"nonsense"), "it cannot be read, or Python on the machine lacks the library cryptography"),
    ],
)
def test_bad_server_certificate_is_refused_with_its_file(certificate: Any, reason: str) -> None:
    (problem,) = server(certificate)
    assert problem.startswith(f"docker_engine_provided_certificate /ssl/cert.pem: {reason}")


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (bundle(Issued("alice", CLIENTS, CLIENT, days=-1)), "it ended on"),
        (bundle(Issued("alice", CLIENTS, SERVER)), "it is not for clients (extended key usage clientAuth)"),
        # Who has a certificate without usages may be anything.
        (bundle(Issued("alice", CLIENTS)), "it is not for clients (extended key usage clientAuth)"),
        (describe(b"nonsense"), "it cannot be read, or Python on the machine lacks the library cryptography"),
    ],
)
def test_bad_client_certificate_is_refused_with_its_file(certificate: Any, reason: str) -> None:
    (problem,) = client_problems(certificate, bundle(SERVERS), FILES)
    assert problem.startswith(f"docker_client_provided_certificate /ssl/cert.pem: {reason}")


def test_missing_names_are_told() -> None:
    assert server(declared=["trixie", "build", "192.0.2.7"]) == [
        "docker_engine_provided_certificate /ssl/cert.pem: it lacks DNS:build, IP:192.0.2.7"
    ]


def test_missing_client_certificate_is_told() -> None:
    assert client_problems(None, None, FILES) == [
        "docker_client_provided_certificate /ssl/cert.pem: there is no such file"
    ]


def test_several_authorities_must_be_named() -> None:
    both = bundle(CLIENTS, OTHERS)
    (problem,) = server(client_ca=both)
    assert "clients of several authorities would get in" in problem
    # What can be pasted.
    for one in both["contents"]:
        assert f"{one['sha256']} ({one['subject']})" in problem
    first, second = both["contents"]
    colons = ":".join(second["sha256"].upper()[at : at + 2] for at in range(0, 64, 2))
    assert server(client_ca=both, named=[first["sha256"], colons]) == []
    assert server(client_ca=both, named=["CN=clients CA", "CN=others CA"]) == []
    (problem,) = server(client_ca=both, named=[first["sha256"]])
    assert "docker_engine_client_authorities names only some" in problem
    (problem,) = server(client_ca=both, named=["CN=clients CA", "CN=others CA", "CN=gone CA"])
    assert "it has no CN=gone CA, which docker_engine_client_authorities names" in problem
    # The same one twice is one.
    assert server(client_ca=bundle(CLIENTS, CLIENTS)) == []


@pytest.mark.parametrize("identified", [True, False])
def test_authority_that_signs_servers_must_be_named(identified: bool) -> None:
    root = Issued("company CA", identified=identified)
    between = Issued("company CA 2", root, identified=identified)
    own = Issued("trixie", identified=identified, key=KEYS["P-256"])
    for chain, client_ca in (
        ([Issued("trixie", root, SERVER, identified=identified)], root),
        ([Issued("trixie", between, SERVER, identified=identified), between], between),
        # Whom the root has signed signs clients too.
        ([Issued("trixie", between, SERVER, identified=identified), between], root),
        ([Issued("trixie", own, SERVER, key=KEYS["P-256"], identified=identified)], own),
    ):
        (problem,) = server(bundle(*chain), bundle(client_ca))
        assert "its authority signs servers too" in problem
        assert server(bundle(*chain), bundle(client_ca), named=[bundle(client_ca)["sha256"]]) == []


def test_weak_authority_stays_out_even_if_it_is_named() -> None:
    weak = bundle(CLIENTS, Issued("weak CA", key=KEYS["RSA 2048"]))
    (problem,) = server(client_ca=weak, named=weak["bundle"])
    assert "the authority CN=weak CA is not to be trusted" in problem


def test_without_details_nothing_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host without the library."""
    known = bundle(CLIENTS)
    blind = {**known, "days_left": None, "contents": []}
    assert len(server({**GOOD, "days_left": None, "contents": []}, blind)) == 2
    assert authority_problems(blind, None, known["bundle"])
    assert client_problems({**GOOD, "days_left": None}, None, FILES)
