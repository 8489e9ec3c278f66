"""A plan is previewed, reviewed as a file, and carried out as it is or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import HOSTS, Daemon, converge, run

LABELS = {"docker_engine_options": {"labels": ["planned=1"]}}
SECRET = "c0nfidential-t0ken"

pytestmark = pytest.mark.usefixtures("plain")


def _plan(path: Path, **variables: Any) -> dict[str, Any]:
    """The plan of each host, as playbooks/plan.yml writes it for a review."""
    done = run("plan", plan_output=str(path), **variables)
    assert done.status == 0, done.output
    assert (path.stat().st_mode & 0o777) == 0o600
    hosts: dict[str, Any] = json.loads(path.read_text())["hosts"]
    assert sorted(hosts) == sorted(HOSTS)
    return hosts


def test_reviewed_plan_is_carried_out_as_it_is_or_not_at_all(daemons: list[Daemon], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    before = {daemon.name: daemon.files() for daemon in daemons}
    for plan in _plan(path, **LABELS).values():
        assert plan["refusals"] == []
        assert [step["name"] for step in plan["steps"]] == ["configuration", "apply"]
        assert plan["steps"][1]["summary"] == "reload (changed: labels)"
    # Nothing but the plan: not without its variables, and not beside others.
    for others in ({}, {"docker_engine_options": {"labels": ["planned=2"]}}):
        refused = run(plan_file=str(path), **others)
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
    assert "is not needed any more" in run(plan_file=str(path), **LABELS).failures[others[0].name]


def test_hosts_as_declared_have_an_empty_plan(daemons: list[Daemon], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    assert {name: plan["steps"] for name, plan in _plan(path).items()} == {name: [] for name in HOSTS}
    assert converge(plan_file=str(path)).changed == dict.fromkeys(HOSTS, 0)


def test_plan_has_no_secrets(daemons: list[Daemon], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    options = {"log-driver": "splunk", "log-opts": {"splunk-url": "https://127.0.0.1", "splunk-token": SECRET}}
    done = run("plan", plan_output=str(path), docker_engine_options=options)
    assert done.status == 0, done.output
    assert "splunk-url" in path.read_text()
    assert SECRET not in path.read_text()
    assert SECRET not in done.output


def test_what_cannot_be_planned_fails_after_all_was_told(daemons: list[Daemon], tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    wrong = "{{ ['nobody-of-that-name'] if inventory_hostname == '" + HOSTS[0] + "' else [] }}"
    done = run("plan", plan_output=str(path), docker_engine_users=wrong)
    assert done.status != 0
    plans = json.loads(path.read_text())["hosts"]
    assert "docker_engine_users nobody-of-that-name: there is no such user" in plans[HOSTS[0]]["refusals"][0]
    assert plans[HOSTS[1]] == {"refusals": [], "steps": []}
    assert "nobody-of-that-name" in run(plan_file=str(path)).failures[HOSTS[0]]
