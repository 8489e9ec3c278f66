"""The filter of published ports knows the engine that runs, or is not in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import docker_proxy

OLD, NEW = (f'socket cgroupv2 level 2 "system.slice/{name}" goto outside\n' for name in ("old", "docker.service"))


@pytest.mark.parametrize(
    ("known", "running", "live"),
    [(NEW, NEW, True), (OLD, NEW, False), (None, NEW, False), (OLD, None, False), (None, None, True)],
)
def test_a_filter_that_does_not_know_the_running_engine_is_not_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str | None, running: str | None, live: bool
) -> None:
    monkeypatch.setattr(docker_proxy, "RULE", tmp_path / "rule")
    monkeypatch.setattr(docker_proxy, "_told", lambda: running)
    if known:
        (tmp_path / "rule").write_text(known)
    tables: Any = {"published": {"live": True}, "endpoint": {"live": True}}
    assert docker_proxy.observe(tables) == {"published": {"live": live}, "endpoint": {"live": True}}
    assert docker_proxy.observe({}) == {}
