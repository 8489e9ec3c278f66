"""The files of the engine are composed: nothing that an operator wrote is lost, and nothing wrong is written."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import composition
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._config.fragments import ConfigError
from ansible_collections.mooring.docker.plugins.module_utils._engine import daemon
from ansible_collections.mooring.docker.plugins.module_utils._tls import pair
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from unit.apply.fake_host import Config, FakeHost

ENGINE = {"10-engine": {"live-restore": True}}


@pytest.fixture(autouse=True)
def _without_program(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but Mooring's own rules judges."""
    monkeypatch.setattr(daemon, "dockerd", lambda: None)


def configure(declared: dict[str, Config], on_conflict: str = "refuse", **more: Any) -> dict[str, Any]:
    return composition.configure(declared, on_conflict, None, **more)


def files(host: FakeHost) -> dict[str, str]:
    """All files in /etc, and their texts."""
    etc = host.root / "etc"
    return {str(path.relative_to(etc)): path.read_text() for path in etc.rglob("*") if path.is_file()}


def operators(content: Config) -> None:
    """A daemon.json that was there before."""
    state.DAEMON_JSON.parent.mkdir(parents=True, exist_ok=True)
    state.DAEMON_JSON.write_text(json.dumps(content))


def test_fragments_make_daemon_json(host: FakeHost) -> None:
    done = configure({**ENGINE, "20-network": {"bip": "10.9.0.1/24"}})
    assert state.daemon_json() == {"live-restore": True, "bip": "10.9.0.1/24"}
    assert state.fragments() == {"10-engine": {"live-restore": True}, "20-network": {"bip": "10.9.0.1/24"}}
    assert done["changed"]
    assert done["keys"] == ["bip", "live-restore"]
    # Who may write there, or read a proxy's password, is root.
    for path in (state.DAEMON_JSON, *state.FRAGMENTS.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o600
    assert not configure(ENGINE)["changed"]
    assert configure({"20-network": {}})["keys"] == ["bip"]
    assert state.fragments() == ENGINE


def test_an_operators_file_is_adopted_and_kept(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    operators({"debug": True, "live-restore": True})
    before = state.DAEMON_JSON.read_text()
    order: list[str] = []
    write = state.write

    def noting(path: Path, text: str | None, mode: int = 0o644) -> None:
        order.append(path.name)
        write(path, text, mode)

    monkeypatch.setattr(state, "write", noting)
    done = configure({"10-engine": {"live-restore": True, "log-driver": "local"}})
    assert done["adopted"]
    assert Path(done["backup"]).read_text() == before
    assert state.fragments()["00-adopted"] == {"debug": True}
    assert state.daemon_json() == {"debug": True, "live-restore": True, "log-driver": "local"}
    # A run that is killed anywhere loses nothing of it, and takes no daemon.json of ours for an operator's.
    assert order == ["00-adopted.json", "10-engine.json", "composed.json", "daemon.json"]
    again = configure({"10-engine": {"live-restore": True, "log-driver": "local"}})
    assert (again["changed"], again["adopted"], again["backup"]) == (False, False, None)


def test_an_operators_file_is_kept_also_while_it_says_what_is_declared(host: FakeHost) -> None:
    operators({"live-restore": True})
    before = state.DAEMON_JSON.read_text()
    done = configure(ENGINE)
    assert Path(done["backup"]).read_text() == before
    assert state.DAEMON_JSON.read_text() == before


def test_a_file_that_was_edited_by_hand_is_kept_before_it_is_replaced(host: FakeHost) -> None:
    configure(ENGINE)
    operators({"live-restore": True, "debug": True})
    edited = state.DAEMON_JSON.read_text()
    done = configure(ENGINE)
    assert Path(done["backup"]).read_text() == edited
    assert state.daemon_json() == {"live-restore": True}


@pytest.mark.parametrize(("on_conflict", "debug"), [("declared", False), ("existing", True), ("refuse", None)])
def test_who_wins_is_the_operators_to_say(host: FakeHost, on_conflict: str, debug: bool | None) -> None:
    operators({"debug": True})
    before = files(host)
    if debug is None:
        with pytest.raises(ConfigError, match=r"debug \(there true, declared false\)"):
            configure({"10-engine": {"debug": False}}, on_conflict)
        assert files(host) == before
    else:
        configure({"10-engine": {"debug": False}}, on_conflict)
        assert state.daemon_json() == {"debug": debug}


def refused(host: FakeHost, reason: str, declared: dict[str, Config], **more: Any) -> None:
    """It is refused, whether it is tried or done, and each file is as it was."""
    before = files(host)
    for check_mode in (True, False):
        with pytest.raises(ConfigError, match=reason):
            configure(declared, check_mode=check_mode, **more)
    assert files(host) == before


def test_what_is_wrong_is_not_written(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(ENGINE)
    refused(host, "log-driver", {"10-engine": {"log-driver": "nope"}})
    refused(host, "set by two fragments", {"20-network": {"live-restore": False}})
    # What the unit's own command line says is not for daemon.json.
    host.unit.write_text("[Service]\nExecStart=/usr/bin/dockerd --log-level=debug\n")
    refused(host, "log-level is set in daemon.json and by --log-level", {"10-engine": {"log-level": "warn"}})
    host.unit.write_text("[Service]\nExecStart=/usr/bin/dockerd\n")
    monkeypatch.setattr(daemon, "dockerd", lambda: "/usr/bin/dockerd")
    host.fails = lambda line: "unable to configure: no" if "--validate" in line else None
    refused(host, "dockerd refuses the configuration: unable to configure: no", {"10-engine": {"log-level": "warn"}})
    host.fails = lambda _line: None
    assert configure({"10-engine": {"log-level": "warn"}})["changed"]


def test_a_restart_that_is_not_allowed_is_refused_before_a_file_is_written(host: FakeHost) -> None:
    host.settle({"live-restore": False}, "web")
    change: dict[str, Config] = {"10-engine": {"live-restore": False, "log-driver": "local"}}
    refused(host, "would stop web", change, on_conflict="declared", policy="only_without_containers")
    assert configure(change, "declared", policy="when_needed")["changed"]


@pytest.fixture
def new_root(host: FakeHost) -> Path:
    """Where the data of a daemon are to be, which has a volume and runs a container."""
    host.settle({"live-restore": True}, "web")
    volume = host.root / "var/lib/docker/volumes/v1/_data"
    volume.mkdir(parents=True)
    return host.root / "disk/docker"


def test_a_data_root_that_leaves_something_behind_is_refused(host: FakeHost, new_root: Path) -> None:
    before = files(host)
    declared = {"10-engine": {"live-restore": True, "data-root": str(new_root)}}
    with pytest.raises(ConfigError, match=r"1 volume, there in .*var/lib/docker.*; web run and write to .*: move"):
        configure(declared)
    assert files(host) == before
    assert not new_root.parent.exists()


def test_a_data_root_leads_to_the_data_until_they_are_moved(host: FakeHost, new_root: Path) -> None:
    declared = {"10-engine": {"live-restore": True, "data-root": str(new_root)}}
    foretold = configure(declared, may_move=True, check_mode=True)
    assert not new_root.parent.exists()
    done = configure(declared, may_move=True)
    assert foretold["plan"] == done["plan"]
    assert (done["plan"].action, done["plan"].drained) == ("restart", ["web"])
    assert any(reason.startswith("the data in ") for reason in done["plan"].reasons)
    assert new_root.resolve() == host.root / "var/lib/docker"
    # The next run may do less and has the same to do.
    again = configure(declared)
    assert (again["changed"], again["plan"].drained) == (False, ["web"])
    # Taken back, nothing is left of it.
    configure({"10-engine": {"live-restore": True}})
    assert list(new_root.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("disk/full", {}, "there is something in .*disk/full already"),
        ("disk/docker", {"bip": "10.9.0.1/24"}, "bip change too"),
        ("var/lib/docker/x", {}, "lie in each other"),
    ],
)
def test_data_that_cannot_be_moved_are_refused(
    host: FakeHost, new_root: Path, name: str, more: Config, words: str
) -> None:
    (host.root / "disk/full/photographs").mkdir(parents=True)
    before = files(host)
    declared = {"10-engine": {"live-restore": True, "data-root": str(host.root / name), **more}}
    with pytest.raises(ConfigError, match=words):
        configure(declared, may_move=True)
    assert files(host) == before
    assert not new_root.is_symlink()


def test_a_dry_run_writes_nothing(host: FakeHost) -> None:
    operators({"debug": True})
    before = files(host)
    done = configure(ENGINE, check_mode=True)
    assert done["changed"]
    assert done["files"]
    assert files(host) == before
    assert not state.STATE.exists()


def test_what_a_running_daemon_has_read_is_the_last_good_state(host: FakeHost) -> None:
    """Before its files change for the first time. Later ones are recorded where they were seen to work."""
    operators({"debug": True})
    host.restart()
    configure(ENGINE)
    assert host.good() == {"debug": True}
    configure({"10-engine": {"live-restore": True, "log-driver": "local"}})
    assert host.good() == {"debug": True}


def test_nothing_that_is_shown_has_a_secret(host: FakeHost) -> None:
    operators({"labels": ["token=hunter2", "user=me"]})
    for secret in ("hunter3", "hunter4"):
        proxies = {"http-proxy": f"http://user:{secret}@proxy.example"}
        done = configure({"10-engine": {"proxies": proxies}})
        shown = json.dumps({key: done[key] for key in ("effective", "diff", "keys", "files")})
        assert "hunter" not in shown
        assert "user" in shown
    assert "hunter4" in state.DAEMON_JSON.read_text()
    with pytest.raises(ConfigError, match="proxies is set by two fragments") as caught:
        configure({"20-network": {"proxies": {"http-proxy": "http://user:hunter5@proxy.example"}}})
    assert "hunter" not in str(caught.value)


# TLS -------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(host: FakeHost) -> Config:
    """Options of a daemon whose TLS files are right."""
    made, _request = pair.request(host.root / "tls", "server")
    key = serialization.load_pem_private_key(Path(made, "key.pem").read_bytes(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(key.public_key())  # type: ignore[arg-type]
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    text = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]
    Path(made, "cert.pem").write_bytes(text)
    Path(made, "ca.pem").write_bytes(text)
    return {
        "tlsverify": True,
        "tlscacert": f"{made}/ca.pem",
        "tlscert": f"{made}/cert.pem",
        "tlskey": f"{made}/key.pem",
    }


def test_tls_files_that_are_right_are_taken(host: FakeHost, tls: Config) -> None:
    assert configure({"10-engine": tls})["changed"]


def test_tls_files_that_dockerd_could_not_use_are_refused(host: FakeHost, tls: Config) -> None:
    key, authority = Path(tls["tlskey"]), Path(tls["tlscacert"])
    key.chmod(0o604)
    refused(host, "can be read by everybody", {"10-engine": tls})
    key.chmod(0o600)
    mine = key.read_text()
    key.write_text(Path(pair.request(host.root / "other", "server")[0], "key.pem").read_text())
    refused(host, "do not belong together", {"10-engine": tls})
    key.write_text(mine)
    authority.write_text("nothing")
    refused(host, "holds no certificate", {"10-engine": tls})
    for option in ("tlskey", "tlscert", "tlscacert"):
        Path(tls[option]).unlink()
        refused(host, f"{option}: there is no file {tls[option]}", {"10-engine": tls})
    # Something later in the play makes them.
    assert configure({"10-engine": tls}, tls_to_come=True)["changed"]
