"""The engine is there, runs, and will run after a boot."""

from __future__ import annotations

from typing import Any


def test_engine_and_cli_are_of_one_release(observed: Any) -> None:
    engine = observed["engine"]
    assert engine["installed"], "there is no dockerd"
    assert engine["cli_version"], "there is no docker CLI"
    assert engine["cli_version"].split(".")[:2] == engine["version"].split(".")[:2]


def test_service_runs(observed: Any) -> None:
    assert observed["engine"]["service"]["active"] == "active"


def test_service_starts_at_boot(observed: Any) -> None:
    assert observed["engine"]["service"]["enabled"] == "enabled"


def test_api_answers(observed: Any) -> None:
    version = observed["engine"]["api_version"]
    assert version, "no answer on a local socket"
    # The oldest that Mooring knows, of engine 20.10.
    assert tuple(map(int, version.split("."))) >= (1, 41)


def test_containerd_runs(host: Any) -> None:
    assert host.run("pgrep --exact containerd").rc == 0
