# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a data root of dockerd holds, so that no daemon starts without what the one before had. Changes nothing.

The places are moby's: ``daemon/container``, ``daemon/internal/image`` (of the daemon's own image store),
``daemon/volume``, ``daemon/pkg/plugin``, ``daemon/cluster``, and ``libcontainerd/supervisor`` for a containerd that
dockerd starts itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from .._config import host_values, state
from .._config.fragments import ConfigError, parse
from .._config.options import Config
from .._config.state import Inputs
from .._system import commands
from . import live, surroundings
from .api import ApiError

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


def current(config: Config, applied: Inputs | None, is_active: bool) -> str:
    """The data root of the daemon that runs or ran last; ``config`` is daemon.json's, ``applied`` what it has read.

    Neither may know: somebody may have edited daemon.json.
    """
    if applied is not None:
        return _of(applied["config"])
    if is_active:
        with contextlib.suppress(ApiError):
            shown = str(live.local_api(config).get("/info").get("DockerRootDir") or "")
            if shown:
                # With userns-remap it is a directory in the declared one, named by the ids.
                return re.sub(r"/\d+\.\d+$", "", shown)
    good: state.Snapshot = state.read_state(state.GOOD) or {}
    with contextlib.suppress(ConfigError):
        if str(state.DAEMON_JSON) in good:
            return _of(parse(good[str(state.DAEMON_JSON)] or "{}", ""))
    return _of(config)


def _of(config: Config) -> str:
    return str(config.get("data-root") or config.get("graph") or DEFAULT)


def move(old: str, config: Config, running: list[str]) -> host_values.Move | None:
    """What ``config`` would leave behind in the data root ``old``, None where it leaves the daemon there.

    ``running`` are the containers that run.
    """
    new = _of(config)
    if os.path.realpath(old) == os.path.realpath(new):
        return None
    had, has = _contents(Path(old)), _contents(Path(new))
    missing = {kind: len(names - has[kind]) for kind, names in had.items() if names - has[kind]}
    if not any(had.values()):
        return None
    disk = surroundings.disk(Path(new))
    return host_values.Move(old, new, missing, running, _size(old) if missing else None, disk.free, disk.mount_point)


def _contents(root: Path) -> dict[str, set[str]]:
    """The names of what is in a data root, by kind; also below the directories of userns-remap."""
    roots = [root, *root.glob("[0-9]*.[0-9]*")]
    return {
        kind: {[found.name, found.parent.name][above] for base in roots for found in base.glob(pattern)}
        for kind, (pattern, above) in _HOLDS.items()
    }


def _size(path: str) -> int | None:
    """The bytes that a directory takes, without what is mounted in it."""
    done = commands.run("du", "--summarize", "--block-size=1", "--one-file-system", path, timeout=_DU_TIME)
    found = re.match(r"(\d+)\s", done.stdout)
    return int(found[1]) if found else None
