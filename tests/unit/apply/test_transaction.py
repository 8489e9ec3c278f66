"""The transaction brings the daemon to its files, or the last good state back, whatever a step raises."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import daemon_change, transaction
from ansible_collections.mooring.docker.plugins.module_utils._apply.transaction import ApplyError
from ansible_collections.mooring.docker.plugins.module_utils._config import state, untested
from ansible_collections.mooring.docker.plugins.module_utils._engine import containers, daemon, planning
from unit.apply.fake_host import Config, FakeHost, Killed

BASE: Config = {"debug": False, "log-driver": "json-file", "live-restore": True}
RELOAD = {**BASE, "debug": True}
RESTART = {**BASE, "log-driver": "local"}
BRIDGE = {**BASE, "bip": "10.9.0.1/24"}
BACK = "The last good state is back and the daemon answers."
CREW = ["database", "web"]
"""In the order of their starts."""


def _fails(host: FakeHost, config: Config, may_drain: bool = False) -> str:
    """A run with ``config`` must fail; what it says."""
    host.declare(config)
    with pytest.raises(ApplyError) as failure:
        host.apply(may_drain)
    return str(failure.value)


def _is_back(host: FakeHost, config: Config = BASE) -> None:
    """Files, daemon and record are those of the last good state, and the next run has nothing to do."""
    assert state.daemon_json() == config
    assert host.active
    assert host.loaded == config
    assert host.good() == config
    assert not host.woken
    host.log.clear()
    assert host.apply() == "nothing"
    assert host.log == []


# Success -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "action", "commands"),
    [
        (BASE, "nothing", []),
        (RELOAD, "reload", ["SIGHUP"]),
        (
            RESTART,
            "restart",
            [
                "systemctl daemon-reload",
                "systemctl reset-failed docker.service docker.socket",
                "systemctl restart docker.service",
            ],
        ),
    ],
)
def test_least_that_does_it(host: FakeHost, config: Config, action: str, commands: list[str]) -> None:
    host.settle(BASE)
    host.declare(config)
    assert host.apply() == action
    assert host.log == commands
    assert host.loaded == host.good() == config
    assert host.apply() == "nothing"


def test_first_start_enables_the_daemon_and_opens_its_socket_first(host: FakeHost) -> None:
    host.enabled = False
    host.declare(BASE)
    assert host.apply() == "start"
    assert host.enabled
    lines = ["systemctl enable", "systemctl stop", "systemctl start docker.socket", "systemctl restart docker.service"]
    assert [line for line in host.log if line.startswith(tuple(lines))] == [
        f"{lines[0]} docker.service docker.socket",
        f"{lines[1]} docker.service docker.socket",
        *lines[2:],
    ]


def test_option_that_is_gone_is_said_once(host: FakeHost) -> None:
    host.settle({**BASE, "labels": ["a=b"]})
    host.declare(BASE)
    assert host.apply() == "reload"
    assert host.log == ["SIGHUP", "SIGHUP"]
    assert host.loaded == BASE
    assert state.daemon_json() == BASE


def test_containers_survive_a_restart_that_brings_live_restore(host: FakeHost) -> None:
    host.settle({**BASE, "live-restore": False}, *CREW)
    host.declare(RESTART)
    assert host.apply() == "restart"
    assert host.names() == CREW
    assert host.loaded == RESTART


def test_socket_that_nobody_listens_on_is_removed(host: FakeHost) -> None:
    import socket

    host.settle(BASE)
    path = host.root / "old.sock"
    state.write(state.SOCKET_DROP_IN, f"ListenStream={path}\n")
    host.apply()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    assert path.exists()
    state.write(state.SOCKET_DROP_IN, None)
    host.clock.sleep(1)
    # daemon.socket_paths of the fake knows the texts that it is given alone.
    transaction._remove_stale_sockets({"socket": f"ListenStream={path}\n"})
    transaction._remove_stale_sockets({"socket": f"ListenStream={path}\n"})
    server.close()
    assert not path.exists()


def test_observed_is_frozen(host: FakeHost) -> None:
    host.settle(BASE)
    with pytest.raises(AttributeError):
        host.observe().config = {}  # type: ignore[misc]
    with pytest.raises(AttributeError):
        host.observe().plan.action = "restart"  # type: ignore[misc]


# Every way back ------------------------------------------------------------------------------------


def test_reload_that_is_refused(host: FakeHost) -> None:
    host.settle(BASE)
    host.refuses_reload = lambda config: "error reconfiguring the daemon: no" if config["debug"] else None
    message = _fails(host, RELOAD)
    assert message == f"reload (changed: debug) failed: error reconfiguring the daemon: no. {BACK}"
    _is_back(host)


def test_no_word_of_a_reload(host: FakeHost) -> None:
    host.settle(BASE)
    host.is_mute = True
    message = _fails(host, RELOAD)
    assert "the daemon sent no word of a reload" in message
    # It has no word for the way back either, and keeps its containers: no restart.
    assert "could not be brought back: the daemon sent no word of a reload" in message
    assert not any("restart" in line for line in host.log)
    host.is_mute = False
    host.declare(BASE)
    host.apply()
    _is_back(host)


def test_daemon_that_is_gone_before_its_signal_is_started_again(host: FakeHost) -> None:
    host.settle(BASE)
    host.vanishes = True
    message = _fails(host, RELOAD)
    assert "the daemon ended before it could be told to reload" in message
    assert message.endswith(BACK)
    _is_back(host)


def test_daemon_that_is_gone_before_the_signal_of_the_way_back(host: FakeHost) -> None:
    host.settle(BASE)

    def refuse(_config: Config) -> str:
        host.vanishes = True
        return "error reconfiguring the daemon: no"

    host.refuses_reload = refuse
    assert _fails(host, RELOAD).endswith(BACK)
    _is_back(host)


@pytest.mark.parametrize("lingers", [False, True])
@pytest.mark.parametrize("delay", [0.05, 2.0, 40.0])
def test_daemon_that_ends_of_a_reload_comes_back_whenever_systemd_starts_it(
    host: FakeHost, delay: float, lingers: bool
) -> None:
    """As dockerd does of an authorization plugin that is not there; before, during and after the way back."""
    host.settle(BASE, *CREW)
    host.lingers = lingers
    host.ends_of_reload = lambda config: delay if config == RELOAD else None
    host.refuses = lambda config: "no such plugin" if config == RELOAD else None
    message = _fails(host, RELOAD)
    assert message.startswith("reload (changed: debug) failed: the daemon ")
    assert message.endswith(BACK)
    assert host.names() == CREW
    _is_back(host)


def test_daemon_without_a_process(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare(RELOAD)
    observed = host.observe()
    host.active = False
    with pytest.raises(ApplyError, match="the daemon is not running") as failure:
        transaction.Transaction(observed, 60).execute()
    assert str(failure.value).endswith(BACK)
    _is_back(host)


@pytest.mark.parametrize(
    ("stderr", "last_words", "reason"),
    [
        ("Job for docker.service failed.\nSee journalctl", None, "Job for docker.service failed"),
        ("Job for docker.service failed.", "failed to start daemon: no port", "failed to start daemon: no port"),
        ("", "failed to start daemon: no port", "failed to start daemon: no port"),
        ("", None, "systemctl restart docker.service: exit status 1, without a word"),
    ],
)
def test_restart_that_fails(host: FakeHost, stderr: str, last_words: str | None, reason: str) -> None:
    host.settle(BASE)
    host.refuses = lambda config: stderr if config == RESTART else None
    host.last_words = last_words
    assert _fails(host, RESTART) == f"restart (changed: log-driver) failed: {reason}. {BACK}"
    _is_back(host)


def test_daemon_that_dies_after_its_start(host: FakeHost) -> None:
    host.settle(BASE)
    host.dies = lambda config: config == RESTART
    host.last_words = "level=fatal msg=died"
    assert _fails(host, RESTART) == f"restart (changed: log-driver) failed: level=fatal msg=died. {BACK}"
    _is_back(host)


def test_endpoint_that_stays_silent(host: FakeHost) -> None:
    host.settle(BASE)
    began = host.clock.now
    host.silent = lambda config: ["tcp port 2376 does not answer"] if config == RESTART else []
    assert f"tcp port 2376 does not answer. {BACK}" in _fails(host, RESTART)
    # It had its time.
    assert 60 < host.clock.now - began < 90
    _is_back(host)


@pytest.mark.parametrize(("config", "key"), [(RELOAD, "debug"), (RESTART, "log-driver")])
def test_option_that_is_ignored(host: FakeHost, config: Config, key: str) -> None:
    host.settle(BASE)
    host.ignores = lambda name: name == key and state.daemon_json() == config
    assert f"dockerd ignored {key} is" in _fails(host, config)
    _is_back(host)


def test_unit_that_cannot_be_enabled(host: FakeHost) -> None:
    host.settle(BASE)
    host.enabled = False
    host.fails = lambda line: "Unit is masked" if "enable" in line else None
    message = _fails(host, RESTART)
    assert message.startswith("restart (changed: log-driver) failed: systemctl enable docker.service: Unit is masked")
    # The daemon was not touched yet.
    assert host.log == ["systemctl enable docker.service docker.socket"]
    host.enabled = True
    _is_back(host)


def test_anything_else_that_a_step_raises(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.settle(BASE)
    unanswered = host.unanswered
    monkeypatch.setattr(
        daemon_change.live, "unanswered", lambda config: {}["no"] if config == RESTART else unanswered(config)
    )
    assert f"KeyError: 'no'. {BACK}" in _fails(host, RESTART)
    monkeypatch.setattr(daemon_change.live, "unanswered", unanswered)
    _is_back(host)


def test_journal_that_cannot_be_asked_keeps_no_rollback_back(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.settle(BASE)
    host.refuses = lambda config: "no" if config == RESTART else None
    monkeypatch.setattr(daemon, "error_since", lambda _moment: {}["no"])
    assert f"failed: no. {BACK}" in _fails(host, RESTART)
    _is_back(host)


def test_rollback_that_fails_is_told_with_both_reasons(host: FakeHost) -> None:
    host.settle(BASE)
    host.refuses = lambda config: f"no {config['log-driver']}"
    message = _fails(host, RESTART)
    assert "failed: no local. The last good state could not be brought back: no json-file." in message
    assert not host.woken
    # The files are those of then, and a run with a daemon that starts finishes it.
    assert state.daemon_json() == BASE
    host.refuses = lambda _config: None
    assert host.apply() == "start"
    _is_back(host)


def test_nothing_to_go_back_to(host: FakeHost) -> None:
    host.refuses = lambda _config: "no"
    message = _fails(host, BASE)
    assert message.endswith("failed: no. There is no earlier good state on this host to go back to.")
    assert not host.woken
    host.refuses = lambda _config: None
    assert host.apply() == "start"
    _is_back(host)


def test_what_survives_the_way_there_survives_the_way_back(host: FakeHost) -> None:
    """The last good state is without live-restore; what was tried has it, and fails."""
    before = {**BASE, "live-restore": False}
    host.settle(before, *CREW)
    host.silent = lambda config: ["silence"] if config == RESTART else []
    assert _fails(host, RESTART).endswith(BACK)
    assert host.names() == CREW
    _is_back(host, before)


def test_live_restore_that_cannot_be_switched_on(host: FakeHost) -> None:
    before = {**BASE, "live-restore": False}
    host.settle(before, *CREW)
    host.refuses_reload = lambda config: "error reconfiguring the daemon: no" if config["live-restore"] else None
    message = _fails(host, RESTART)
    assert "live-restore could not be switched on before the restart: error reconfiguring" in message


# A full disk ---------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[Config, Config, bool]] = {
    "reload": (BASE, RELOAD, False),
    "reload in two steps": ({**BASE, "labels": ["a=b"]}, BASE, False),
    "restart": (BASE, RESTART, False),
    "restart that brings live-restore": ({**BASE, "live-restore": False}, RESTART, False),
    "drain": (BASE, BRIDGE, True),
}


def _writes(host: FakeHost, before: Config, after: Config, may_drain: bool) -> int:
    host.settle(before, *CREW)
    host.declare(after)
    host.writes = 0
    host.apply(may_drain)
    return host.writes


@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize("lasts", [False, True], ids=["for one write", "from there on"])
def test_full_disk_at_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, lasts: bool, request: pytest.FixtureRequest
) -> None:
    before, after, may_drain = CHANGES[change]
    for number in itertools.count(1):
        with pytest.MonkeyPatch.context() as patch:
            root = tmp_path / str(number)
            root.mkdir()
            host = FakeHost(root, patch)
            host.settle(before, *CREW)
            host.declare(after)
            host.writes = 0
            host.is_full = lambda written, _path, number=number: written >= number if lasts else written == number
            try:
                host.apply(may_drain)
            except ApplyError as error:
                message = str(error)
            else:
                # That many writes are not made.
                assert host.writes < number
                assert number > 2
                break
            assert "No space left on device" in message
            assert lasts or message.endswith(BACK), message
            # Whatever could not be written: the daemon answers, and all run.
            assert host.active
            assert host.names() == CREW
            assert not list(root.rglob(".*json.*")), "no half a file is left"
            if not lasts:
                assert (host.loaded, state.daemon_json()) == (before, before)
            # With room again, a plain run finishes what was declared.
            host.is_full = lambda _number, _path: False
            host.declare(after)
            host.apply(may_drain)
            assert host.loaded == host.good() == after
            assert host.names() == CREW
            assert not containers.RECORD.exists()


def test_full_disk_is_told_where_there_is_nothing_to_do(host: FakeHost) -> None:
    host.settle(BASE)
    state.GOOD.unlink()
    host.is_full = lambda _number, _path: True
    with pytest.raises(ApplyError, match=r"the daemon has read its configuration, but: .*good.json: No space left"):
        host.apply()
    assert host.log == []


def test_state_that_is_back_but_cannot_be_noted(host: FakeHost) -> None:
    host.settle(BASE)
    host.refuses = lambda config: "no" if config == RESTART else None
    host.is_full = lambda _number, path: path == state.APPLIED
    message = _fails(host, RESTART)
    assert "The last good state is back and the daemon answers, but that is not recorded: " in message
    host.is_full = lambda _number, _path: False
    _is_back(host)


# Drained containers --------------------------------------------------------------------------------


def test_drained_containers_are_started_in_order_after_success(host: FakeHost) -> None:
    host.settle(BASE, *CREW)
    host.declare(BRIDGE)
    assert host.apply(may_drain=True) == "restart"
    stops = [line.split()[-2:] for line in host.log if line.startswith("docker") and " stop " in line]
    assert stops == [["stop", "id-web"], ["stop", "id-database"]]
    assert host.starts == CREW
    assert host.loaded == BRIDGE
    assert not containers.RECORD.exists()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda host: setattr(host, "refuses", lambda config: "no" if config == BRIDGE else None), "no"),
        (lambda host: setattr(host, "dies", lambda config: config == BRIDGE), "ended at once"),
        (
            lambda host: setattr(host, "unwell", lambda name: 3 if name == "web" and host.loaded == BRIDGE else None),
            "web does not stay up (exit status 3)",
        ),
        (
            lambda host: setattr(
                host, "fails", lambda line: "port taken" if "start id-web" in line and host.loaded == BRIDGE else None
            ),
            "docker start web: port taken",
        ),
    ],
    ids=["refused", "dies", "container does not stay up", "container does not start"],
)
def test_drained_containers_are_started_in_order_after_a_rollback(host: FakeHost, fault: Any, reason: str) -> None:
    host.settle(BASE, *CREW)
    fault(host)
    message = _fails(host, BRIDGE, may_drain=True)
    assert reason in message
    assert message.endswith(BACK)
    assert host.names() == CREW
    assert host.starts[-2:] == CREW
    assert not containers.RECORD.exists()
    _is_back(host)


def test_container_that_does_not_stop_leaves_the_daemon_alone(host: FakeHost) -> None:
    host.settle(BASE, *CREW)
    host.fails = lambda line: "cannot kill" if "stop id-database" in line else None
    message = _fails(host, BRIDGE, may_drain=True)
    assert "docker stop database: cannot kill" in message
    assert message.endswith(BACK)
    assert not any(line.startswith("systemctl") or line == "SIGHUP" for line in host.log)
    assert host.starts == ["web"]
    host.fails = lambda _line: None
    _is_back(host)


def test_container_that_does_not_start_again_is_left_to_the_next_run(host: FakeHost) -> None:
    host.settle(BASE, *CREW)
    host.fails = lambda line: "no room" if "start id-web" in line else None
    message = _fails(host, BRIDGE, may_drain=True)
    assert "The last good state could not be brought back: docker start web: no room" in message
    assert host.names() == ["database"]
    assert [container.name for container in containers.interrupted()] == CREW
    host.fails = lambda _line: None
    assert host.apply() == "nothing"
    assert host.names() == CREW
    assert not containers.RECORD.exists()


def test_containers_are_started_where_the_files_cannot_be_put_back(host: FakeHost) -> None:
    host.settle(BASE, *CREW)
    host.silent = lambda config: ["silence"] if config == BRIDGE else []
    host.declare(BRIDGE)
    host.is_full = lambda _number, path: path == state.DAEMON_JSON
    with pytest.raises(ApplyError, match=r"silence\. The last good state could not be .*daemon.json: No space left"):
        host.apply(may_drain=True)
    assert host.names() == CREW
    assert not containers.RECORD.exists()


@pytest.mark.parametrize("has_good_state", [True, False])
def test_daemon_that_is_gone_is_not_woken_for_its_containers(host: FakeHost, has_good_state: bool) -> None:
    host.settle(BASE, *CREW)
    host.declare(BRIDGE)
    if not has_good_state:
        state.GOOD.unlink()
    host.refuses = lambda _config: "no"
    with pytest.raises(
        ApplyError, match="could not be brought back: no" if has_good_state else "no earlier good state"
    ):
        host.apply(may_drain=True)
    assert not host.woken
    host.refuses = lambda _config: None
    assert host.apply() == "start"
    assert host.starts == host.names() == CREW
    assert not containers.RECORD.exists()


@pytest.mark.parametrize("fails", [False, True])
def test_containers_without_a_good_state_are_started_again(host: FakeHost, fails: bool) -> None:
    host.settle(BASE, *CREW)
    host.declare(BRIDGE)
    state.GOOD.unlink()
    host.silent = lambda config: ["silence"] if config == BRIDGE else []
    host.fails = lambda line: "no room" if fails and "start id-web" in line else None
    with pytest.raises(ApplyError) as failure:
        host.apply(may_drain=True)
    told = "There is no earlier good state on this host to go back to"
    assert str(failure.value).endswith(f"{told}; docker start web: no room." if fails else f"{told}.")
    assert host.names() == (["database"] if fails else CREW)


def test_containers_of_an_interrupted_run_that_do_not_start_are_told(host: FakeHost) -> None:
    host.settle(BASE, *CREW)
    state.write(containers.RECORD, containers.text(containers.survey(BASE)[0]))
    host.running["web"] = False
    host.fails = lambda line: "no room" if "start id-web" in line else None
    with pytest.raises(ApplyError, match=r"an earlier run was interrupted, .* docker start web: no room"):
        host.apply()
    host.fails = lambda _line: None
    observed = host.observe()
    assert transaction.Transaction(observed, 60).start_interrupted() == CREW
    assert host.names() == CREW


# A run that is killed ------------------------------------------------------------------------------


def _killed_runs(tmp_path: Path, before: Config, after: Config, may_drain: bool, fault: Any = None) -> Any:
    """A host for each moment between two effects of a run, at which that run was killed."""
    for number in itertools.count(1):
        with pytest.MonkeyPatch.context() as patch:
            root = tmp_path / str(number)
            root.mkdir()
            host = FakeHost(root, patch)
            host.settle(before, *CREW)
            host.declare(after)
            if fault:
                fault(host)
            host.effects, host.kill_at = 0, number
            try:
                host.apply(may_drain)
            except Killed:
                pass
            except ApplyError:
                assert fault
                return
            else:
                return
            host.revive()
            yield number, host


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_run_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path, change: str) -> None:
    before, after, may_drain = CHANGES[change]
    moments = 0
    for number, host in _killed_runs(tmp_path, before, after, may_drain):
        moments = number
        host.declare(after)
        # What was begun is finished, whatever is allowed of containers now.
        host.apply(may_drain and not containers.interrupted())
        assert host.loaded == host.good() == after, number
        assert host.names() == CREW, number
        assert not containers.RECORD.exists()
        assert not untested.RECORD.exists()
        assert host.canaries == [], number
        assert host.apply() == "nothing"
    assert moments > 2


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_rollback_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path, change: str) -> None:
    before, after, may_drain = CHANGES[change]

    def fault(host: FakeHost) -> None:
        host.silent = lambda config: ["silence"] if config == after else []

    moments = 0
    for number, host in _killed_runs(tmp_path, before, after, may_drain, fault):
        moments = number
        # The same declaration fails again, and this time its rollback is finished.
        message = ""
        if state.daemon_json() != before or host.loaded != before:
            message = _fails(host, after, may_drain)
            assert BACK in message, number
        host.apply()
        assert host.loaded == host.good() == before, (number, message)
        assert host.names() == CREW, number
        assert not containers.RECORD.exists()
        assert not untested.RECORD.exists()
        assert host.canaries == [], number
    assert moments > 2


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_passes_by_the_rollback(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    host.settle(BASE)
    host.declare(RESTART)

    def interrupt(_config: Config) -> list[str]:
        raise end

    with monkeypatch.context() as patch:
        patch.setattr(daemon_change.live, "unanswered", interrupt)
        observed = planning.Observed(
            RESTART,
            {"ActiveState": "active", "UnitFileState": "enabled"},
            None,
            daemon.inputs(RESTART, {}),
            planning.ApplyPlan("restart", ["log-driver"]),
            (),
            is_untested=False,
        )
        with pytest.raises(end):
            transaction.Transaction(observed, 60).execute()
    assert state.daemon_json() == RESTART
    assert host.apply() in ("nothing", "restart")
    assert host.loaded == host.good() == RESTART


def test_restore_is_whole_or_not_at_all(host: FakeHost) -> None:
    for path in (state.DAEMON_JSON, state.SERVICE_DROP_IN, state.SOCKET_DROP_IN):
        state.write(path, "new")
    state.write(state.FRAGMENTS / "30-new.json", "{}")
    before = {
        path: path.read_text() for path in host.root.rglob("*") if path.is_file() and os.sep + "usr" not in str(path)
    }
    good = {str(path): "old" for path in (state.DAEMON_JSON, state.SERVICE_DROP_IN, state.SOCKET_DROP_IN)}
    host.is_full = lambda _number, path: path == state.SOCKET_DROP_IN
    with pytest.raises(OSError, match="No space left"):
        state.restore(good)
    assert {path: path.read_text() for path in before} == before
    assert not list(host.root.rglob(".*"))
    host.is_full = lambda _number, _path: False
    state.restore(good)
    assert state.DAEMON_JSON.read_text() == state.SOCKET_DROP_IN.read_text() == "old"
    assert not (state.FRAGMENTS / "30-new.json").exists()


# What keeps a change from being begun ------------------------------------------------------------------


def test_a_daemon_that_could_not_start_again_is_not_stopped(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where docker.service requires a packet filter that nft refuses. A reload takes nothing from it."""
    host.settle(BASE)
    monkeypatch.setattr(transaction.nftables, "obstacle", lambda: "nft refuses the rules")
    assert "was not begun, for dockerd would not start: nft refuses the rules" in _fails(host, RESTART)
    assert host.log == []
    assert host.active
    host.declare(RELOAD)
    assert host.apply() == "reload"


def test_what_is_said_once_is_roots_alone_to_read(host: FakeHost) -> None:
    """daemon.json may have a proxy's password."""
    host.settle({**BASE, "live-restore": False}, *CREW)
    modes: list[int] = []

    def see(_config: Config) -> str | None:
        modes.append(state.DAEMON_JSON.stat().st_mode & 0o777)
        return None

    host.refuses_reload = see
    host.declare(RESTART)
    host.apply()
    assert modes == [0o600]


def test_a_setting_that_a_reload_did_not_apply_is_taken_back(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon has sent word of a reload, in which the option is as before."""
    host.settle(BASE)
    said = {"debug": "debug is false after a reload, declared true"}
    monkeypatch.setattr(daemon_change.live, "not_reloaded", lambda config, _said: said if config["debug"] else {})
    assert "dockerd ignored debug is false after a reload" in _fails(host, RELOAD)
    _is_back(host)
