"""A container runs after each change; a change after which none runs is taken back, unless none ran before either."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import container_test, transaction
from ansible_collections.mooring.docker.plugins.module_utils._apply.transaction import ApplyError
from ansible_collections.mooring.docker.plugins.module_utils._config import state, untested
from ansible_collections.mooring.docker.plugins.module_utils._engine import canary, canary_image
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from unit.apply.fake_host import Config, FakeHost, Killed

BASE: Config = {"debug": False, "log-driver": "json-file", "live-restore": True}
RELOAD = {**BASE, "debug": True}
RESTART = {**BASE, "log-driver": "local"}
WORDS = "failed to initialize logging driver: invalid suffix: 'x'"
BACK = "The last good state is back and the daemon answers."


def _broken(*configs: Config) -> Any:
    return lambda config: ApiError(WORDS, 500) if config in configs else None


def _run(host: FakeHost, config: Config) -> list[str]:
    """The warnings of a run that must succeed."""
    host.declare(config)
    done = transaction.Transaction(host.observe(), 60)
    done.execute()
    return done.warnings


def _fails(host: FakeHost, config: Config) -> str:
    host.declare(config)
    with pytest.raises(ApplyError) as failure:
        host.apply()
    return str(failure.value)


@pytest.mark.parametrize("config", [RELOAD, RESTART])
def test_container_runs_after_each_change(host: FakeHost, config: Config) -> None:
    host.settle(BASE)
    host.tests = 0
    assert _run(host, config) == []
    assert host.tests == 2  # Before and after.
    assert host.canaries == []
    assert not untested.RECORD.exists()


def test_run_with_nothing_to_do_runs_no_container(host: FakeHost) -> None:
    host.settle(BASE)
    host.tests = 0
    assert host.apply() == "nothing"
    assert host.tests == 0


def test_first_start_is_tested(host: FakeHost) -> None:
    host.declare(BASE)
    assert host.apply() == "start"
    assert host.tests == 1


@pytest.mark.parametrize(("config", "sentence"), [(RELOAD, "reload (changed: debug)"), (RESTART, "restart")])
def test_change_after_which_no_container_runs_is_taken_back(host: FakeHost, config: Config, sentence: str) -> None:
    host.settle(BASE, "web")
    host.runs_no_container = _broken(config)
    message = _fails(host, config)
    assert message.startswith(sentence)
    assert f"failed: a container does not start: {WORDS}. {BACK}" in message
    assert host.loaded == host.good() == state.daemon_json() == BASE
    assert host.names() == ["web"]
    assert host.canaries == []
    assert not untested.RECORD.exists()
    assert host.apply() == "nothing"


def test_what_failed_before_the_change_stays_and_is_told(host: FakeHost) -> None:
    host.settle(BASE)
    host.runs_no_container = _broken(BASE, RELOAD)
    (warning,) = _run(host, RELOAD)
    assert WORDS in warning
    assert "That was so before this change too, so the change stays" in warning
    assert host.loaded == host.good() == RELOAD
    # The next run has nothing to do, and one that changes something is not kept from it.
    assert host.apply() == "nothing"
    host.runs_no_container = _broken(BASE, RELOAD, RESTART)
    assert len(_run(host, RESTART)) == 1


def test_host_that_was_mended_is_not_excused_any_more(host: FakeHost) -> None:
    host.settle(BASE)
    host.runs_no_container = _broken(BASE, RELOAD)
    _run(host, RELOAD)
    host.runs_no_container = _broken(RESTART)
    assert BACK in _fails(host, RESTART)
    assert host.loaded == RELOAD


def test_first_start_that_runs_no_container_fails_until_one_runs(host: FakeHost) -> None:
    host.runs_no_container = _broken(BASE)
    message = _fails(host, BASE)
    assert WORDS in message
    assert "There is no earlier good state on this host to go back to" in message
    assert host.active
    message = _fails(host, BASE)
    assert message.startswith(
        f"the test of what an interrupted run has applied failed: a container does not start: {WORDS}"
    )
    host.runs_no_container = _broken()
    assert host.apply() == "nothing"
    assert host.good() == BASE
    assert not host.observe().is_untested


def test_good_state_that_runs_no_container_either_is_told_and_holds_up_no_later_run(host: FakeHost) -> None:
    host.settle(BASE)
    host.stop()
    host.runs_no_container = _broken(BASE, RELOAD)
    message = _fails(host, RELOAD)
    assert "but no container runs with it either: a container does not start" in message
    assert "the next run makes it whether one runs or not" in message
    assert host.loaded == BASE
    assert len(_run(host, RELOAD)) == 1
    assert host.loaded == RELOAD


def test_what_cannot_be_tested_is_told_and_stays(host: FakeHost) -> None:
    host.settle(BASE)
    host.runs_no_container = lambda _config: ApiError("authorization denied by plugin porter: no", 403)
    (warning,) = _run(host, RELOAD)
    assert "was not tested: the daemon forbids it: authorization denied by plugin porter: no" in warning
    assert host.good() == RELOAD


def test_host_without_a_static_program(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.settle(BASE)
    monkeypatch.setattr(canary_image, "static_program", lambda: None)
    (warning,) = _run(host, RELOAD)
    assert "was not tested: the host has no static program" in warning


def test_daemon_that_did_not_answer_before_is_no_excuse(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.settle(BASE)
    host.runs_no_container = lambda config: ApiError("timed out") if config == BASE else ApiError(WORDS, 500)
    assert WORDS in _fails(host, RESTART)
    assert host.loaded == BASE


def test_daemon_that_ends_of_a_container_is_taken_back(host: FakeHost) -> None:
    host.settle(BASE)

    def end(config: Config) -> ApiError | None:
        if config != RESTART:
            return None
        host.active = False
        return ApiError("connection refused")

    host.runs_no_container = end
    host.last_words = "level=fatal panic"
    message = _fails(host, RESTART)
    assert "level=fatal panic" in message
    assert message.endswith(BACK)


def test_test_waits_no_longer_before_a_change_than_it_must(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.settle(BASE)
    times: list[float] = []
    monkeypatch.setattr(canary, "run", lambda _config, timeout: times.append(timeout))
    _run(host, RELOAD)
    assert times == [container_test._TIME_BEFORE, 60]


# Cut -----------------------------------------------------------------------------------------------


def test_change_that_was_cut_before_its_test_is_tested_by_the_next_run(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare(RESTART)

    def cut(config: Config) -> ApiError | None:
        if config == RESTART:
            host.kill_at = host.effects + 1
            host.effect("start of the canary")
        return None

    host.runs_no_container = cut
    with pytest.raises(Killed):
        host.apply()
    host.revive()
    assert host.loaded == RESTART
    assert len(host.canaries) == 2  # A container, and its image.
    assert host.observe().is_untested
    host.runs_no_container = _broken(RESTART)
    with pytest.raises(ApplyError, match=r"the test of what an interrupted run has applied failed.* is back"):
        host.apply()
    assert host.loaded == host.good() == BASE
    assert host.canaries == []


def test_host_that_restarts_between_files_and_daemon_is_tested(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare(RESTART)
    host.restart()  # By the boot.
    observed = host.observe()
    assert (observed.plan.action, observed.is_untested) == ("nothing", True)
    host.runs_no_container = _broken(RESTART)
    with pytest.raises(ApplyError, match=BACK):
        host.apply()
    assert host.loaded == host.good() == BASE


def test_pending_restart_is_not_untested(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare(RESTART)
    assert not host.observe().is_untested


def test_daemon_that_ends_just_before_its_test_is_not_woken_by_it(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare(RESTART)
    observed = host.observe()
    host.active = False
    test = container_test.ContainerTest(observed, 60)
    host.tests = 0
    test.before()
    assert (test.worked, host.tests, host.woken) == (None, 0, False)
