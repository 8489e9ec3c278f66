"""A change that can lose the connection is confirmed over a new one in time, or the host reverts it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import (
    connection_guard,
    filter_table,
    revert_timer,
    transaction,
)
from ansible_collections.mooring.docker.plugins.module_utils._apply.revert_timer import ConfirmError
from ansible_collections.mooring.docker.plugins.module_utils._config import pending, state, untested
from ansible_collections.mooring.docker.plugins.module_utils._engine import containers
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables
from ansible_collections.mooring.docker.plugins.module_utils._system import session
from unit.apply.fake_host import FakeHost, Killed, run_script

UNDO = "systemctl restart engine"


@pytest.fixture
def rules(host: FakeHost) -> Path:
    """A file that a change writes."""
    path = host.root / "etc/rules"
    state.write(path, "old")
    host.log.clear()
    return path


def _change(path: Path, text: str, seconds: int = 30, owner: str = "rules", undo: str = UNDO) -> None:
    with revert_timer.guarded(owner, seconds, [path], undo):
        state.write(path, text)


def _elapse(host: FakeHost, uptime: float, boot: str | None = None) -> None:
    """What the timer starts at ``uptime``, or the boot that is named ``boot``."""
    for name, text in {
        "uptime": f"{uptime:.2f} 1.00\n",
        "sys/kernel/random/boot_id": boot or Path("/proc/sys/kernel/random/boot_id").read_text(),
    }.items():
        path = host.root / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if pending.SCRIPT.exists():
        run_script(host.root, pending.SCRIPT.read_text())


def _left(host: FakeHost) -> list[str]:
    """What of a pending change is on the host."""
    return sorted(
        path.name
        for path in host.root.rglob("*")
        if path.is_symlink() or (path.is_file() and (path.parent == pending.DIRECTORY or "mooring-revert" in path.name))
    )


def _connect(monkeypatch: pytest.MonkeyPatch, began: float) -> None:
    monkeypatch.setattr(session, "current", lambda: session.Session("192.0.2.1", began))


def test_change_without_a_time_is_nobodys_to_confirm(host: FakeHost, rules: Path) -> None:
    _change(rules, "new", seconds=0)
    assert (host.log, _left(host)) == ([], [])
    with pytest.raises(ValueError, match="no"), revert_timer.guarded("rules", 0, [rules], UNDO):
        raise ValueError("no")
    assert rules.read_text() == "new"
    assert revert_timer.confirm() == []


def test_change_is_pending_until_it_is_confirmed(host: FakeHost, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _change(rules, "new")
    assert pending.observe() == {"armed": ["rules"], "reverted": None}
    assert host.timer is not None
    assert pending.AT_BOOT.is_symlink()
    assert pending.UNIT.exists()
    _connect(monkeypatch, host.clock.clock_gettime(7) + 1)
    assert revert_timer.confirm(check=True) == ["rules"]
    assert host.timer is not None
    assert revert_timer.confirm() == ["rules"]
    assert (host.timer, _left(host), rules.read_text()) == (None, [], "new")
    assert revert_timer.confirm() == []


def test_what_is_pending_is_for_root_and_comes_before_the_network(host: FakeHost, rules: Path) -> None:
    _change(rules, "new")
    assert pending.SCRIPT.stat().st_mode & 0o777 == 0o700
    lines = pending.UNIT.read_text().splitlines()
    (before,) = (line for line in lines if line.startswith("Before="))
    others = {"network-pre.target", "mooring-nftables.service", "nftables.service", "docker.service", "docker.socket"}
    assert others <= set(before[len("Before=") :].split())
    assert {"Wants=network-pre.target", "DefaultDependencies=no", "After=local-fs.target"} <= set(lines)


def test_time_begins_when_the_change_is_made(host: FakeHost, rules: Path) -> None:
    """A restart may take long, and who confirms comes after it."""
    with revert_timer.guarded("rules", 30, [rules], UNDO):
        host.clock.sleep(100)
    now = host.clock.clock_gettime(7)
    assert int(pending.DEADLINE.read_text().split()[1]) >= int(now) + 29
    assert host.timer is not None
    assert host.timer > host.clock.now - 1


def test_a_run_that_finds_a_change_of_the_daemon_pending_is_guarded_too(host: FakeHost) -> None:
    """The run before was killed: what it changed waits for a connection that is newer than this one."""
    host.settle({"live-restore": True})
    with connection_guard.guarded(30, "restart", {"bip": "10.9.0.1/24"}, []):
        pass
    first = state.read_state(pending.RECORD)["made"]
    with connection_guard.guarded(30, "nothing", {"bip": "10.9.0.1/24"}, []):
        pass
    assert state.read_state(pending.RECORD)["made"] > first


def test_what_is_known_of_the_daemon_goes_back_with_it(host: FakeHost) -> None:
    host.settle({"live-restore": True})
    before = {path: state.read(path) for path in (state.GOOD, state.APPLIED, untested.RECORD)}
    with connection_guard.guarded(30, "restart", {"bip": "10.9.0.1/24"}, []):
        for path in before:
            state.write_state(path, {"another": 1})
    _elapse(host, int(pending.DEADLINE.read_text().split()[1]))
    assert {path: state.read(path) for path in before} == before


def test_older_connection_proves_nothing(host: FakeHost, rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _connect(monkeypatch, host.clock.clock_gettime(7))
    _change(rules, "new")
    with pytest.raises(ConfirmError, match="older than the change"):
        revert_timer.confirm()
    assert host.timer is not None
    assert pending.observe()["armed"] == ["rules"]


def test_deadline_that_has_passed(host: FakeHost, rules: Path) -> None:
    _change(rules, "new")
    deadline = int(pending.DEADLINE.read_text().split()[1])
    _elapse(host, deadline - 1)
    assert rules.read_text() == "new"
    _elapse(host, deadline)
    assert rules.read_text() == "old"
    assert _left(host) == ["reverted"]
    with pytest.raises(ConfirmError, match=r"gone back .* nobody confirmed the change within 30 s"):
        revert_timer.confirm()
    # The next change is another story.
    _change(rules, "newer")
    assert pending.observe() == {"armed": ["rules"], "reverted": None}


def test_boot_that_comes_before(host: FakeHost, rules: Path) -> None:
    _change(rules, "new")
    _elapse(host, 1, boot="another\n")
    assert rules.read_text() == "old"
    assert "started anew" in (pending.observe()["reverted"] or "")


def test_second_change_joins_and_sets_the_time(host: FakeHost, rules: Path) -> None:
    _change(rules, "new", seconds=10)
    other = host.root / "etc/other"
    _change(other, "other", seconds=300, owner="other")
    # A change of the same owner keeps the older state, and the way back to it.
    _change(rules, "newer", seconds=300, undo="systemctl restart newer")
    assert pending.observe()["armed"] == ["other", "rules"]
    assert pending.DEADLINE.read_text().split()[2] == "300"
    _elapse(host, int(pending.DEADLINE.read_text().split()[1]))
    assert rules.read_text() == "old"
    assert not other.exists()
    assert (host.root / "log").read_text().splitlines() == [UNDO, UNDO]


def test_exception_reverts_at_once(host: FakeHost, rules: Path) -> None:
    def fail() -> None:
        with revert_timer.guarded("rules", 30, [rules], UNDO):
            state.write(rules, "new")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert rules.read_text() == "old"
    assert (host.timer, _left(host)) == (None, ["reverted"])
    assert "the change failed" in pending.REVERTED.read_text()


def test_older_texts_come_back_with_the_mode_of_their_files(host: FakeHost) -> None:
    state.write(state.DAEMON_JSON, "new", 0o600)
    absent = host.root / "etc/absent"
    state.write(absent, "new")
    with (
        pytest.raises(ValueError, match="no"),
        revert_timer.guarded("docker", 30, [], "true", {state.DAEMON_JSON: "old", absent: None}),
    ):
        raise ValueError("no")
    assert state.DAEMON_JSON.read_text() == "old"
    assert state.DAEMON_JSON.stat().st_mode & 0o777 == 0o600
    assert not absent.exists()


def test_link_comes_back_as_one(host: FakeHost, rules: Path) -> None:
    link = host.root / "etc/link"
    link.symlink_to("nowhere")

    def fail() -> None:
        with revert_timer.guarded("rules", 30, [link], "true"):
            state.write(link, "a file")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert str(link.readlink()) == "nowhere"


def _another(root: Path, patch: pytest.MonkeyPatch) -> tuple[FakeHost, Path]:
    """A host of its own in ``root``, with a file that may change."""
    root.mkdir()
    host = FakeHost(root, patch)
    path = root / "etc/rules"
    path.parent.mkdir()
    path.write_text("old")
    return host, path


def test_full_disk_at_each_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed, or it is reverted at once: no change stays that nobody would revert."""
    for number in itertools.count(1):
        with monkeypatch.context() as patch:
            host, path = _another(tmp_path / str(number), patch)

            def is_full(written: int, where: Path, number: int = number, path: Path = path) -> bool:
                return written == number and where != path

            host.is_full = is_full
            try:
                _change(path, "new")
            except ConfirmError as error:
                message = str(error)
            else:
                if host.writes < number:
                    assert number > 5
                    break
                continue
            assert "No space left" in message
            assert path.read_text() == "old"
            assert pending.observe()["armed"] == []


@pytest.mark.parametrize("fails", ["systemd-run", "cp"])
def test_timer_that_cannot_be_made_is_told_before_anything_changes(host: FakeHost, rules: Path, fails: str) -> None:
    host.fails = lambda line: "" if line.startswith(fails) else None
    with pytest.raises(ConfirmError, match=f"{fails}.*without a word"):
        _change(rules, "new")
    assert rules.read_text() == "old"
    assert pending.observe()["armed"] == []


def test_pending_change_is_reverted_where_its_timer_cannot_be_set_anew(host: FakeHost, rules: Path) -> None:
    _change(rules, "new")
    host.fails = lambda line: "no" if line.startswith("systemd-run") else None
    with pytest.raises(ConfirmError, match="the revert timer could not be started: no"):
        _change(host.root / "etc/other", "other", owner="other")
    assert rules.read_text() == "old"
    assert pending.observe()["armed"] == []


def test_second_change_that_cannot_be_saved_leaves_the_first_its_timer(host: FakeHost, rules: Path) -> None:
    _change(rules, "new")
    host.is_full = lambda _number, path: path == pending.DEADLINE
    with pytest.raises(ConfirmError, match="was not begun"):
        _change(host.root / "etc/other", "other", owner="other")
    assert host.timer is not None
    _elapse(host, int(pending.DEADLINE.read_text().split()[1]))
    assert rules.read_text() == "old"


def test_run_that_is_killed_anywhere_leaves_nothing_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer or the next boot reverts it; the next run may still keep it, but not without a new connection."""
    for number in itertools.count(1):
        with monkeypatch.context() as patch:
            host, path = _another(tmp_path / str(number), patch)
            host.kill_at = number
            try:
                _change(path, "new")
            except Killed:
                host.revive()
            else:
                assert number > 8
                break
            if path.read_text() == "new":
                assert pending.observe()["armed"] == ["rules"]
                if (pending.record() or {})["made"] is None:
                    with pytest.raises(ConfirmError, match="never finished"):
                        revert_timer.confirm()
            _elapse(host, 1, boot="another\n")
            assert path.read_text() == "old"


def test_change_that_the_version_before_left_pending(host: FakeHost, rules: Path) -> None:
    """Its script, its record and its files are as now: it can be confirmed, joined and reverted."""
    pending.DIRECTORY.mkdir(parents=True)
    state.write(pending.DIRECTORY / "old-0", "oldest")
    state.write(
        pending.RECORD,
        f'{{"files": {{"{rules}": "old-0"}}, "made": 5.25, "undo": {{"table inet mooring_x": "systemctl restart x"}}}}',
    )
    script = (Path(__file__).parent / "revert_scripts/revert.sh").read_text()
    state.write(pending.SCRIPT, script)
    assert revert_timer.confirm(check=True) == ["table inet mooring_x"]
    _change(host.root / "etc/other", "other", owner="other")
    _elapse(host, 1, boot="another\n")
    assert rules.read_text() == "oldest"
    assert not (host.root / "etc/other").exists()
    assert (host.root / "log").read_text().splitlines() == ["systemctl restart x", UNDO]
    state.write(pending.REVERTED, None)
    state.write(pending.RECORD, '{"files": {}, "made": 5.25, "undo": {"docker.service": "true"}}')
    state.write(pending.SCRIPT, script)
    assert revert_timer.confirm() == ["docker.service"]
    assert _left(host) == []


# The daemon's changes --------------------------------------------------------------------------------


def _move_bridge(host: FakeHost, seconds: int = 30) -> None:
    """The module's way, of a host whose containers may be stopped."""
    host.declare({"bip": "10.9.0.1/24", "live-restore": True})
    observed = host.observe(may_drain=True)
    with connection_guard.guarded(seconds, observed.plan.action, observed.config, observed.to_run):
        transaction.Transaction(observed, 60).execute()


def test_daemon_that_may_lose_the_connection_is_pending_with_its_containers(host: FakeHost) -> None:
    host.settle({"live-restore": True}, "database", "web")
    _move_bridge(host)
    assert connection_guard.is_pending()
    script = pending.SCRIPT.read_text()
    assert "for container in id-database id-web $others" in script
    assert "ip address replace" in script
    deadline = int(pending.DEADLINE.read_text().split()[1])
    _elapse(host, deadline)
    assert state.daemon_json() == {"live-restore": True}
    assert host.good() == {"live-restore": True}
    assert "systemctl start --job-mode=ignore-dependencies docker.service" in (host.root / "log").read_text()


def test_failed_daemon_that_is_rolled_back_is_not_restarted_once_more(host: FakeHost) -> None:
    host.settle({"live-restore": True}, "web")
    host.silent = lambda config: ["silence"] if "bip" in config else []
    with pytest.raises(transaction.ApplyError, match=r"silence.*last good state is back"):
        _move_bridge(host)
    assert state.daemon_json() == host.good() == {"live-restore": True}
    assert not connection_guard.is_pending()
    assert host.timer is None
    assert "the change failed" in pending.REVERTED.read_text()
    assert (host.root / "log").read_text() == "", "the script has restarted the daemon, and its containers"


@pytest.mark.parametrize("fault", ["the good state", "docker0"])
def test_failed_daemon_that_is_not_as_before_is_reverted_at_once(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The good state does not come back, or docker0 keeps an address."""
    host.settle({"live-restore": True}, "web")
    host.silent = lambda config: ["silence"] if "bip" in config or fault == "the good state" else []
    if fault == "docker0":
        addresses = itertools.count(1)
        monkeypatch.setattr(connection_guard, "_bridge_addresses", lambda: [f"10.9.0.{next(addresses)}/24"])
    with pytest.raises(transaction.ApplyError, match="silence"):
        _move_bridge(host)
    assert state.daemon_json() == {"live-restore": True}
    assert not connection_guard.is_pending()
    assert host.timer is None
    assert "systemctl start --job-mode=ignore-dependencies docker.service" in (host.root / "log").read_text()


def test_what_was_pending_before_a_failed_change_of_the_daemon_is_reverted(host: FakeHost, rules: Path) -> None:
    host.settle({"live-restore": True}, "web")
    host.silent = lambda config: ["silence"] if "bip" in config else []
    _change(rules, "new")
    with pytest.raises(transaction.ApplyError, match="last good state is back"):
        _move_bridge(host)
    assert rules.read_text() == "old"
    assert (host.root / "log").read_text().splitlines() == [UNDO]
    assert not connection_guard.is_pending()


def test_daemon_that_loses_no_connection_is_not_pending(host: FakeHost) -> None:
    host.settle({"debug": False})
    host.declare({"debug": True})
    observed = host.observe()
    with connection_guard.guarded(30, observed.plan.action, observed.config, observed.to_run):
        transaction.Transaction(observed, 60).execute()
    assert not connection_guard.is_pending()
    assert _left(host) == []


def test_first_start_that_nobody_confirms_leaves_no_daemon_and_its_files(host: FakeHost) -> None:
    for path in connection_guard._AT_BOOT:
        path.parent.mkdir(parents=True)
        path.touch()
    host.declare({"debug": True})
    observed = host.observe()
    with connection_guard.guarded(30, observed.plan.action, observed.config, observed.to_run):
        transaction.Transaction(observed, 60).execute()
    _elapse(host, int(pending.DEADLINE.read_text().split()[1]))
    log = (host.root / "log").read_text().splitlines()
    assert log[-1] == "systemctl stop docker.service docker.socket"
    assert not any(path.exists() for path in connection_guard._AT_BOOT)
    assert state.daemon_json() == {"debug": True}
    assert host.good() is None


def test_containers_that_the_way_back_does_not_start_are_left_to_the_next_run(host: FakeHost) -> None:
    host.settle({"live-restore": True}, "web")
    _move_bridge(host)
    (host.root / "fails").write_text("start id-web\n")
    (host.root / "exists").write_text("id-web\n")
    _elapse(host, int(pending.DEADLINE.read_text().split()[1]))
    assert "not all of it worked" in pending.REVERTED.read_text()
    assert [container.name for container in containers.interrupted()] == ["web"]


# Packet filters --------------------------------------------------------------------------------------


class _Table(nftables.Table):
    """A table that is to be put in force, by an nft that is a flag."""

    def __init__(self, host: FakeHost, refuses: bool = False) -> None:
        self.name = "probe"
        self.text = self.wanted = "new"
        self.present = None
        self.files = {host.root / "etc/mooring/probe.nft": "new"}
        self.old = dict.fromkeys(self.files)
        self.refuses = refuses

    @property
    def boots_wrong(self) -> bool:
        return False

    def load(self) -> None:
        if self.refuses:
            raise nftables.NftError("no")
        self.present = "new"


@pytest.mark.parametrize("refuses", [False, True])
def test_table_is_pending_or_reverted(host: FakeHost, monkeypatch: pytest.MonkeyPatch, refuses: bool) -> None:
    monkeypatch.setattr(nftables, "live", lambda _name, *_options: None)
    monkeypatch.setattr(nftables, "has_failed", lambda: False)
    table = _Table(host, refuses)
    (path,) = table.files
    if refuses:
        with pytest.raises(nftables.NftError):
            filter_table.ensure(table, 30, check=False)
        assert not path.exists()
        assert "delete table inet mooring_probe" in (host.root / "log").read_text()
        # Without the timer nothing would take it back.
        with pytest.raises(nftables.NftError):
            filter_table.ensure(_Table(host, refuses), 0, check=False)
        assert not path.exists()
    else:
        assert filter_table.ensure(table, 30, check=True)["armed"] is False
        assert filter_table.ensure(table, 30, check=False)["armed"] is True
        assert path.read_text() == "new"
        assert pending.observe()["armed"] == ["table inet mooring_probe"]
