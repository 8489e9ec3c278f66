"""The module that applies: under the host's lock, under the revert timer, and not at all in check mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import pending, state
from ansible_collections.mooring.docker.plugins.module_utils._engine import planning
from ansible_collections.mooring.docker.plugins.module_utils._steps import apply
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError
from ansible_collections.mooring.docker.plugins.modules import daemon_apply
from unit.apply.fake_host import FakeHost

BASE = {"live-restore": True}


def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """What the module returns; options that are not given have their defaults."""
    defaults = {"restart": "only_without_containers", "containers": "keep", "timeout": 60, "confirm": 0}
    return apply.execute({**defaults, **options}, check_mode)


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare({**BASE, "log-driver": "local"})
    host.log.clear()
    found = run(check_mode=True)
    assert (found["changed"], found["action"], host.log) == (True, "restart", [])
    assert run()["action"] == "restart"
    assert host.loaded["log-driver"] == "local"
    assert run()["changed"] is False


def test_a_change_that_can_lose_the_connection_waits_to_be_confirmed(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare({**BASE, "bip": "10.9.0.1/24"})
    found = run(confirm=30)
    assert found["armed"]
    assert pending.observe()["armed"] == ["docker.service"]


def test_a_daemon_that_does_not_run_is_not_woken_to_be_asked(host: FakeHost) -> None:
    """It would start with whatever configuration there is."""
    host.settle(BASE, "web")
    host.active = False
    found = run(check_mode=True)
    assert (found["action"], host.woken) == ("start", False)
    assert planning.observe().plan.containers == ["id-web"]


def test_a_restart_that_never_may_be_is_told_as_pending(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare({**BASE, "log-driver": "local"})
    host.log.clear()
    found = run(restart="never")
    assert (found["changed"], found["action"], host.log) == (True, "nothing", [])
    assert found["pending"] == "restart (changed: log-driver)"
    assert found["warnings"]


def test_a_restart_that_would_stop_containers_is_refused(host: FakeHost) -> None:
    host.settle({"live-restore": False}, "web")
    host.declare({"live-restore": False, "log-driver": "local"})
    with pytest.raises(StepError, match="would stop web"):
        run()
    assert host.names() == ["web"]


def test_it_holds_the_lock_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    @contextmanager
    def locked() -> Iterator[None]:
        order.append("lock")
        yield
        order.append("unlock")

    module = SimpleNamespace(params={}, check_mode=False, exit_json=lambda **_result: order.append("exit"))
    monkeypatch.setattr(daemon_apply, "AnsibleModule", lambda **_words: module)
    monkeypatch.setattr(state, "locked", locked)
    monkeypatch.setattr(apply, "execute", lambda _options, _check_mode: order.append("apply") or {})
    daemon_apply.main()
    assert order == ["lock", "apply", "unlock", "exit"]


def test_a_daemon_that_somebody_else_has_started_is_taken_as_it_is(host: FakeHost) -> None:
    """What was recorded of the life before says nothing of this one."""
    host.settle(BASE)
    host.declare({**BASE, "log-driver": "local"})
    host.restart()
    assert planning.observe().plan.action == "nothing"
    # A file that changed since its start has not been read by it, or nobody knows.
    host.restart()
    host.files_changed = host.clock.time()
    assert planning.observe().plan.action == "restart"
