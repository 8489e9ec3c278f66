# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate says, as plain data. Details need the ``cryptography`` library; without it they are null."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from pathlib import Path
from typing import Any, TypedDict

from .._system import observed
from . import der

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
except ImportError:  # A bare host; the role installs it where TLS is wanted.
    x509 = None  # type: ignore[assignment]

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)

# RFC 5280, 4.2.1.12, by OpenSSL's names for them, which Ansible's modules take too.
_USAGES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}

_LEAST_BITS = {"RSA": 3072, "EC": 256, "Ed25519": 0, "Ed448": 0}


def describe(data: bytes) -> observed.Certificate:
    """The first certificate in ``data`` (PEM or DER).

    Keys: sha256 (hex); bundle (sha256 of every certificate in ``data``, in order); subject, issuer (RFC 4514),
    serial_number (hex), names ("DNS:trixie", "IP:192.0.2.1"), extended_key_usage ("serverAuth", or the dotted OID of
    an unusual one), key_id, authority_key_id (hex; RFC 5280, 4.2.1.1 and 4.2.1.2), not_before, not_after (ISO 8601,
    UTC), days_left (whole days; -1 from the moment of expiry), key (see ``describe_key``), contents (of every
    certificate in ``data``, in order: sha256, subject, issuer, key_id, authority_key_id and key).
    All but sha256 and bundle are null or empty where the library is missing or a certificate cannot be read.
    """
    found: observed.Certificate = {
        "sha256": None,
        "bundle": [],
        "subject": None,
        "issuer": None,
        "serial_number": None,
        "names": [],
        "extended_key_usage": [],
        "key_id": None,
        "authority_key_id": None,
        "not_before": None,
        "not_after": None,
        "days_left": None,
        "key": None,
        "contents": [],
    }
    try:
        ders = _ders(data)
        found["bundle"] = [hashlib.sha256(der_bytes).hexdigest() for der_bytes in ders]
        found["sha256"] = found["bundle"][0]
        if x509 is not None:
            found["contents"] = [_content(der_bytes) for der_bytes in ders]
            found = {**found, **_details(x509.load_der_x509_certificate(ders[0]))}
    except ValueError:
        found["sha256"] = found["sha256"] or hashlib.sha256(data).hexdigest()
    return found


def describe_file(path: str) -> observed.Certificate | None:
    """``describe`` of a file, or None where it cannot be read."""
    try:
        return describe(Path(path).read_bytes())
    except OSError:
        return None


def describe_key(key: Any) -> observed.Key:
    """A public key's type ("RSA", "DSA", "EC", "Ed25519", "Ed448") and its bits (None where the type says it all)."""
    types = {
        "RSA": rsa.RSAPublicKey,
        "DSA": dsa.DSAPublicKey,
        "EC": ec.EllipticCurvePublicKey,
        "Ed25519": ed25519.Ed25519PublicKey,
        "Ed448": ed448.Ed448PublicKey,
    }
    found = next((name for name, of in types.items() if isinstance(key, of)), "of an unknown type")
    return {"type": found, "bits": getattr(key, "key_size", None)}


def weakness(key: observed.Key | None) -> str:
    """Why a key, as ``describe_key`` tells of it, is too weak to be trusted; "" where it is not."""
    if key is None:
        return "its key cannot be read"
    least = _LEAST_BITS.get(key["type"])
    if least is not None and (key["bits"] or 0) >= least:
        return ""
    size = f" with {key['bits']} bits" if key["bits"] else ""
    return f"its key is {key['type']}{size}, and must be RSA with 3072 bits, EC with 256 or more, Ed25519 or Ed448"


def describe_name(der_bytes: bytes) -> str | None:
    """The name (RFC 4514) of an authority, as TLS sends it. None where the library is missing or cannot read it.

    The library reads names only within something larger, so this one becomes the subject of a request that nobody
    signed.
    """
    algorithm, nothing = bytes.fromhex("300a06082a8648ce3d040302"), b"\x03\x01\0"
    key = der.encode(der.SEQUENCE, algorithm, nothing)
    body = der.encode(der.SEQUENCE, der.integer(0), der_bytes, key, b"\xa0\0")
    request = der.encode(der.SEQUENCE, body, algorithm, nothing)
    if x509 is None:
        return None
    try:
        name: str = x509.load_der_x509_csr(request).subject.rfc4514_string()
    except ValueError:
        return None
    return name


def _ders(data: bytes) -> list[bytes]:
    """Raises ValueError for what looks like PEM and is not."""
    return [base64.b64decode(text) for text in _PEM.findall(data)] or [data]


def _content(der_bytes: bytes) -> observed.CertificateInBundle:
    """One of ``contents``; all but sha256 null where the certificate cannot be read."""
    digest = hashlib.sha256(der_bytes).hexdigest()
    try:
        details = _details(x509.load_der_x509_certificate(der_bytes))
    except ValueError:
        return {
            "sha256": digest,
            "subject": None,
            "issuer": None,
            "key_id": None,
            "authority_key_id": None,
            "key": None,
        }
    return {
        "sha256": digest,
        "subject": details["subject"],
        "issuer": details["issuer"],
        "key_id": details["key_id"],
        "authority_key_id": details["authority_key_id"],
        "key": details["key"],
    }


class _Details(TypedDict):
    """What takes the library to be read."""

    subject: str
    issuer: str
    serial_number: str
    names: list[str]
    extended_key_usage: list[str]
    key_id: str | None
    authority_key_id: str | None
    not_before: str
    not_after: str
    days_left: int
    key: observed.Key | None


def _details(certificate: Any) -> _Details:
    """Raises ValueError where an extension cannot be read."""
    not_before, not_after = _moment(certificate, "not_valid_before"), _moment(certificate, "not_valid_after")
    names = _extension(certificate, "SubjectAlternativeName")
    key = _extension(certificate, "SubjectKeyIdentifier")
    authority = _extension(certificate, "AuthorityKeyIdentifier")
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial_number": format(certificate.serial_number, "x"),
        "names": [f"DNS:{name}" for name in names.get_values_for_type(x509.DNSName)]
        + [f"IP:{address}" for address in names.get_values_for_type(x509.IPAddress)]
        if names
        else [],
        "extended_key_usage": [
            _USAGES.get(usage.dotted_string, usage.dotted_string)
            for usage in _extension(certificate, "ExtendedKeyUsage") or []
        ],
        "key_id": key.digest.hex() if key else None,
        "authority_key_id": authority.key_identifier.hex() if authority and authority.key_identifier else None,
        "not_before": not_before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": (not_after - datetime.datetime.now(datetime.timezone.utc)).days,
        "key": _key(certificate),
    }


def _key(certificate: Any) -> observed.Key | None:
    try:
        return describe_key(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _extension(certificate: Any, name: str) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(getattr(x509, name)).value
    except x509.ExtensionNotFound:
        return None


def _moment(certificate: Any, name: str) -> datetime.datetime:
    """The ``*_utc`` properties came with cryptography 42; the others, naive in UTC, are on their way out."""
    moment: datetime.datetime | None = getattr(certificate, f"{name}_utc", None)
    return moment or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
