"""The declaration, the fragments, daemon.json and the running daemon are one."""

from __future__ import annotations

from typing import Any


def test_files_are_as_declared(seen: Any) -> None:
    assert seen["differing"] == [], seen["problems"]


def test_daemon_json_is_what_the_fragments_make_of_it(observed: Any) -> None:
    assert observed["configuration"]["error"] is None
    assert observed["configuration"]["edited"] == []


def test_daemon_runs_with_its_configuration(observed: Any) -> None:
    assert observed["configuration"]["pending"] == {"action": "nothing", "keys": [], "reasons": []}
