# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a data root of dockerd holds, so that no daemon starts without what the one before had.

``/var/lib/mooring/data-root.json`` has the last move to another, from before it begins. While the new root is still a
link to the old one, the move is pending. ``_apply.data_move`` carries it out.

The places are moby's: ``daemon/container``, ``daemon/internal/image`` (of the daemon's own image store),
``daemon/volume``, ``daemon/pkg/plugin``, ``daemon/cluster``, and ``libcontainerd/supervisor`` for a containerd that
dockerd starts itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TypedDict

from .._config import host_values, state
from .._config.fragments import ConfigError, parse
from .._config.options import Config
from .._config.state import Inputs
from .._system import commands
from . import live, surroundings
from .api import ApiError

RECORD = state.STATE / "data-root.json"
DEFAULT = "/var/lib/docker"
_DU_TIME = 30.0
"""Seconds. A directory with more files has no size here."""

_HOLDS = {
    "container": ("containers/*/config.v2.json", 1),
    "image": ("image/*/imagedb/content/sha256/*", 0),
    "image of its containerd": ("containerd/daemon/io.containerd.content.v1.content/blobs/sha256/*", 0),
    "volume": ("volumes/*/_data", 1),
    "plugin": ("plugins/*/config.json", 1),
    "swarm": ("swarm/docker-state.json", 0),
}
"""What there can be, to a pattern that each one of it matches, and how far above the match its name is."""


class Record(TypedDict):
    """The content of ``data-root.json``: paths."""

    old: str
    new: str


def record() -> Record | None:
    """The last move, None where there was none."""
    found: Record | None = state.read_state(RECORD)
    return found


def note(old: str, new: str) -> None:
    """Write the record. Raises OSError."""
    written: Record = {"old": old, "new": new}
    state.write_state(RECORD, written)


def is_link(record: Record) -> bool:
    """Whether the new root of a move leads to the old one still."""
    return Path(record["new"]).is_symlink()


def pending(config: Config) -> Record | None:
    """The move that a daemon with ``config`` still needs, None where it needs none."""
    found = record()
    return found if found and found["new"] == root_of(config) and is_link(found) else None


def kept(config: Config) -> str | None:
    """The old root, where a daemon with ``config`` has left it and nobody has removed it yet."""
    found = record()
    if found is None or found["new"] != root_of(config) or is_link(found):
        return None
    return found["old"] if any(_contents(Path(found["old"])).values()) else None


def current(config: Config, applied: Inputs | None, is_active: bool) -> str:
    """The data root of the daemon that runs or ran last; ``config`` is daemon.json's, ``applied`` what it has read.

    Neither may know: somebody may have edited daemon.json.
    """
    if applied is not None:
        return root_of(applied["config"])
    if is_active:
        with contextlib.suppress(ApiError):
            shown = str(live.local_api(config).get("/info").get("DockerRootDir") or "")
            if shown:
                # With userns-remap it is a directory in the declared one, named by the ids.
                return re.sub(r"/\d+\.\d+$", "", shown)
    good: state.Snapshot = state.read_state(state.GOOD) or {}
    with contextlib.suppress(ConfigError):
        if str(state.DAEMON_JSON) in good:
            return root_of(parse(good[str(state.DAEMON_JSON)] or "{}", ""))
    return root_of(config)


def root_of(config: Config) -> str:
    """The data root that ``config`` declares."""
    return str(config.get("data-root") or config.get("graph") or DEFAULT)


def obstacle(move: host_values.Move) -> str | None:
    """Why Mooring cannot move the data itself, with the way out; None where it can."""
    old, new = Path(os.path.realpath(move.old)), Path(os.path.realpath(move.new))
    if old in new.parents or new in old.parents:
        return f"{move.old} and {move.new} lie in each other: declare a directory beside it"
    if new.is_mount():
        return f"{move.new} is a mount point: declare a directory in it, such as {move.new.rstrip('/')}/docker"
    if new.exists() and (not new.is_dir() or any(new.iterdir())):
        return f"there is something in {move.new} already: move it away or remove it, or declare another directory"
    if move.size is not None and move.size + host_values.LEAST_SPACE > move.free:
        return (
            f"{move.old} takes {move.size // 2**20} MiB, and {move.free // 2**20} are free at {move.mount_point}: "
            f"{move.size // 2**20} and {host_values.LEAST_SPACE // 2**20} more are needed"
        )
    return None


def mounts_below(root: Path) -> list[str]:
    """The mount points in a directory (proc_pid_mountinfo(5))."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    points = [Path(surroundings.unescaped(line.split()[4])) for line in text.splitlines() if line.strip()]
    return [str(point) for point in points if root in point.parents]


def move(old: str, config: Config, running: list[str]) -> host_values.Move | None:
    """What ``config`` would leave behind in the data root ``old``, None where it leaves the daemon there.

    ``running`` are the containers that run.
    """
    new = root_of(config)
    if os.path.realpath(old) == os.path.realpath(new):
        return None
    had, has = _contents(Path(old)), _contents(Path(new))
    last = record()
    # What a move has left is as old as the move, though it has everything by name.
    is_left = last is not None and {old, new} == {last["old"], last["new"]}
    gone = had if is_left else {kind: names - has[kind] for kind, names in had.items()}
    missing = {kind: len(names) for kind, names in gone.items() if names}
    if not any(had.values()):
        return None
    disk = surroundings.disk(Path(new))
    return host_values.Move(old, new, missing, running, size(old) if missing else None, disk.free, disk.mount_point)


def _contents(root: Path) -> dict[str, set[str]]:
    """The names of what is in a data root, by kind; also below the directories of userns-remap."""
    roots = [root, *root.glob("[0-9]*.[0-9]*")]
    return {
        kind: {[found.name, found.parent.name][above] for base in roots for found in base.glob(pattern)}
        for kind, (pattern, above) in _HOLDS.items()
    }


def size(path: str) -> int | None:
    """The bytes that a directory takes, without what is mounted in it."""
    done = commands.run("du", "--summarize", "--block-size=1", "--one-file-system", path, timeout=_DU_TIME)
    found = re.match(r"(\d+)\s", done.stdout)
    return int(found[1]) if found else None
