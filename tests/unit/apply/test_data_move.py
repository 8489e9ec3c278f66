"""The daemon's data move to another data root whole or not at all, and no daemon ever starts without them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import data_move
from ansible_collections.mooring.docker.plugins.module_utils._apply.transaction import ApplyError
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._engine import containers, data_root
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from unit.apply.fake_host import FakeHost, Killed

CREW = ["database", "web"]
CONTAINER = "containers/c1/config.v2.json"


class Host(FakeHost):
    """One whose daemon has data, and which can be killed at every step of the move."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(root, patch)
        self.old, self.new = root / "var/lib/docker", root / "disk/docker"
        self.starts_without_data: list[str] = []
        self.refuses = self._start
        self.says: str | None = None
        """What the daemon says of a start on the new root."""
        for name in ("_exchange", "_remove", "compare"):
            patch.setattr(data_move, name, self._killed_before(getattr(data_move, name)))
        patch.setattr(Path, "symlink_to", self._killed_before(Path.symlink_to))
        (self.old / "containers/c1").mkdir(parents=True)
        (self.old / CONTAINER).write_text("{}")
        (self.old / "volumes/v1/_data").mkdir(parents=True)
        (self.old / "volumes/v1/_data/x").write_text("precious")
        self.settle({"live-restore": True}, *CREW)

    def _killed_before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*words: Any) -> Any:
            self.effect(function.__name__)
            return function(*words)

        return called

    def _start(self, config: dict[str, Any]) -> str | None:
        root = Path(data_root.root_of(config))
        if not (root / CONTAINER).exists():
            self.starts_without_data.append(str(root))
        return self.says if root == self.new else None

    def move(self) -> None:
        """What a run does: the composition, and the application. Raises ApplyError."""
        target = {"live-restore": True, "data-root": str(self.new)}
        if state.daemon_json() != target:
            data_move.begin(str(self.old), str(self.new))
            self.declare(target)
        self.apply()

    def content(self, root: Path) -> dict[str, str]:
        return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}

    @property
    def remains(self) -> list[str]:
        """What lies where the new root is."""
        return sorted(path.name for path in self.new.parent.iterdir()) if self.new.parent.exists() else []


CONTENT = {CONTAINER: "{}", "volumes/v1/_data/x": "precious"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def moved(host: Host) -> None:
    """All is as a move leaves it."""
    assert host.active
    assert host.loaded["data-root"] == str(host.new)
    assert not host.new.is_symlink()
    assert host.content(host.new) == host.content(host.old) == CONTENT
    assert host.names() == CREW
    assert not containers.RECORD.exists()
    assert host.remains == ["docker"]
    assert data_root.kept(host.loaded) == str(host.old)
    assert host.starts_without_data == []


def back(host: Host) -> None:
    """All is as before the move."""
    assert host.active
    assert "data-root" not in host.loaded
    assert host.content(host.old) == CONTENT
    assert host.names() == CREW
    assert host.remains == []
    assert data_root.record() is None
    assert host.starts_without_data == []


def test_data_move_while_nothing_runs(host: Host) -> None:
    host.move()
    moved(host)
    lines = [line for line in host.log if line.startswith(("docker", "cp", "systemctl stop", "systemctl restart"))]
    assert [line.split("/")[0].strip() for line in lines] == [
        "docker --host unix:",
        "docker --host unix:",
        "systemctl stop docker.service docker.socket",
        "cp --archive --one-file-system",
        "systemctl restart docker.service",
        "docker --host unix:",
        "docker --host unix:",
    ]
    assert host.starts == CREW
    # There is nothing left to do.
    assert host.apply() == "nothing"


def test_what_an_interrupted_copy_has_left_is_not_moved(host: Host) -> None:
    """Its original may have been removed since."""
    left = Path(f"{host.new}.mooring-part/volumes/removed/_data")
    left.mkdir(parents=True)
    host.move()
    moved(host)


def test_until_it_is_moved_the_new_root_leads_to_the_old_one(host: Host) -> None:
    host.new.mkdir(parents=True)
    data_move.begin(str(host.old), str(host.new))
    assert host.content(host.new.resolve()) == CONTENT
    assert host.new.resolve() == host.old


def test_every_moment_can_be_the_last_and_the_next_run_finishes(tmp_path: Path) -> None:
    """Also where the host has booted in between, with whatever daemon.json says then."""
    with pytest.MonkeyPatch.context() as patch:
        whole = Host(tmp_path / "whole", patch)
        whole.move()
        count = whole.effects
    assert count > 20
    for boots in (False, True):
        for kill_at in range(1, count + 1):
            with pytest.MonkeyPatch.context() as patch:
                host = Host(tmp_path / f"{boots}{kill_at}", patch)
                host.kill_at = kill_at
                with pytest.raises(Killed):
                    host.move()
                host.revive()
                if boots:
                    host.running = dict.fromkeys(host.running, False)
                    host.loaded = {}
                    host.restart()
                    # Without a record of whom to start, those that were not stopped by the run are gone with the boot.
                    host.running = dict.fromkeys(host.running, not containers.RECORD.exists())
                host.move()
                moved(host)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("copy", "copying .* failed: cp: no space"),
        ("difference", r"the copy of .*volumes/v1/_data/x differs \(size, time\)"),
        ("more", "the copy of .*containers has 2 entries instead of 1"),
        ("stop", "the daemon does not stop"),
        ("start", "dockerd says no"),
        ("container", "no container runs here"),
        ("web", "web does not stay up"),
        ("drain", "docker stop web"),
    ],
)
def test_what_fails_brings_the_daemon_back_on_the_old_root(
    host: Host, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    part = Path(f"{host.new}.mooring-part")
    commands = {"copy": "cp ", "stop": "systemctl stop", "drain": "docker --host unix:///run/docker.sock stop id-web"}
    if fault in commands:
        host.fails = lambda line: "cp: no space" if line.startswith(commands[fault]) else None
    if fault in ("difference", "more"):
        name = "volumes/v1/_data/x" if fault == "difference" else "containers/c2"
        compare = data_move.compare

        def spoilt(one: Path, other: Path) -> None:
            (part / name).write_text("spoilt by the disk")
            compare(one, other)

        monkeypatch.setattr(data_move, "compare", spoilt)
    host.says = "dockerd says no" if fault == "start" else None
    on_new = lambda: host.loaded.get("data-root") == str(host.new)  # noqa: E731
    if fault == "container":
        host.runs_no_container = lambda _config: ApiError("no container runs here", 500) if on_new() else None
    if fault == "web":
        host.unwell = lambda name: "1" if name == "web" and on_new() and host.starts else None
    with pytest.raises(ApplyError, match=words) as caught:
        host.move()
    assert "The last good state is back and the daemon answers" in str(caught.value)
    host.fails = lambda _line: None
    back(host)


def test_root_that_a_daemon_has_had_is_not_left_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its containers have written there since the boot."""
    unlink = Path.unlink

    def power_fails(path: Path, **more: bool) -> None:
        unlink(path, **more)
        if path.name.endswith(".mooring-part"):
            raise Killed

    monkeypatch.setattr(Path, "unlink", power_fails)
    with pytest.raises(Killed):
        host.move()
    monkeypatch.setattr(Path, "unlink", unlink)
    host.restart()
    (host.new / "volumes/v1/_data/y").write_text("since then")
    host.runs_no_container = lambda _config: ApiError("no container runs here", 500)
    with pytest.raises(ApplyError, match="no container runs here"):
        host.move()
    assert host.loaded["data-root"] == str(host.new)
    assert (host.new / "volumes/v1/_data/y").read_text() == "since then"
    assert host.names() == CREW


def test_containers_that_would_not_come_back_keep_the_data_where_they_are(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "obstacle", lambda details: "is a swarm's" if details["Name"] == "/web" else None)
    data_move.begin(str(host.old), str(host.new))
    host.declare({"live-restore": True, "data-root": str(host.new)})
    plan = host.observe().plan
    assert plan.action == "restart"
    assert "web is a swarm's" in str(plan.refusal("only_without_containers"))


def test_containers_without_a_daemon_keep_the_data_where_they_are(host: Host) -> None:
    data_move.begin(str(host.old), str(host.new))
    host.declare({"live-restore": True, "data-root": str(host.new)})
    host.active = False
    assert "id-web runs without a daemon" in str(host.observe().plan.refusal("when_needed"))


def test_root_that_is_declared_no_more_is_no_link_any_more(host: Host) -> None:
    data_move.begin(str(host.old), str(host.new))
    data_move.forget_other({"data-root": str(host.new)})
    assert host.new.is_symlink()
    data_move.forget_other({})
    assert host.remains == []
    assert data_root.record() is None


def test_what_was_moved_is_never_forgotten(host: Host) -> None:
    host.move()
    data_move.forget_other({})
    assert host.content(host.new) == CONTENT


# --- the copy


def _tree(root: Path) -> Path:
    """One of each thing that a data root has."""
    (root / "overlay2/l").mkdir(parents=True)
    (root / "file").write_text("x")
    os.link(root / "file", root / "hard link")
    (root / "link").symlink_to("../diff")
    os.chown(root / "file", 1234, 5678)
    (root / "file").chmod(0o4750)
    os.mknod(root / "whiteout", 0o020000, os.makedev(0, 0))
    os.mkfifo(root / "fifo")
    with (root / "sparse").open("wb") as stream:
        stream.truncate(64 << 20)
    os.setxattr(root / "file", "user.x", b"y")
    try:
        os.setxattr(root / "overlay2", "trusted.overlay.opaque", b"y")
    except OSError:
        os.setxattr(root / "overlay2", "user.opaque", b"y")  # This file system has none of those.
    return root


def _copied(tmp_path: Path) -> tuple[Path, Path]:
    old, new = _tree(tmp_path / "old"), tmp_path / "disk/docker"
    new.parent.mkdir()
    new.symlink_to(old)
    data_move.copy({"old": str(old), "new": str(new)})
    return old, new


def test_copy_has_owners_modes_links_holes_and_attributes(tmp_path: Path) -> None:
    old, new = _copied(tmp_path)
    data_move.compare(old, new)
    assert (new / "file").samefile(new / "hard link")
    assert (new / "sparse").stat().st_blocks * 512 < 1 << 20
    assert os.listxattr(new / "overlay2") == os.listxattr(old / "overlay2") != []
    assert not (new / "file").samefile(old / "file")
    assert [path.name for path in new.parent.iterdir()] == ["docker"]


DAMAGE: dict[str, Callable[[Path], object]] = {
    "mode": lambda root: (root / "file").chmod(0o700),
    "owner": lambda root: os.chown(root / "file", 1, 5678),
    "attributes": lambda root: os.removexattr(root / "file", "user.x"),
    "link": lambda root: ((root / "link").unlink(), (root / "link").symlink_to("elsewhere")),
    "device": lambda root: ((root / "whiteout").unlink(), os.mknod(root / "whiteout", 0o020644, os.makedev(1, 3))),
    "size": lambda root: os.truncate(root / "sparse", 1),
    "hard links": lambda root: (
        shutil.copy2(root / "file", root / "hard link2") and (root / "hard link2").replace(root / "hard link")
    ),
    "time": lambda root: os.utime(root / "sparse", (1, 1)),
    "entries": lambda root: (root / "fifo").unlink(),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_copy_that_lacks_something_is_told(tmp_path: Path, what: str) -> None:
    old, new = _copied(tmp_path)
    DAMAGE[what](new)
    with pytest.raises(data_move.MoveError, match=what):
        data_move.compare(old, new)


def test_file_system_of_its_own_in_the_data_root_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_root, "mounts_below", lambda root: [f"{root}/volumes/big"])
    with pytest.raises(data_move.MoveError, match="old/volumes/big is a file system of its own"):
        _copied(tmp_path)
    assert (tmp_path / "disk/docker").is_symlink()
