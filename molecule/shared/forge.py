"""Certificates made for tests, by authorities of their own and in the name of those of a fleet."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

Pair = tuple[str, str]
"""Paths of a certificate and its key."""


@dataclass
class Issuer:
    """Who signs. What it issues is in DIRECTORY/NAME/cert.pem and key.pem."""

    directory: Path
    name: x509.Name
    key: ec.EllipticCurvePrivateKey

    def issue(
        self,
        name: str,
        *usages: x509.ObjectIdentifier,
        names: Sequence[str] = (),
        since: float = -1,
        until: float = 1,
        password: str = "",
        key: Key | None = None,
    ) -> Pair:
        """A certificate that is valid between two moments, in days from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(name), key, since, until)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        # As the fleet's authorities do it: by its key, whoever signs is known.
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(signer, critical=False)
        place = self.directory / name
        place.mkdir(mode=0o700, parents=True)
        (place / "cert.pem").write_bytes(self.sign(builder))
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password.encode())
        (place / "key.pem").touch(mode=0o600)
        (place / "key.pem").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        )
        return str(place / "cert.pem"), str(place / "key.pem")

    def sign(self, builder: x509.CertificateBuilder) -> bytes:
        """The certificate as PEM."""
        certificate = builder.issuer_name(self.name).sign(self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


class Authority(Issuer):
    """A new authority, with its certificate in DIRECTORY/ca.pem."""

    def __init__(self, directory: Path, name: str = "") -> None:
        directory.mkdir()
        super().__init__(directory, _named(name or directory.name), ec.generate_private_key(ec.SECP256R1()))
        self.ca = str(directory / "ca.pem")
        builder = _builder(self.name, self.key, -30, 365.1)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        Path(self.ca).write_bytes(self.sign(builder))


def holder(directory: Path, pair: Pair, passphrase: str = "") -> Issuer:
    """Who has this pair signs with it, whether it is an authority or not."""
    key = serialization.load_pem_private_key(Path(pair[1]).read_bytes(), passphrase.encode() or None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Issuer(directory, x509.load_pem_x509_certificate(Path(pair[0]).read_bytes()).subject, key)


def self_signed(directory: Path, name: str, *usages: x509.ObjectIdentifier, names: Sequence[str] = ()) -> Pair:
    """A certificate that only its own key vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Issuer(directory, _named(name), key).issue(name, *usages, names=names, key=key)


def _builder(subject: x509.Name, key: Key, since: float, until: float) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=since))
        .not_valid_after(now + datetime.timedelta(days=until))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
