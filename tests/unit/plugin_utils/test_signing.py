"""A certificate says what the controller decides, whatever the machine asks for."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls import pair
from ansible_collections.mooring.docker.plugins.module_utils._tls.certificates import describe
from ansible_collections.mooring.docker.plugins.plugin_utils.authorities import (
    distrusted,
    generation,
    index,
    issued,
    load,
    name_problem,
    save,
    unconfirmed,
)
from ansible_collections.mooring.docker.plugins.plugin_utils.signing import SigningError, announce, confirm, sign
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

NAMES = ["DNS:trixie", "IP:192.0.2.7", "IP:2001:db8::7"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return fill(tmp_path)


def fill(directory: Path) -> Path:
    """Make the authorities of a fleet in it: one of servers and two of clients, their keys encrypted by "secret"."""
    for place in ("authorities", "issued/servers", "issued/clients", "tls"):
        (directory / place).mkdir(parents=True)
    for kind, number in (("server", 1), ("client", 1), ("client", 2)):
        authority(directory, kind, number)
    return directory


def authority(directory: Path, kind: str, number: int) -> None:
    """Make a generation of an authority."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Mooring {kind} CA {number}")])
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
    one = generation(str(directory), kind, number)
    Path(one["certificate"]).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    Path(one["key"]).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )


def signed(directory: Path, csr: str, **change: Any) -> str:
    options = {"kind": "server", "name": "trixie", "names": NAMES, "days": 397, "passphrase": "secret", **change}
    return sign(csr, authority=generation(str(directory), "server", 1), **options)


def test_key_and_certificate_change_in_one_moment(directory: Path) -> None:
    texts = []
    for _time in range(2):
        pair_directory, csr = pair.request(directory / "tls", "server")
        assert not (Path(pair_directory) / "cert.pem").exists()
        certificate = signed(directory, csr)
        pair.install(Path(pair_directory), certificate)
        key: Any = serialization.load_pem_private_key((directory / "tls/server/key.pem").read_bytes(), None)
        served = x509.load_pem_x509_certificate((directory / "tls/server/cert.pem").read_bytes())
        assert served.public_key() == key.public_key()
        assert (directory / "tls/server/key.pem").stat().st_mode & 0o777 == 0o600
        texts.append(certificate)
    assert texts[0] != texts[1]
    assert sorted(path.name for path in (directory / "tls").iterdir()) == ["server", Path(pair_directory).name]


def test_a_request_that_its_key_has_not_signed_is_refused(directory: Path) -> None:
    """Whoever sends it need not have the key."""
    _pair_path, csr = pair.request(directory / "tls", "server")
    data = bytearray(x509.load_pem_x509_csr(csr.encode()).public_bytes(serialization.Encoding.DER))
    data[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(data)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(SigningError, match="not signed by its key"):
        signed(directory, forged)


def test_it_says_what_was_declared_and_its_authority_vouches_for_it(directory: Path) -> None:
    _pair_path, csr = pair.request(directory / "tls", "server")
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
    _pair_path, csr = pair.request(directory / "tls", "server")
    long = "a" * 60 + ".example.com"
    text = signed(directory, csr, name=long, names=[f"DNS:{long}"])
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.subject.rfc4514_string() == ""
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical  # RFC 5280, 4.1.2.6


def test_wrong_passphrase_is_told(directory: Path) -> None:
    _pair_path, csr = pair.request(directory / "tls", "server")
    with pytest.raises(SigningError, match="Mooring server CA 1"):
        signed(directory, csr, passphrase="wrong")


def test_the_index_has_the_latest_of_each_name(directory: Path) -> None:
    _pair_path, csr = pair.request(directory / "tls", "server")
    first, second = signed(directory, csr), signed(directory, csr)
    for text in (first, second):
        announce(str(directory), "server", "trixie", text)
        confirm(str(directory), "server", "trixie")
    (entry,) = issued(str(directory), "server")
    assert entry["serial_number"] == describe(second.encode())["serial_number"]
    serial = describe(first.encode())["serial_number"]
    assert (directory / f"issued/servers/trixie.pem.{serial}~").read_text() == first


def client(directory: Path, name: str, number: int = 1, days: float = 90, passphrase: str = "secret") -> str:
    """A certificate of a client by a generation, announced in the index."""
    _pair_path, csr = pair.request(directory / "tls", "client")
    text = sign(csr, "client", name, [], days, generation(str(directory), "client", number), passphrase)
    announce(str(directory), "client", name, text)
    return text


def statuses(directory: Path) -> list[tuple[str, str, str]]:
    return [(one["name"], one["status"], one["serial_number"]) for one in index(str(directory), "client")]


def serial(text: str) -> str:
    return str(describe(text.encode())["serial_number"])


def test_a_run_that_is_cut_between_machine_and_index_loses_no_certificate(directory: Path) -> None:
    first = client(directory, "alice")
    assert statuses(directory) == [("alice", "unconfirmed", serial(first))]
    # Nobody has it yet for certain, so that the name is free.
    assert not name_problem(str(directory), "alice", None, replace=False)
    assert unconfirmed(str(directory), "alice", describe(first.encode()))
    confirm(str(directory), "client", "alice")
    second = client(directory, "alice")
    # The machine may have the one or the other, and is alice with both.
    for text in (first, second):
        assert not name_problem(str(directory), "alice", describe(text.encode()), replace=False)
    assert [one["serial_number"] for one in issued(str(directory), "client")] == [serial(first)]
    third = client(directory, "alice")
    confirm(str(directory), "client", "alice")
    assert statuses(directory)[0] == ("alice", "current", serial(third))
    assert sorted(statuses(directory)[1:]) == sorted(("alice", "superseded", serial(one)) for one in (first, second))


def test_a_name_belongs_to_the_machine_that_has_its_certificate(directory: Path) -> None:
    own = client(directory, "root")
    confirm(str(directory), "client", "root")
    other = client(directory, "alice")
    for deployed in (None, describe(other.encode()), {"sha256": None}):
        refused = name_problem(str(directory), "root", deployed, replace=False)
        assert "another machine has the certificate of that name" in refused
        assert serial(own) in refused
        assert "docker_client_replace=true" in refused
        assert not name_problem(str(directory), "root", deployed, replace=True)
    assert "differ by more than their case" in name_problem(str(directory), "Root", None, replace=True)
    # What lets nobody in any more keeps nobody from the name.
    (directory / "issued/clients/root.pem").write_text(client(directory, "root", days=-0.01))
    assert not name_problem(str(directory), "root", None, replace=False)


def test_a_certificate_lets_in_until_every_daemon_was_seen_to_refuse_its_authority(directory: Path) -> None:
    client(directory, "alice")
    confirm(str(directory), "client", "alice")
    state = load(str(directory))
    (one,) = index(str(directory), "client")
    assert (one["trusted"], one["lets_in"], one["hosts"]) == (True, True, [])
    retired = {**state, "client": {"signer": 2, "trusted": [2]}}
    save(str(directory), {**retired, "distrusted": [distrusted(1, ["alice"], ["web-1"])]})
    (one,) = index(str(directory), "client")
    assert (one["trusted"], one["lets_in"], one["hosts"]) == (False, True, ["web-1"])
    save(str(directory), retired)
    (one,) = index(str(directory), "client")
    assert (one["trusted"], one["lets_in"], one["hosts"]) == (False, False, [])


def test_the_index_of_the_version_before_is_read(directory: Path) -> None:
    """NAME.pem, NAME.pem.SERIAL~ and NAME.pem.removed, also where a name looks like one of these."""
    place = directory / "issued/clients"
    names = {"a.pem.pem": "a.pem", "a.pem.pem.1f~": "a.pem", "a.pem.1f~": "a", "b.pem.removed": "b", "a.pem": "a"}
    for file in names:
        (place / file).write_text(client(directory, "spare"))
        (place / "spare.pem.next").unlink()
    for path in place.glob("spare*"):
        path.unlink()
    (place / ".a.pem.x1").write_text("")
    found = {one["files"][0]: (one["name"], one["status"]) for one in index(str(directory), "client")}
    assert {file: name for file, (name, _status) in found.items()} == names
    assert found["a.pem.pem.1f~"][1] == found["a.pem.1f~"][1] == "superseded"
    assert found["b.pem.removed"][1] == "removed"
    assert [one["name"] for one in issued(str(directory), "client")] == ["a", "a.pem"]
