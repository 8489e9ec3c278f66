# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate says, as plain data. Details need the ``cryptography`` library; without it they are null."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from pathlib import Path
from typing import Any

try:
    from cryptography import x509
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


def describe(data: bytes) -> dict[str, Any]:
    """The first certificate in ``data`` (PEM or DER).

    Keys: sha256 (hex); bundle (sha256 of every certificate in ``data``, in order); subject, issuer (RFC 4514),
    serial_number (hex), names ("DNS:trixie", "IP:192.0.2.1"), extended_key_usage ("serverAuth", or the dotted OID of
    an unusual one), key_id, authority_key_id (hex; RFC 5280, 4.2.1.1 and 4.2.1.2), not_before, not_after (ISO 8601,
    UTC), days_left (whole days; -1 from the moment of expiry).
    All but sha256 and bundle are null or empty where the library is missing or the certificate cannot be read.
    """
    found: dict[str, Any] = {
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
    }
    try:
        ders = _ders(data)
        found["bundle"] = [hashlib.sha256(der).hexdigest() for der in ders]
        found["sha256"] = found["bundle"][0]
        if x509 is not None:
            found.update(_details(x509.load_der_x509_certificate(ders[0])))
    except ValueError:
        found["sha256"] = found["sha256"] or hashlib.sha256(data).hexdigest()
    return found


def describe_file(path: str) -> dict[str, Any] | None:
    """``describe`` of a file, or None where it cannot be read."""
    try:
        return describe(Path(path).read_bytes())
    except OSError:
        return None


def describe_name(der: bytes) -> str | None:
    """The name (RFC 4514) of an authority, as TLS sends it. None where the library is missing or cannot read it.

    The library reads names only within something larger, so this one becomes the subject of a request that nobody
    signed.
    """
    algorithm, nothing = bytes.fromhex("300a06082a8648ce3d040302"), b"\x03\x01\0"
    key = _tagged(0x30, algorithm + nothing)
    request = _tagged(0x30, _tagged(0x30, b"\x02\x01\0" + der + key + b"\xa0\0") + algorithm + nothing)
    if x509 is None:
        return None
    try:
        name: str = x509.load_der_x509_csr(request).subject.rfc4514_string()
    except ValueError:
        return None
    return name


def _tagged(tag: int, data: bytes) -> bytes:
    """DER (X.690, 8.1)."""
    size = len(data)
    if size < 0x80:
        return bytes([tag, size]) + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data


def _ders(data: bytes) -> list[bytes]:
    """Raises ValueError for what looks like PEM and is not."""
    return [base64.b64decode(text) for text in _PEM.findall(data)] or [data]


def _details(certificate: Any) -> dict[str, Any]:
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
    }


def _extension(certificate: Any, name: str) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(getattr(x509, name)).value
    except x509.ExtensionNotFound:
        return None


def _moment(certificate: Any, name: str) -> datetime.datetime:
    """The ``*_utc`` properties came with cryptography 42; the others, naive in UTC, are on their way out."""
    moment: datetime.datetime | None = getattr(certificate, f"{name}_utc", None)
    return moment or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
