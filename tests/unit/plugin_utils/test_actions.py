"""No action begins where what hosts answer could replace variables; and what an action cannot write is an error."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.action.fleet_plan import ActionModule as FleetPlan
from ansible_collections.mooring.docker.plugins.plugin_utils import injected_facts

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
ACTIONS = sorted(path.stem for path in (PLUGINS / "action").glob("*.py"))


class RefusedError(Exception):
    """In the place of Ansible's."""


@pytest.fixture
def _injecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts become variables."""

    def refuse() -> None:
        raise RefusedError

    monkeypatch.setattr(injected_facts, "refuse", refuse)


@pytest.mark.usefixtures("_injecting")
@pytest.mark.parametrize("name", ACTIONS)
def test_where_hosts_could_replace_variables_no_action_begins(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.mooring.docker.plugins.action.{name}")
    action = module.ActionModule.__new__(module.ActionModule)  # It has no task that it could look at.
    with pytest.raises(RefusedError):
        action.run(None, {})


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.write_bytes(b"\xff")])
def test_a_plan_that_cannot_be_written_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    """Where the file would be there is a directory, a pipe or a device, or what is no text."""
    output = tmp_path / "plan.json"
    make(output)
    monkeypatch.setattr(injected_facts, "refuse", lambda: None)
    arguments = {"hosts": ["web-1"], "output": str(output)}
    task: Any = SimpleNamespace(args=arguments, check_mode=False, async_val=0, action="fleet_plan", diff=False)
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = FleetPlan(task, connection, None, None, None, None)
    with pytest.raises(AnsibleActionFail, match=f"plan_output {output} cannot be written: "):
        action.run(None, {"hostvars": {"web-1": {}}})
