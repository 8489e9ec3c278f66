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


def _der(data: bytes) -> bytes:
    match = _PEM.search(data)
    return base64.b64decode(match[1]) if match else data


def describe(data: bytes) -> dict[str, Any]:
    """The first certificate in ``data`` (PEM or DER).

    Keys: sha256; subject, issuer, serial_number, names ("DNS:trixie", "IP:192.0.2.1"), extended_key_usage (dotted
    OIDs), not_before, not_after (ISO 8601, UTC), days_left. All but sha256 are null or empty where the library is
    missing or the certificate cannot be read.
    """
    der = _der(data)
    found: dict[str, Any] = {
        "sha256": hashlib.sha256(der).hexdigest(),
        "subject": None,
        "issuer": None,
        "serial_number": None,
        "names": [],
        "extended_key_usage": [],
        "not_before": None,
        "not_after": None,
        "days_left": None,
    }
    if x509 is None:
        return found
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        return found
    # The *_utc properties came with cryptography 42; before, the dates were naive UTC.
    not_before, not_after = (
        getattr(certificate, f"{name}_utc", None) or getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
        for name in ("not_valid_before", "not_valid_after")
    )
    found.update(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=format(certificate.serial_number, "x"),
        names=_names(certificate),
        extended_key_usage=_usages(certificate),
        not_before=not_before.strftime("%Y-%m-%dT%H:%M:%SZ"),
        not_after=not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        days_left=(not_after - datetime.datetime.now(datetime.timezone.utc)).days,
    )
    return found


def _names(certificate: Any) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [f"DNS:{name}" for name in names.get_values_for_type(x509.DNSName)] + [
        f"IP:{address}" for address in names.get_values_for_type(x509.IPAddress)
    ]


def _usages(certificate: Any) -> list[str]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return []
    return [usage.dotted_string for usage in usages]


def describe_file(path: str) -> dict[str, Any] | None:
    """``describe`` of a file, or None where it cannot be read."""
    try:
        return describe(Path(path).read_bytes())
    except OSError:
        return None
