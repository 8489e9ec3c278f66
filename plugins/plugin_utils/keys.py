# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the authorities' private keys: PKCS#8 (RFC 5958), encrypted by PBES2 (RFC 8018) with scrypt (RFC 7914).

Who gets hold of such a file must guess the passphrase, and each guess takes 16 MiB and some 0.2 s of a processor. The
``cryptography`` library reads such files, but what it writes itself is derived by 2048 rounds at best. So the envelope
is put together here, from the library's scrypt and AES: the key and the passphrase never leave this process.
"""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..module_utils._tls import der

if TYPE_CHECKING:
    from pathlib import Path

SHORTEST = 12
"""Characters that a passphrase must have."""

_N, _R, _P = 1 << 14, 8, 5
"""OWASP's Password Storage Cheat Sheet has these for 16 MiB; OpenSSL reads nothing that takes more than 32."""

_ROUNDS = 600_000
"""Of PBKDF2 with HMAC-SHA-256, which somebody else may have chosen; OWASP again."""

_PBES2 = bytes.fromhex("2a864886f70d01050d")
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_AES_256_CBC = bytes.fromhex("60864801650304012a")
_HMAC_SHA_2 = [bytes.fromhex(f"2a864886f70d02{number:02x}") for number in (9, 10, 11)]

_PKCS8 = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----(.+?)-----END ENCRYPTED PRIVATE KEY-----", re.DOTALL)


class KeyFileError(Exception):
    """A key cannot be used or written; the message names the file and says why."""


def passphrase_problem(passphrase: str, variable: str) -> str | None:
    """Why keys may not be encrypted by this passphrase, which the sentence does not show; None where they may."""
    if len(str(passphrase)) >= SHORTEST:
        return None
    return (
        f"{variable} must have at least {SHORTEST} characters: choose another (openssl rand -base64 24). Where the "
        "authorities' keys are encrypted by it already, change it with playbooks/change_passphrase.yml"
    )


def load(path: Path, passphrase: str) -> Any:
    """The key in a file. Raises KeyFileError."""
    try:
        return serialization.load_pem_private_key(path.read_bytes(), passphrase.encode())
    except (OSError, ValueError, TypeError) as error:
        raise KeyFileError(f"the key {path} cannot be used: {error}") from error


def write(path: Path, key: Any, passphrase: str) -> None:
    """Make ``path`` hold ``key``, encrypted. Raises KeyFileError.

    At any moment the file holds what it did, or the new whole, which was read back before. Whoever calls this holds
    the lock of the directory.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(_encrypted(key, passphrase))
            stream.flush()
            os.fsync(stream.fileno())
        if public_bytes(load(new, passphrase)) != public_bytes(key):
            raise KeyFileError(f"the key {path} was left as it is: {new} holds another one")
        new.replace(path)
    except OSError as error:
        raise KeyFileError(f"the key {path} cannot be written: {error}") from error


def weakness(path: Path) -> str:
    """What protects a key's file where that is too little; "" where it is enough, and where there is no file."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
    found = _PKCS8.search(text)
    if not found:
        return "one round of MD5" if "Proc-Type: 4,ENCRYPTED" in text else "no passphrase"
    try:
        return _weak_derivation(base64.b64decode(found[1]))
    except (ValueError, IndexError):
        return "an unknown encryption"


def public_bytes(key: Any) -> bytes:
    """What tells two private keys apart."""
    data: bytes = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


def _encrypted(key: Any, passphrase: str) -> str:
    """EncryptedPrivateKeyInfo as PEM."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, vector = os.urandom(16), os.urandom(16)
    secret = Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode())
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    data = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    costs = (der.integer(number) for number in (_N, _R, _P))
    derivation = _algorithm(_SCRYPT, der.encode(der.SEQUENCE, der.encode(der.OCTETS, salt), *costs))
    encryption = _algorithm(_AES_256_CBC, der.encode(der.OCTETS, vector))
    scheme = _algorithm(_PBES2, der.encode(der.SEQUENCE, derivation, encryption))
    text = base64.encodebytes(der.encode(der.SEQUENCE, scheme, der.encode(der.OCTETS, data))).decode()
    # RFC 7468, 2: lines of 64 characters.
    lines = re.findall(".{1,64}", text.replace("\n", ""))
    return "\n".join(["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""])


def _algorithm(identifier: bytes, parameters: bytes) -> bytes:
    encoded: bytes = der.encode(der.SEQUENCE, der.encode(der.OBJECT, identifier), parameters)
    return encoded


def _weak_derivation(data: bytes) -> str:
    """What ``weakness`` says of an EncryptedPrivateKeyInfo. Raises ValueError or IndexError for what is none."""
    ((_tag, content),) = der.decode(data)
    (_tag, scheme), (_tag, parameters) = der.decode(der.decode(content)[0][1])
    if scheme != _PBES2:
        return "PBES1 or PKCS#12"
    (_tag, derivation), (_tag, costs) = der.decode(der.decode(parameters)[0][1])
    values = der.decode(costs)
    numbers = [int.from_bytes(value, "big") for tag, value in values if tag == der.INTEGER]
    if derivation == _SCRYPT:
        return "" if numbers[0] * numbers[1] >= _N * _R else f"scrypt with N={numbers[0]}, r={numbers[1]}"
    if derivation != _PBKDF2:
        return "an unknown encryption"
    tag, function = values[-1]
    if tag != der.SEQUENCE or der.decode(function)[0][1] not in _HMAC_SHA_2:
        return "PBKDF2 with HMAC-SHA-1"
    return "" if numbers[0] >= _ROUNDS else f"{numbers[0]} rounds of PBKDF2"
