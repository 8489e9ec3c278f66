"""The table of plans: a line for each host, complete where there is room, and never wider than the terminal."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._plan.steps import Plan, Step
from ansible_collections.mooring.docker.plugins.plugin_utils.plan_table import table


def step(name: str, summary: str, *effects: str) -> Step:
    return {
        "name": name,
        "role": "docker_engine",
        "summary": summary,
        "reasons": [],
        "effects": list(effects),
        "parameters": {},
        "diff": [],
    }


def plan(*steps: Step, refusals: tuple[str, ...] = ()) -> Plan:
    return {"refusals": list(refusals), "steps": list(steps)}


RESTART = plan(
    step("configuration", "write daemon.json (log-driver)"),
    step("apply", "restart the daemon", "connections to the API end", "2 containers keep running"),
    step("confirm", "confirm", "connections to the API end"),
)
FLEET = {"web-2": plan(), "web-1": RESTART, "db": plan(refusals=("docker_engine_endpoint is unknown",))}


def test_every_host_has_a_line_that_says_what_would_be_done_and_who_notices() -> None:
    assert table(FLEET) == [
        "HOST   STEPS  WHAT                                                         EFFECTS",
        "db     -      refused: docker_engine_endpoint is unknown",
        "web-1  3      write daemon.json (log-driver); restart the daemon; confirm  "
        "connections to the API end; 2 containers keep running",
        "web-2  0      nothing to do",
    ]


def test_a_long_row_is_complete_without_a_terminal_and_moves_no_other() -> None:
    long = "write daemon.json (" + ", ".join(f"option-{number}" for number in range(20)) + ")"
    lines = table(
        {"a": plan(step("configuration", long, "seen by a")), "b": plan(step("apply", "reload", "seen by b"))}
    )
    assert lines[1].endswith(f"{long}  seen by a")
    assert len(lines[2]) < 90


def test_effects_that_nobody_notices_take_no_column() -> None:
    assert table({"a": plan(), "b": plan(step("networks", "make backend"))}) == [
        "HOST  STEPS  WHAT",
        "a     0      nothing to do",
        "b     1      make backend",
    ]


def test_what_the_steps_do_is_shortened_before_their_effects() -> None:
    lines = table(FLEET, width=88)
    assert max(map(len, lines)) <= 88
    assert lines[2] == "web-1  3      write daemon.json …  connections to the API end; 2 containers keep running"
    assert table(FLEET, width=200) == table(FLEET)


@pytest.mark.parametrize("width", [48, 60, 79, 80, 120])
def test_lines_fit_the_terminal(width: int) -> None:
    lines = table({**FLEET, "a-host-with-a-long-name.example.com": plan()}, width=width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 5


def test_an_outcome_stands_where_the_steps_would() -> None:
    lines = table(FLEET, outcomes={"web-1": "failed: Apply", "gone": "unreachable"})
    assert [line.split("  ")[0] for line in lines] == ["HOST", "db", "gone", "web-1", "web-2"]
    assert "-      unreachable" in lines[2]
    assert "failed: Apply" in lines[3]
    assert "restart the daemon" not in lines[3]
    # Who was in for something still sees it.
    assert "connections to the API end" in lines[3]


def test_what_a_host_has_said_cannot_steer_the_terminal() -> None:
    hostile: dict[str, Any] = {"a": plan(step("apply", "\x1b[2Jrestart\nall", "\u202eends"))}
    assert r"\x1b[2Jrestart\nall" in table(hostile)[1]
    assert r"\u202eends" in table(hostile)[1]
    assert table({"b\r": plan()})[1].startswith(r"b\r")
