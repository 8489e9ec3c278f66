# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign certificates in the controller's own process: milliseconds, where a module would cost a start of Python.

Of a request nothing is taken but its key: names and usages are the controller's to decide, not the machine's that asks.
"""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..module_utils._config import state
from ..module_utils._tls import certificates
from . import keys

_USAGE = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}

# Clocks may be a little behind.
_SKEW = datetime.timedelta(hours=1)


class SigningError(Exception):
    """The request or the authority cannot be used; the message says why."""


def sign(
    csr: str, kind: str, name: str, names: list[str], days: float, authority: dict[str, Any], passphrase: str
) -> str:
    """A certificate (PEM) for the key in ``csr``.

    ``names`` are as in "DNS:trixie" and "IP:192.0.2.7", ``authority`` is a generation of ``authorities.generation``.
    """
    request = x509.load_pem_x509_csr(csr.encode())
    if not request.is_signature_valid:
        raise SigningError("the signing request is not signed by its key")
    if weak := certificates.weakness(certificates.describe_key(request.public_key())):
        raise SigningError(f"the signing request is for a weak key: {weak}")
    try:
        key = keys.load(Path(authority["key"]), passphrase)
    except keys.KeyFileError as error:
        raise SigningError(f"{authority['name']}: {error}") from error
    issuer = x509.load_pem_x509_certificate(Path(authority["certificate"]).read_bytes())
    now = datetime.datetime.now(datetime.timezone.utc)
    # RFC 5280 has room for 64 characters here; the names that count are the alternative ones.
    common = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if len(name) <= 64 else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(common))
        .issuer_name(issuer.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_USAGE[kind]]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
        .add_extension(_key_of(issuer), critical=False)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(one) for one in names]), critical=not common
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def validity_problem(authority: dict[str, Any]) -> str:
    """Why an authority, a generation of ``authorities.generation``, can sign nothing; empty where it can."""
    certificate = certificates.describe_file(authority["certificate"])
    if certificate is None or certificate["days_left"] is None or certificate["days_left"] >= 0:
        return ""
    return (
        f"{authority['name']} ended on {certificate['not_after']}, and nobody trusts what it signs: run "
        "playbooks/replace_authorities.yml"
    )


def sign_authority(
    key: Any, name: str, days: int, issuer: x509.Certificate | None = None, issuer_key: Any = None
) -> str:
    """The certificate (PEM) of the authority ``name`` that has ``key``, signed by itself or by another authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=days))
        # Room for the certificate of its successor while one replaces the other.
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(_key_of(issuer), critical=False)
    return builder.sign(issuer_key or key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def announce(directory: str, kind: str, name: str, certificate: str) -> None:
    """Note a certificate of ``name`` in the index before its machine has it, beside the current one."""
    place = Path(directory) / "issued" / f"{kind}s"
    # A run may have been cut, and nobody knows whether the machine was sent what it had announced.
    for entry in (place / f"{name}.pem", place / f"{name}.pem.next"):
        if entry.exists():
            before = x509.load_pem_x509_certificate(entry.read_bytes())
            state.write(place / f"{name}.pem.{before.serial_number:x}~", entry.read_text(encoding="ascii"))
    state.write(place / f"{name}.pem.next", certificate)


def confirm(directory: str, kind: str, name: str) -> None:
    """The machine has what was announced: let that be the current one."""
    entry = Path(directory) / "issued" / f"{kind}s" / f"{name}.pem"
    entry.with_name(f"{name}.pem.next").replace(entry)


def _general(name: str) -> x509.GeneralName:
    kind, _separator, value = name.partition(":")
    return x509.IPAddress(ipaddress.ip_address(value)) if kind == "IP" else x509.DNSName(value)


def _usage(*usages: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in usages for name in names})


def _key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key)
