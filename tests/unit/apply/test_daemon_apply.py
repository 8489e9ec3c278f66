"""The module that applies: under the host's lock, under the revert timer, and not at all in check mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply.transaction import ApplyError
from ansible_collections.mooring.docker.plugins.module_utils._config import pending, state
from ansible_collections.mooring.docker.plugins.module_utils._engine import planning
from ansible_collections.mooring.docker.plugins.modules import daemon_apply
from unit.apply.fake_host import FakeHost

BASE = {"live-restore": True}


class Exited(BaseException):
    """The module has answered."""


class Module:
    """As much of AnsibleModule as the module uses."""

    def __init__(self, check_mode: bool = False, **params: Any) -> None:
        self.params = {
            "restart": "only_without_containers",
            "containers": "keep",
            "timeout": 60,
            "confirm": 0,
            **params,
        }
        self.check_mode = check_mode
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def exit_json(self, **result: Any) -> None:
        self.result = result
        raise Exited

    def fail_json(self, msg: str) -> None:
        self.result = {"failed": True, "msg": msg}
        raise Exited

    def run(self) -> dict[str, Any]:
        with pytest.raises(Exited):
            daemon_apply._apply(self)
        return self.result


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare({**BASE, "log-driver": "local"})
    host.log.clear()
    found = Module(check_mode=True).run()
    assert (found["changed"], found["action"], host.log) == (True, "restart", [])
    assert Module().run()["action"] == "restart"
    assert host.loaded["log-driver"] == "local"
    assert Module().run()["changed"] is False


def test_a_change_that_can_lose_the_connection_waits_to_be_confirmed(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare({**BASE, "bip": "10.9.0.1/24"})
    found = Module(confirm=30).run()
    assert found["armed"]
    assert pending.observe()["armed"] == ["docker.service"]


def test_a_daemon_that_does_not_run_is_not_woken_to_be_asked(host: FakeHost) -> None:
    """It would start with whatever configuration there is."""
    host.settle(BASE, "web")
    host.active = False
    found = Module(check_mode=True).run()
    assert (found["action"], host.woken) == ("start", False)
    assert planning.observe().plan.containers == ["id-web"]


def test_a_restart_that_never_may_be_is_told_as_pending(host: FakeHost) -> None:
    host.settle(BASE)
    host.declare({**BASE, "log-driver": "local"})
    host.log.clear()
    module = Module(restart="never")
    found = module.run()
    assert (found["changed"], found["action"], host.log) == (True, "nothing", [])
    assert found["pending"] == "restart (changed: log-driver)"
    assert module.warnings


def test_a_restart_that_would_stop_containers_is_refused(host: FakeHost) -> None:
    host.settle({"live-restore": False}, "web")
    host.declare({"live-restore": False, "log-driver": "local"})
    with pytest.raises(ApplyError, match="would stop web"):
        daemon_apply._apply(Module())
    assert host.names() == ["web"]


def test_it_holds_the_lock_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    @contextmanager
    def locked() -> Iterator[None]:
        order.append("lock")
        yield
        order.append("unlock")

    monkeypatch.setattr(daemon_apply, "AnsibleModule", lambda **_words: Module())
    monkeypatch.setattr(state, "locked", locked)
    monkeypatch.setattr(daemon_apply.daemon, "secrets", set)
    monkeypatch.setattr(daemon_apply, "_apply", lambda _module: order.append("apply"))
    daemon_apply.main()
    assert order == ["lock", "apply", "unlock"]


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
