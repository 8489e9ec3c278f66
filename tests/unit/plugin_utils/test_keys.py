"""Keys of authorities are files that take long to guess, and never a moment without a usable one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls import der
from ansible_collections.mooring.docker.plugins.plugin_utils import keys
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

PASSPHRASE = "correct horse battery"
LEGACY, PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8


@pytest.fixture
def key() -> Any:
    return ec.generate_private_key(ec.SECP384R1())


def plain(key: Any) -> bytes:
    found: bytes = key.private_bytes(serialization.Encoding.PEM, PKCS8, serialization.NoEncryption())
    return found


def by_library(path: Path, key: Any, form: serialization.PrivateFormat = LEGACY) -> None:
    """What was written before: by the library, as it likes."""
    how = serialization.BestAvailableEncryption(PASSPHRASE.encode())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, how))


def by_openssl(path: Path, key: Any, *how: str) -> None:
    """By the program, as its user likes."""
    line = ["openssl", "pkcs8", "-topk8", *how, "-passout", f"pass:{PASSPHRASE}", "-out", str(path)]
    subprocess.run(line, input=plain(key), check=True, capture_output=True)


@pytest.mark.parametrize("passphrase", [PASSPHRASE, "ends in a new line\n", "schließen Sie auf", "x" * 1000])
def test_key_is_encrypted_by_scrypt_and_everybody_reads_it(tmp_path: Path, key: Any, passphrase: str) -> None:
    path = tmp_path / "server-1-key.pem"
    keys.write(path, key, passphrase)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert keys.public_bytes(keys.load(path, passphrase)) == keys.public_bytes(key)
    assert keys.weakness(path) == ""
    line = ["openssl", "asn1parse", "-in", str(path)]
    described = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    assert all(word in described for word in ("PBES2", "scrypt", ":4000", ":08", ":05", "aes-256-cbc"))
    if "\n" not in passphrase:
        line = ["openssl", "pkey", "-in", str(path), "-passin", f"pass:{passphrase}"]
        assert subprocess.run(line, check=True, capture_output=True).stdout == plain(key)


def test_a_key_that_does_not_read_back_leaves_the_one_before(
    tmp_path: Path, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.pem"
    keys.write(path, key, PASSPHRASE)
    before = path.read_bytes()
    other = keys._encrypted(ec.generate_private_key(ec.SECP384R1()), PASSPHRASE)
    monkeypatch.setattr(keys, "_encrypted", lambda _key, _passphrase: other)
    with pytest.raises(keys.KeyFileError, match="was left as it is"):
        keys.write(path, key, PASSPHRASE)
    assert path.read_bytes() == before


def test_key_of_another_passphrase_is_told_without_either(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "key.pem"
    keys.write(path, key, PASSPHRASE)
    with pytest.raises(keys.KeyFileError, match=str(path)) as refused:
        keys.load(path, "another passphrase")
    assert "another passphrase" not in str(refused.value)
    assert PASSPHRASE not in str(refused.value)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (["-scrypt"], ""),
        (["-v2", "aes-256-cbc", "-iter", "600000"], ""),
        (["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-iter", "700000"], ""),
        (["-v2", "aes-256-cbc"], "2048 rounds of PBKDF2"),
        (["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", "-iter", "700000"], "PBKDF2 with HMAC-SHA-1"),
        (["-scrypt", "-scrypt_N", "1024", "-scrypt_r", "8", "-scrypt_p", "1"], "scrypt with N=1024, r=8"),
        (["-v1", "PBE-SHA1-3DES"], "PBES1 or PKCS#12"),
        (["-nocrypt"], "no passphrase"),
    ],
)
def test_weak_files_are_known_by_their_look(tmp_path: Path, key: Any, how: list[str], said: str) -> None:
    by_openssl(tmp_path / "key.pem", key, *how)
    assert keys.weakness(tmp_path / "key.pem") == said


def test_what_the_library_writes_is_weak(tmp_path: Path, key: Any) -> None:
    by_library(tmp_path / "key.pem", key)
    assert keys.weakness(tmp_path / "key.pem") == "one round of MD5"
    by_library(tmp_path / "key.pem", key, PKCS8)
    assert "rounds of PBKDF2" in keys.weakness(tmp_path / "key.pem")


@pytest.mark.parametrize(
    "text", ["", "nonsense", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----"]
)
def test_what_is_no_key_is_weak(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.pem").write_text(text)
    assert keys.weakness(tmp_path / "key.pem") != ""
    assert keys.weakness(tmp_path / "missing.pem") == ""


def test_short_passphrase_is_refused_and_not_shown() -> None:
    said = keys.passphrase_problem("hunter2 123", "docker_engine_ca_passphrase") or ""
    assert "docker_engine_ca_passphrase must have at least 12 characters" in said
    assert "change_passphrase.yml" in said
    assert "hunter2" not in said
    assert keys.passphrase_problem("hunter2 1234", "docker_engine_ca_passphrase") is None


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70000])
def test_der_goes_there_and_back(size: int) -> None:
    data = der.encode(der.SEQUENCE, der.integer(size), der.encode(der.OCTETS, b"x" * size))
    ((tag, content),) = der.decode(data)
    number, text = der.decode(content)
    assert (tag, int.from_bytes(number[1], "big"), text) == (der.SEQUENCE, size, (der.OCTETS, b"x" * size))
    with pytest.raises(ValueError, match="ends within"):
        der.decode(data[:-1] if size else data[:3])
