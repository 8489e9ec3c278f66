"""A plan that was reviewed is carried out as it is, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import plan_file

RESTART: dict[str, Any] = {
    "name": "apply",
    "role": "docker_engine",
    "summary": "restart (changed: bip)",
    "reasons": ["changed: bip"],
    "effects": ["the daemon restarts; no container is running"],
    "parameters": {"action": "restart", "keys": ["bip"]},
    "diff": [],
}
PACKAGES: dict[str, Any] = {
    **RESTART,
    "name": "packages",
    "summary": "install nftables",
    "parameters": {"required": ["nftables"], "optional": []},
}


def _written(directory: Path, *steps: dict[str, Any], refusals: list[str] | None = None) -> str:
    path = directory / "plan.json"
    path.write_text(plan_file.text({"web-1": {"refusals": refusals or [], "steps": list(steps)}}))  # type: ignore[typeddict-item]
    return str(path)


def _require(path: str, *steps: dict[str, Any], host: str = "web-1") -> str:
    """Why the file does not plan these steps; empty where it does."""
    try:
        plan_file.require(path, host, {"refusals": [], "steps": list(steps)})  # type: ignore[typeddict-item]
    except plan_file.PlanFileError as error:
        return str(error)
    return ""


def test_what_was_planned_is_done(tmp_path: Path) -> None:
    assert _require(_written(tmp_path, PACKAGES, RESTART), PACKAGES, RESTART) == ""
    assert _require(_written(tmp_path)) == ""


def test_days_and_containers_may_differ(tmp_path: Path) -> None:
    later = {**RESTART, "reasons": ["in 20 days"], "effects": ["containers a, b keep running"]}
    assert _require(_written(tmp_path, RESTART), later) == ""


@pytest.mark.parametrize(
    ("current", "told"),
    [
        ([], "apply is not needed any more (restart (changed: bip))"),
        ([PACKAGES, RESTART], "packages is needed now (install nftables)"),
        ([{**RESTART, "summary": "reload"}], "apply differs in its summary (reload)"),
        ([{**RESTART, "parameters": {"action": "reload"}}], "apply differs in its parameters"),
        ([{**RESTART, "role": "docker_network"}], "apply differs in its role"),
        ([{**RESTART, "diff": [{"before": "", "after": "x"}]}], "apply differs in its diff"),
    ],
)
def test_a_host_that_has_moved_on_is_refused(tmp_path: Path, current: list[dict[str, Any]], told: str) -> None:
    problem = _require(_written(tmp_path, RESTART), *current)
    assert told in problem
    assert "make a new plan with playbooks/plan.yml" in problem


def test_a_host_without_plan_is_refused(tmp_path: Path) -> None:
    assert "has no plan for this host" in _require(_written(tmp_path), host="web-2")
    assert "a refusal: no systemd" in _require(_written(tmp_path, refusals=["no systemd"]))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2, "hosts": {}}', '{"version": 1, "hosts": []}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert _require(str(tmp_path / "plan.json")).startswith(f"plan_file {tmp_path}/plan.json ")
    assert "cannot be read" in _require(str(tmp_path / "missing.json"))
