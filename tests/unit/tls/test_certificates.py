"""A certificate's details come out as plain data, whatever reads it and whatever it is."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls import certificates
from ansible_collections.mooring.docker.plugins.module_utils._tls.certificates import (
    describe,
    describe_file,
    describe_name,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def certificate(
    extensions: bool = True, not_after: datetime.datetime = NOW + datetime.timedelta(days=30, hours=1)
) -> x509.Certificate:
    """A certificate of "trixie", signed by itself in the name of "some CA"."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trixie")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "some CA")]))
        .public_key(key.public_key())
        .serial_number(0x1F2E3D)
        .not_valid_before(NOW - datetime.timedelta(days=400))
        .not_valid_after(not_after)
    )
    if extensions:
        names = [
            x509.DNSName("trixie"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        ]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ObjectIdentifier("1.2.3.4")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier(b"\x0a\x0b"), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(b"\xca", None, None), critical=False)
    return builder.sign(key, hashes.SHA256())


def pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


def der(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.DER)


def test_every_detail() -> None:
    one = certificate()
    assert describe(pem(one)) == {
        "sha256": one.fingerprint(hashes.SHA256()).hex(),
        "bundle": [one.fingerprint(hashes.SHA256()).hex()],
        "subject": "CN=trixie",
        "issuer": "CN=some CA",
        "serial_number": "1f2e3d",
        "names": ["DNS:trixie", "IP:192.0.2.7", "IP:2001:db8::7"],
        "extended_key_usage": ["serverAuth", "1.2.3.4"],
        "key_id": "0a0b",
        "authority_key_id": "ca",
        "not_before": (NOW - datetime.timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": (NOW + datetime.timedelta(days=30, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": 30,
        "key": {"type": "EC", "bits": 256},
        "contents": [
            {
                "sha256": one.fingerprint(hashes.SHA256()).hex(),
                "subject": "CN=trixie",
                "issuer": "CN=some CA",
                "key_id": "0a0b",
                "authority_key_id": "ca",
                "key": {"type": "EC", "bits": 256},
            }
        ],
    }


def test_pem_and_der_are_the_same_certificate() -> None:
    one = certificate()
    assert describe(pem(one)) == describe(der(one))


def test_the_first_of_several_counts() -> None:
    first, second = certificate(), certificate()
    found = describe(b"subject=/CN=trixie\n" + pem(first) + pem(second))
    assert found.pop("bundle") == [one.fingerprint(hashes.SHA256()).hex() for one in (first, second)]
    assert [one["sha256"] for one in found.pop("contents")] == describe(pem(first) + pem(second))["bundle"]
    assert found == {key: value for key, value in describe(der(first)).items() if key not in ("bundle", "contents")}


@pytest.mark.parametrize(
    ("left", "days"),
    [(datetime.timedelta(hours=1), 0), (datetime.timedelta(hours=-1), -1), (datetime.timedelta(days=-3), -3)],
)
def test_days_left_tells_expiry_from_the_last_day(left: datetime.timedelta, days: int) -> None:
    # NOW is when the tests began. A minute is for this one.
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1) + left
    assert describe(pem(certificate(not_after=ends)))["days_left"] == days


def test_certificate_without_extensions_has_no_names() -> None:
    found = describe(pem(certificate(extensions=False)))
    assert (found["names"], found["extended_key_usage"]) == ([], [])
    assert (found["key_id"], found["authority_key_id"]) == (None, None)
    assert found["subject"] == "CN=trixie"


def test_without_the_library_only_the_fingerprint_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "x509", None)
    one = certificate()
    found = describe(pem(one))
    assert [found.pop("sha256")] == found.pop("bundle")
    assert not any(found.values())


class _Old:
    """A certificate as cryptography before 42 has it: naive dates, no *_utc."""

    def __init__(self, one: x509.Certificate) -> None:
        self._one = one

    def __getattr__(self, name: str) -> object:
        if name.endswith("_utc"):
            raise AttributeError(name)
        if name.startswith("not_valid"):
            return getattr(self._one, f"{name}_utc").replace(tzinfo=None)
        return getattr(self._one, name)


def test_dates_are_the_same_with_an_old_library(monkeypatch: pytest.MonkeyPatch) -> None:
    one = certificate()
    expected = describe(pem(one))
    monkeypatch.setattr(certificates.x509, "load_der_x509_certificate", lambda _der: _Old(one))
    assert describe(pem(one)) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----",
        b"\x30\x03\x02\x01\x00",
    ],
)
def test_what_is_no_certificate_has_no_details(data: bytes) -> None:
    found = describe(data)
    assert found["days_left"] is None
    assert found["subject"] is None
    assert found["sha256"]


def test_file_is_described_and_missing_file_is_none(tmp_path: Path) -> None:
    one = certificate()
    path = tmp_path / "cert.pem"
    assert describe_file(str(path)) is None
    path.write_bytes(pem(one))
    found = describe_file(str(path))
    assert found is not None
    assert found["sha256"] == hashlib.sha256(der(one)).hexdigest()


@pytest.mark.parametrize("length", [1, 64, 300])
def test_name_of_an_authority(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "u")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mooring client CA 1")] + [unit] * length)
    assert describe_name(name.public_bytes()) == name.rfc4514_string()
    monkeypatch.setattr(certificates, "x509", None)
    assert describe_name(name.public_bytes()) is None


def test_what_is_no_name() -> None:
    assert describe_name(b"") is None
    assert describe_name(b"\x30\x05abc") is None


@pytest.mark.parametrize(
    ("kind", "bits", "weak"),
    [
        ("RSA", 2048, True),
        ("RSA", 3071, True),
        ("RSA", 3072, False),
        ("EC", 224, True),
        ("EC", 256, False),
        ("Ed25519", None, False),
        ("DSA", 3072, True),
        ("of an unknown type", 4096, True),
    ],
)
def test_weak_keys_are_told(kind: str, bits: int | None, weak: bool) -> None:
    assert bool(certificates.weakness({"type": kind, "bits": bits})) is weak
    assert certificates.weakness(None) == "its key cannot be read"
