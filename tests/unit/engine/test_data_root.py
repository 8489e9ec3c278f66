"""No daemon starts without what its data root of before holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import host_values, state
from ansible_collections.mooring.docker.plugins.module_utils._engine import data_root
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError


def filled(root: Path, *names: str) -> Path:
    """A data root as dockerd makes it, with files that belong to what is in it."""
    for name in ("containers", "volumes", "image/overlay2/imagedb/content/sha256", "network/files", "swarm", "plugins"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("volumes/metadata.db", "engine-id", *names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


CONTAINER, IMAGE = "containers/c1/config.v2.json", "image/overlay2/imagedb/content/sha256/i1"
VOLUME, OTHER_VOLUME = "volumes/v1/_data/x", "volumes/v2/_data/x"


def moved(old: Path, new: Path, *running: str) -> Any:
    return data_root.move(str(old), {"data-root": str(new)}, list(running))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (CONTAINER, "container"),
        (IMAGE, "image"),
        ("image/vfs/imagedb/content/sha256/i1", "image"),
        (VOLUME, "volume"),
        ("plugins/p1/config.json", "plugin"),
        ("swarm/docker-state.json", "swarm"),
        ("containerd/daemon/io.containerd.content.v1.content/blobs/sha256/b1", "image of its containerd"),
        (f"100000.100000/{CONTAINER}", "container"),
    ],
)
def test_what_the_old_one_has_and_the_new_one_not_is_missing(tmp_path: Path, name: str, kind: str) -> None:
    old, new = filled(tmp_path / "old", name), tmp_path / "new"
    assert moved(old, new).missing == {kind: 1}
    filled(new)
    assert moved(old, new).missing == {kind: 1}
    filled(new, name)
    assert moved(old, new).missing == {}


def test_each_one_is_looked_for_by_its_name(tmp_path: Path) -> None:
    old, new = filled(tmp_path / "old", VOLUME, OTHER_VOLUME), filled(tmp_path / "new", VOLUME, "volumes/v3/_data/x")
    assert moved(old, new).missing == {"volume": 1}


def test_what_a_move_has_left_is_not_taken_for_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the old root after it, nor a copy that could not be removed when it was taken back."""
    monkeypatch.setattr(data_root, "RECORD", tmp_path / "state/data-root.json")
    monkeypatch.setattr(state, "STATE", tmp_path / "state")
    one, other, third = (filled(tmp_path / name, VOLUME) for name in ("one", "other", "third"))
    data_root.note(str(one), str(other))
    assert moved(other, one).missing == moved(one, other).missing == {"volume": 1}
    assert moved(other, third).missing == {}


def test_old_one_without_anything_is_left_for_the_new_one(tmp_path: Path) -> None:
    assert moved(tmp_path / "nowhere", tmp_path / "new") is None
    assert moved(filled(tmp_path / "old"), tmp_path / "new") is None


def test_same_one_by_another_name_is_no_move(tmp_path: Path) -> None:
    old = filled(tmp_path / "old", VOLUME)
    (tmp_path / "link").symlink_to(old)
    assert moved(old, tmp_path / "link") is None
    assert moved(old, Path(f"{old}/")) is None


def test_what_it_takes_is_measured_where_it_has_to_be_copied(tmp_path: Path) -> None:
    old = filled(tmp_path / "old", VOLUME)
    (old / VOLUME).write_bytes(bytes(3 << 20))
    found = moved(old, tmp_path / "new")
    assert 3 << 20 <= found.size < 4 << 20
    assert found.free > 0
    filled(tmp_path / "new", VOLUME)
    assert moved(old, tmp_path / "new").size is None


GIB = 2**30


@pytest.mark.parametrize(
    ("missing", "running", "size", "free", "words"),
    [
        (
            {"container": 1, "volume": 2},
            [],
            GIB,
            9 * GIB,
            ["without 1 container, 2 volumes, there in /old", "takes 1024"],
        ),
        ({"image": 1}, [], None, 9 * GIB, ["9216 MiB are free at /mnt"]),
        ({"image": 1}, [], 9 * GIB, 9 * GIB, ["too little: 9216 and 512 more are needed"]),
        ({}, ["web", "db"], None, 9 * GIB, ["web, db run and write to /old"]),
    ],
)
def test_move_that_loses_something_is_refused_with_the_way_to_do_it(
    missing: dict[str, int], running: list[str], size: int | None, free: int, words: list[str]
) -> None:
    move = host_values.Move("/old", "/new", missing, running, size, free, "/mnt")
    (problem,) = host_values.problems({}, host_values.Surroundings(move=move))
    words += ["data-root /new: ", "docker_engine_data_root_change: move", "docker_engine_data_root: /old"]
    assert [word for word in words if word not in problem] == [], problem
    assert ("too little" in problem) == (size == free)


def test_move_of_what_is_there_already_is_allowed() -> None:
    for move in (None, host_values.Move("/old", "/new", {}, [], None, 0, "/")):
        assert host_values.problems({}, host_values.Surroundings(move=move)) == []


class Info:
    def __init__(self, shown: str | None) -> None:
        self.shown = shown

    def get(self, _path: str) -> Any:
        if self.shown is None:
            raise ApiError("silent")
        return {"DockerRootDir": self.shown}


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last good state has a data root of its own."""
    monkeypatch.setattr(state, "GOOD", tmp_path / "good.json")
    state.GOOD.write_text(json.dumps({str(state.DAEMON_JSON): '{"data-root": "/good"}'}))


def current(monkeypatch: pytest.MonkeyPatch, applied: Any, is_active: bool, shown: str | None = None) -> str:
    monkeypatch.setattr(data_root.live, "local_api", lambda _config: Info(shown))
    return data_root.current({"data-root": "/edited"}, applied and {"config": applied}, is_active)


@pytest.mark.usefixtures("good")
def test_data_root_is_the_one_that_the_daemon_has_and_not_what_somebody_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    assert current(monkeypatch, {"data-root": "/applied"}, True, "/shown") == "/applied"
    assert current(monkeypatch, {"graph": "/graph"}, True) == "/graph"
    assert current(monkeypatch, {"debug": True}, True) == "/var/lib/docker"
    assert current(monkeypatch, None, True, "/shown") == "/shown"
    assert current(monkeypatch, None, True, "/shown/100000.100000") == "/shown"
    assert current(monkeypatch, None, True) == "/good"
    assert current(monkeypatch, None, False, "/asked, and woken by it") == "/good"
    state.GOOD.unlink()
    assert current(monkeypatch, None, False) == "/edited"


def obstacle(old: Path, new: Path, size: int | None = 0, free: int = 9 * GIB) -> str | None:
    return data_root.obstacle(host_values.Move(str(old), str(new), {"image": 1}, [], size, free, "/mnt"))


def test_obstacles_to_a_move(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    assert obstacle(old, new) is None
    new.mkdir()
    assert obstacle(old, new) is None
    assert "1024 and 512 more are needed" in str(obstacle(old, new, GIB, GIB))
    assert "1024 are free at /mnt" in str(obstacle(old, new, GIB, GIB))
    assert obstacle(old, new, None, GIB) is None
    (new / "lost+found").mkdir()
    assert f"there is something in {new} already" in str(obstacle(old, new))
    assert "lie in each other" in str(obstacle(old, old / "new"))
    assert "lie in each other" in str(obstacle(old / "sub", old))
    assert "/proc is a mount point: declare a directory in it, such as /proc/docker" in str(
        obstacle(old, Path("/proc"))
    )


def test_mounts_in_a_directory_are_found() -> None:
    assert "/proc" in data_root.mounts_below(Path("/"))
    assert "/proc" not in data_root.mounts_below(Path("/proc"))
