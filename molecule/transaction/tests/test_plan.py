"""A plan is previewed, reviewed as a file, and carried out as it is or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import reach
from conftest import HOSTS, Daemon, run

LABELS = {"docker_engine_options": {"labels": ["planned=1"]}}
SECRET = "c0nfidential-t0ken"

pytestmark = pytest.mark.usefixtures("inventory")


def _plan(path: Path, **variables: Any) -> dict[str, Any]:
    """The plan of each host, as playbooks/plan.yml writes it for a review."""
    done = run("plan", plan_output=str(path), **variables)
    assert done.status == 0, done.output
    assert (path.stat().st_mode & 0o777) == 0o600
    hosts: dict[str, Any] = json.loads(path.read_text())["hosts"]
    assert sorted(hosts) == sorted(HOSTS)
    return hosts


def test_what_cannot_be_planned_fails_after_all_was_told(tmp_path: Path) -> None:
    """A host as declared has an empty plan, whatever the others have, and carries out just that."""
    path = tmp_path / "plan.json"
    done = run("plan", plan_output=str(path), docker_engine_users=reach.by_host({HOSTS[0]: ["nobody-of-that-name"]}))
    assert done.status != 0
    plans = json.loads(path.read_text())["hosts"]
    assert "docker_engine_users nobody-of-that-name: there is no such user" in plans[HOSTS[0]]["refusals"][0]
    assert {name: plans[name] for name in HOSTS[1:]} == {name: {"refusals": [], "steps": []} for name in HOSTS[1:]}
    carried_out = run(plan_file=str(path))
    assert set(carried_out.failures) == {HOSTS[0]}
    assert "nobody-of-that-name" in carried_out.failures[HOSTS[0]]
    assert carried_out.changed == dict.fromkeys(HOSTS, 0)


def test_plan_has_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    options = {"log-driver": "splunk", "log-opts": {"splunk-url": "https://127.0.0.1", "splunk-token": SECRET}}
    done = run("plan", limit=HOSTS[-1], plan_output=str(path), docker_engine_options=options)
    assert done.status == 0, done.output
    assert "splunk-url" in path.read_text()
    assert SECRET not in path.read_text()
    assert SECRET not in done.output


def test_reviewed_plan_is_carried_out_as_it_is_or_not_at_all(daemons: list[Daemon], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    before = {daemon.name: daemon.files() for daemon in daemons}
    for plan in _plan(path, **LABELS).values():
        assert plan["refusals"] == []
        assert [step["name"] for step in plan["steps"]] == ["configuration", "apply"]
        assert plan["steps"][1]["summary"] == "reload (changed: labels)"
    # Nothing but the plan: not without its variables, and not beside others.
    refused = run(plan_file=str(path), docker_engine_options=reach.by_host({HOSTS[-1]: {"labels": ["planned=2"]}}))
    assert set(refused.failures) == set(HOSTS)
    assert all("make a new plan with playbooks/plan.yml" in failure for failure in refused.failures.values())
    assert {daemon.name: daemon.files() for daemon in daemons} == before

    # One host moves on, and is refused; the others are as planned.
    moved, *others = daemons
    moved.host.run_expect([0], "rm /etc/docker/daemon.d/10-engine.json")
    done = run(plan_file=str(path), **LABELS)
    assert set(done.failures) == {moved.name}
    assert f"this is not what plan_file {path} has planned: configuration differs" in done.failures[moved.name]
    assert [daemon.info()["Labels"] for daemon in others] == [["planned=1"]] * len(others)
    assert not moved.info()["Labels"]
    # What is done is planned no more.
    again = run(plan_file=str(path), **LABELS)
    assert set(again.failures) == set(HOSTS)
    assert all("is not needed any more" in again.failures[daemon.name] for daemon in others)
