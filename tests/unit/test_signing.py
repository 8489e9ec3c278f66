"""A certificate says what the controller decides, whatever the machine asks for."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils import _pair
from ansible_collections.mooring.docker.plugins.module_utils._certificates import describe
from ansible_collections.mooring.docker.plugins.plugin_utils.authorities import generation, issued
from ansible_collections.mooring.docker.plugins.plugin_utils.signing import SigningError, enter, sign
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

NAMES = ["DNS:trixie", "IP:192.0.2.7", "IP:2001:db8::7"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The authorities of a fleet: the first one of servers, its key encrypted by "secret"."""
    for place in ("authorities", "issued/servers", "tls"):
        (tmp_path / place).mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mooring server CA 1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    one = generation(str(tmp_path), "server", 1)
    Path(one["certificate"]).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    Path(one["key"]).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return tmp_path


def signed(directory: Path, csr: str, **change: Any) -> str:
    options = {"kind": "server", "name": "trixie", "names": NAMES, "days": 397, "passphrase": "secret", **change}
    return sign(csr, authority=generation(str(directory), "server", 1), **options)


def test_key_and_certificate_change_in_one_moment(directory: Path) -> None:
    texts = []
    for _time in range(2):
        pair, csr = _pair.request(directory / "tls", "server")
        assert not (Path(pair) / "cert.pem").exists()
        certificate = signed(directory, csr)
        _pair.install(Path(pair), certificate)
        key: Any = serialization.load_pem_private_key((directory / "tls/server/key.pem").read_bytes(), None)
        served = x509.load_pem_x509_certificate((directory / "tls/server/cert.pem").read_bytes())
        assert served.public_key() == key.public_key()
        assert (directory / "tls/server/key.pem").stat().st_mode & 0o777 == 0o600
        texts.append(certificate)
    assert texts[0] != texts[1]
    assert sorted(path.name for path in (directory / "tls").iterdir()) == ["server", Path(pair).name]


def test_it_says_what_was_declared_and_its_authority_vouches_for_it(directory: Path) -> None:
    _pair_path, csr = _pair.request(directory / "tls", "server")
    text = signed(directory, csr)
    found = describe(text.encode())
    assert found["names"] == NAMES
    assert found["extended_key_usage"] == ["serverAuth"]
    assert found["days_left"] == 396
    authority = generation(str(directory), "server", 1)
    assert found["authority_key_id"] == authority["key_id"]
    certificate = x509.load_pem_x509_certificate(text.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(Path(authority["certificate"]).read_bytes()))


def test_of_a_request_only_the_key_counts(directory: Path) -> None:
    """A host that somebody has taken over asks to be an authority, with the name of another."""
    key = ec.generate_private_key(ec.SECP256R1())
    hostile = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    text = signed(directory, hostile.public_bytes(serialization.Encoding.PEM).decode())
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert describe(text.encode())["names"] == NAMES
    assert "bank" not in certificate.subject.rfc4514_string()


@pytest.mark.parametrize(
    ("key", "weak"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA with 2048 bits"),
        (rsa.generate_private_key(65537, 3072), ""),
        (dsa.generate_private_key(2048), "DSA with 2048 bits"),
        (ec.generate_private_key(ec.SECP224R1()), "EC with 224 bits"),
        (ec.generate_private_key(ec.SECP256R1()), ""),
    ],
)
def test_weak_key_gets_no_certificate(directory: Path, key: Any, weak: str) -> None:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    text = request.public_bytes(serialization.Encoding.PEM).decode()
    if not weak:
        assert "BEGIN CERTIFICATE" in signed(directory, text)
        return
    with pytest.raises(SigningError, match=weak):
        signed(directory, text)


def test_a_name_too_long_for_the_subject_is_an_alternative_one(directory: Path) -> None:
    _pair_path, csr = _pair.request(directory / "tls", "server")
    long = "a" * 60 + ".example.com"
    text = signed(directory, csr, name=long, names=[f"DNS:{long}"])
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.subject.rfc4514_string() == ""
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical  # RFC 5280, 4.1.2.6


def test_wrong_passphrase_is_told(directory: Path) -> None:
    _pair_path, csr = _pair.request(directory / "tls", "server")
    with pytest.raises(SigningError, match="Mooring server CA 1"):
        signed(directory, csr, passphrase="wrong")


def test_the_index_has_the_latest_of_each_name(directory: Path) -> None:
    _pair_path, csr = _pair.request(directory / "tls", "server")
    first, second = signed(directory, csr), signed(directory, csr)
    for text in (first, second):
        enter(str(directory), "server", "trixie", text)
    (entry,) = issued(str(directory), "server")
    assert entry["serial_number"] == describe(second.encode())["serial_number"]
    serial = describe(first.encode())["serial_number"]
    assert (directory / f"issued/servers/trixie.pem.{serial}~").read_text() == first
