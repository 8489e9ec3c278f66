"""Authorities are made once, their keys are kept as they should be, and whatever is killed is finished by the next."""

from __future__ import annotations

import itertools
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities, keys
from ansible_collections.mooring.docker.plugins.plugin_utils.findings.certificates import controller
from ansible_collections.mooring.docker.plugins.plugin_utils.generations import change_passphrase, due, make, protect
from ansible_collections.mooring.docker.plugins.plugin_utils.signing import validity_problem
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from test_keys import PASSPHRASE, by_library

NEW = "another long passphrase"


class Killed(BaseException):
    """What no handler catches."""


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guessing is cheap here; tests/unit/test_keys.py looks at what it costs."""
    monkeypatch.setattr(keys, "_N", 16)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """The first authorities of a fleet, as a new fleet has them."""
    found = str(tmp_path / "pki")
    for kind in authorities.KINDS:
        make(found, kind, 1, PASSPHRASE, 397, 3650)
    return found


def aged(directory: str) -> None:
    """The directory as earlier versions left it."""
    for path in files(directory):
        by_library(path, keys.load(path, PASSPHRASE))
    (Path(directory) / ".gitignore").unlink()


def files(directory: str) -> list[Path]:
    return sorted((Path(directory) / "authorities").glob("*-key.pem"))


def opens(path: Path, passphrase: str) -> bool:
    try:
        keys.load(path, passphrase)
    except keys.KeyFileError:
        return False
    return True


def certificate(path: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(path).read_bytes())


def kill_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die at the so many-th call that changes a file or makes it last."""
    count = itertools.count(1)

    def dying(real: Any) -> Any:
        def call(*words: Any, **more: Any) -> Any:
            if next(count) == moment:
                raise Killed
            return real(*words, **more)

        return call

    for owner, name in ((Path, "replace"), (keys.os, "fsync"), (keys.os, "open")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


def test_authority_is_what_it_was(directory: str) -> None:
    one = authorities.generation(directory, "server", 1)
    made = certificate(one["certificate"])
    made.verify_directly_issued_by(made)
    assert made.subject.rfc4514_string() == "CN=Mooring server CA 1"
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value) == (True, x509.BasicConstraints(ca=True, path_length=1))
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    assert (made.not_valid_after_utc - made.not_valid_before_utc).total_seconds() == 3650 * 86400 + 3600
    key = keys.load(Path(one["key"]), PASSPHRASE)
    assert (key.curve.name, keys.weakness(Path(one["key"]))) == ("secp384r1", "")
    assert key.public_key() == made.public_key()
    assert not Path(one["cross"]).exists()


def test_who_may_read_what(directory: str) -> None:
    everything = [Path(directory), *Path(directory).rglob("*")]
    public = {path.name for path in everything if path.stat().st_mode & 0o077}
    assert public == {".gitignore", "client-1.pem", "server-1.pem"}
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_dir()} == {0o700}
    assert (Path(directory) / ".gitignore").read_text().splitlines()[-1] == "*"


def test_second_time_nothing_is_done(directory: str) -> None:
    before = {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()}
    assert due(directory) == []
    assert make(directory, "server", 1, PASSPHRASE, 397, 3650) == []
    assert protect(directory, PASSPHRASE) == []
    assert {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()} == before


def test_successor_is_vouched_for_by_its_predecessor(directory: str) -> None:
    assert due(directory, "server", 2) == ["make Mooring server CA 2"]
    for kind in authorities.KINDS:
        make(directory, kind, 2, PASSPHRASE, 397, 3650)
    old, new = (authorities.generation(directory, "server", number) for number in (1, 2))
    cross, certificates = certificate(new["cross"]), [certificate(one["certificate"]) for one in (old, new)]
    cross.verify_directly_issued_by(certificates[0])
    assert cross.public_key() == certificates[1].public_key()
    assert (cross.not_valid_after_utc - cross.not_valid_before_utc).days == 397
    by = cross.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert by is not None
    assert by.hex() == old["key_id"]
    assert not Path(authorities.generation(directory, "client", 2)["cross"]).exists()


def test_key_that_cannot_be_read_is_no_reason_for_another(directory: str) -> None:
    one = authorities.generation(directory, "server", 1)
    Path(one["certificate"]).unlink()
    before = Path(one["key"]).read_bytes()
    with pytest.raises(keys.KeyFileError, match=r"server-1-key\.pem cannot be used"):
        make(directory, "server", 1, "some other passphrase", 397, 3650)
    assert Path(one["key"]).read_bytes() == before
    # With the right one, the same key is certified again.
    assert make(directory, "server", 1, PASSPHRASE, 397, 3650) == ["make Mooring server CA 1"]
    assert authorities.generation(directory, "server", 1)["key_id"] == one["key_id"]


def test_old_files_are_encrypted_anew_and_certificates_stay(directory: str) -> None:
    before = authorities.view(directory)
    public = [keys.public_bytes(keys.load(path, PASSPHRASE)) for path in files(directory)]
    aged(directory)
    pending = due(directory)
    assert pending == [
        f"keep git away from {directory}",
        "encrypt server-1-key.pem anew, which one round of MD5 protects",
        "encrypt client-1-key.pem anew, which one round of MD5 protects",
    ]
    assert sorted(protect(directory, PASSPHRASE)) == sorted(pending)
    assert due(directory) == []
    assert [keys.public_bytes(keys.load(path, PASSPHRASE)) for path in files(directory)] == public
    assert authorities.view(directory) == before


def test_short_passphrase_encrypts_nothing(tmp_path: Path) -> None:
    with pytest.raises(keys.KeyFileError, match="at least 12 characters"):
        make(str(tmp_path / "pki"), "server", 1, "short", 397, 3650)
    assert files(str(tmp_path / "pki")) == []


def test_wrong_passphrase_leaves_old_files_as_they_are(directory: str) -> None:
    aged(directory)
    before = [path.read_bytes() for path in files(directory)]
    with pytest.raises(keys.KeyFileError, match="cannot be used"):
        protect(directory, "some other passphrase")
    assert [path.read_bytes() for path in files(directory)] == before


def test_retired_key_of_another_passphrase_stops_nobody(directory: str) -> None:
    for kind in authorities.KINDS:
        make(directory, kind, 2, PASSPHRASE, 397, 3650)
    retired = {kind: {"signer": 2, "trusted": [2]} for kind in authorities.KINDS}
    (Path(directory) / "authorities.json").write_text(json.dumps({**retired, "rotation": None}))
    aged(directory)
    stranger = Path(authorities.generation(directory, "client", 1)["key"])
    how = serialization.BestAvailableEncryption(b"long forgotten")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key = keys.load(stranger, PASSPHRASE)
    stranger.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, how))
    protect(directory, PASSPHRASE)
    assert [path.name for path in files(directory) if keys.weakness(path)] == [stranger.name]
    assert due(directory) == []


@pytest.mark.parametrize("moment", range(1, 13))
def test_killed_anywhere_every_key_is_usable_and_the_next_run_finishes(
    directory: str, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    aged(directory)
    public = [keys.public_bytes(keys.load(path, PASSPHRASE)) for path in files(directory)]
    with monkeypatch.context() as patched:
        kill_at(moment, patched)
        try:
            protect(directory, PASSPHRASE)
        except Killed:
            finished = False
        else:
            finished = True
    assert finished is (moment > 10), "the moments must cover it all"
    assert [keys.public_bytes(keys.load(path, PASSPHRASE)) for path in files(directory)] == public
    assert (due(directory) == []) is finished
    protect(directory, PASSPHRASE)
    assert due(directory) == []
    assert [path for path in (Path(directory) / "authorities").iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("moment", range(1, 13))
def test_making_that_was_killed_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    directory = str(tmp_path / "pki")
    with monkeypatch.context() as patched:
        kill_at(moment, patched)
        try:
            make(directory, "server", 1, PASSPHRASE, 397, 3650)
        except Killed:
            assert authorities.view(directory)["server"]["bundle"] == "" or moment > 9
    make(directory, "server", 1, PASSPHRASE, 397, 3650)
    one = authorities.generation(directory, "server", 1)
    assert keys.load(Path(one["key"]), PASSPHRASE).public_key() == certificate(one["certificate"]).public_key()


def _make(directory: str) -> list[str]:
    return make(directory, "server", 1, PASSPHRASE, 397, 3650)


def test_hosts_that_come_at_once_make_it_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        done = pool.map(_make, [str(tmp_path / "pki")] * 4)
    assert sorted(len(one) for one in done) == [0, 0, 0, 2]


def test_directory_with_other_things_stays_open_to_git(tmp_path: Path) -> None:
    """Somebody's inventory, say, beside which the authorities are."""
    (tmp_path / "hosts.yml").touch()
    make(str(tmp_path), "server", 1, PASSPHRASE, 397, 3650)
    assert not (tmp_path / ".gitignore").exists()
    assert (tmp_path / "authorities/.gitignore").read_text().splitlines()[-1] == "*"
    assert [one for one in due(str(tmp_path)) if "git" in one] == []


# --- another passphrase


def test_passphrase_changes_for_all_generations(directory: str) -> None:
    make(directory, "server", 2, PASSPHRASE, 397, 3650)
    aged(directory)
    names = [path.name for path in files(directory)]
    assert change_passphrase(directory, PASSPHRASE, NEW, dry=True) == names
    assert all(opens(path, PASSPHRASE) for path in files(directory))
    assert change_passphrase(directory, PASSPHRASE, NEW) == names == sorted(names)
    assert len(names) == 3
    assert all(opens(path, NEW) and not opens(path, PASSPHRASE) for path in files(directory))
    assert change_passphrase(directory, PASSPHRASE, NEW) == []
    # Where the inventory already has the new one.
    assert change_passphrase(directory, NEW, NEW) == []


def test_wrong_passphrase_changes_nothing(directory: str) -> None:
    before = [path.read_bytes() for path in files(directory)]
    with pytest.raises(keys.KeyFileError, match="nothing was changed") as refused:
        change_passphrase(directory, "some other passphrase", NEW)
    assert all(str(path) in str(refused.value) for path in files(directory))
    assert not any(secret in str(refused.value) for secret in ("some other passphrase", NEW))
    assert [path.read_bytes() for path in files(directory)] == before


def test_one_key_that_does_not_open_keeps_all_as_they_are(directory: str) -> None:
    key = keys.load(files(directory)[-1], PASSPHRASE)
    keys.write(files(directory)[-1], key, "long forgotten")
    with pytest.raises(keys.KeyFileError, match=r"opens \S+server-1-key.pem: nothing"):
        change_passphrase(directory, PASSPHRASE, NEW)
    assert opens(files(directory)[0], PASSPHRASE)


def test_new_passphrase_must_be_long_and_the_old_need_not(directory: str) -> None:
    for path in files(directory):
        keys.write(path, keys.load(path, PASSPHRASE), "short")
    with pytest.raises(keys.KeyFileError, match="the new passphrase must have at least 12"):
        change_passphrase(directory, "short", "shorter too")
    assert len(change_passphrase(directory, "short", NEW)) == 2


def test_there_must_be_authorities(tmp_path: Path) -> None:
    with pytest.raises(keys.KeyFileError, match="has no authorities"):
        change_passphrase(str(tmp_path / "pki"), PASSPHRASE, NEW)
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize("moment", range(1, 12))
def test_change_that_was_killed_is_finished_by_the_same_again(
    directory: str, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    with monkeypatch.context() as patched:
        kill_at(moment, patched)
        try:
            change_passphrase(directory, PASSPHRASE, NEW)
        except Killed:
            assert moment < 9
    assert all(opens(path, NEW) or opens(path, PASSPHRASE) for path in files(directory))
    change_passphrase(directory, PASSPHRASE, NEW)
    assert all(opens(path, NEW) for path in files(directory))


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (0, ("certificates.expired", "error")),
        (1, ("certificates.ends_soon", "warning")),
        # What it signs for 397 days would outlive it.
        (397, ("certificates.ends_soon", "warning")),
        (398, None),
    ],
)
@pytest.mark.parametrize("kind", authorities.KINDS)
def test_authority_is_to_be_replaced_while_nothing_that_it_signs_outlives_it(
    tmp_path: Path, kind: str, days: int, found: tuple[str, str] | None
) -> None:
    for one in authorities.KINDS:
        make(str(tmp_path), one, 1, PASSPHRASE, 397, days if one == kind else 3650)
    findings = list(controller(str(tmp_path), 14, 397))
    assert [(one.id, one.severity) for one in findings] == ([found] if found else [])
    for one in findings:
        assert one.expected.startswith(f"Mooring {kind} CA 1 ")
        assert one.remedy == "run playbooks/replace_authorities.yml"


def test_authority_that_has_ended_signs_nothing(directory: str) -> None:
    for kind, days, ended in (("server", 0, True), ("client", 1, False)):
        make(directory, kind, 2, PASSPHRASE, 397, days)
        problem = validity_problem(authorities.generation(directory, kind, 2))
        assert problem.startswith(f"Mooring {kind} CA 2 ended on 20") is ended
        assert problem.endswith("run playbooks/replace_authorities.yml") is ended
    assert validity_problem(authorities.generation(directory, "server", 3)) == "", "it is still to be made"
