# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the containerd keeps its data on which the daemon leans, and which program it is. Changes nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .._system import commands

SERVICE = "containerd.service"
ROOT = "/var/lib/containerd"
"""containerd's root where nothing says another (containerd, defaults_unix.go)."""
_CONFIG = Path("/etc/containerd/config.toml")
_OF_DOCKERD = Path("/run/docker/containerd/containerd.toml")
"""The configuration of one that dockerd starts itself (moby, daemon/internal/libcontainerd/supervisor)."""
_SNAPSHOTTERS = "io.containerd.snapshotter.v1"


def program() -> str | None:
    """The program of the service containerd, None where it does not run."""
    try:
        return str(Path(f"/proc/{_pid()}/exe").readlink())
    except OSError:
        return None


def root(is_service: bool) -> str:
    """The directory of a containerd that is a service of its own, or that the daemon has started."""
    if not is_service:
        return _configured(_OF_DOCKERD) or ROOT
    try:
        words = Path(f"/proc/{_pid()}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        words = []
    return _flag(words, "--root") or _configured(Path(_flag(words, "--config", "-c") or _CONFIG)) or ROOT


def has_images(info: dict[str, Any]) -> bool:
    """Whether containerd keeps the daemon's images; ``info`` is ``GET /info``'s (moby, daemon/info.go)."""
    return any(pair[1:] == [_SNAPSHOTTERS] for pair in info.get("DriverStatus") or [])


def _pid() -> str:
    pid: str = commands.unit_properties(SERVICE).get("MainPID", "0")
    return pid


def _flag(words: list[str], *names: str) -> str | None:
    for position, word in enumerate(words):
        name, separator, value = word.partition("=")
        if name in names:
            return value if separator else next(iter(words[position + 1 :]), None)
    return None


def _configured(path: Path) -> str | None:
    """The root in a configuration of containerd: in TOML, top-level keys are those before the first table."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    top = re.split(r"^\s*\[", text, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.search(r"""^\s*root\s*=\s*(["'])(.+?)\1""", top, re.MULTILINE)
    return found[2] if found else None
