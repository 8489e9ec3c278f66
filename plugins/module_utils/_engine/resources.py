# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine needs of the host to start containers: room on its file systems, and the programs that it runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from .._system import observed
from . import containerd

_RUNC_SHIM = "containerd-shim-runc-v2"
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def storage(info: dict[str, Any], containerd_root: str) -> list[observed.Storage]:
    """The file systems that hold images and containers; ``info`` is ``GET /info``'s."""
    # Since 29, a daemon that starts on an empty data root leaves images and what containers write to containerd.
    layers = ["images", "containers' files"]
    of_dockerd, of_containerd = ([], layers) if containerd.has_images(info) else (layers, [])
    roots = {
        str(info.get("DockerRootDir") or ""): [*of_dockerd, "volumes", "logs"],
        containerd_root: of_containerd or ["containerd's own"],
        "/run": ["what runs"],
    }
    found = []
    for path, holds in roots.items():
        if not path:
            continue
        try:
            seen = os.statvfs(path)
        except OSError:
            continue  # Not on this host.
        found.append(
            observed.Storage(
                path=path,
                holds=holds,
                size=seen.f_blocks * seen.f_frsize,
                free=seen.f_bavail * seen.f_frsize,
                # Some file systems count none.
                inodes_free=seen.f_favail if seen.f_files else None,
                read_only=bool(seen.f_flag & os.ST_RDONLY),
            )
        )
    return found


def programs(
    info: dict[str, Any], environment: dict[str, str], containerd_program: str | None
) -> dict[str, str | None]:
    """What starts containers by default, to where it is, None where it is missing.

    ``environment`` is the daemon's, ``containerd_program`` the program that its containerd runs.
    """
    name = str(info.get("DefaultRuntime") or "runc")
    runtime = (info.get("Runtimes") or {}).get(name) or {}
    path = environment.get("PATH") or _DEFAULT_PATH
    found: dict[str, str | None] = {}
    # Other runtimes are programs of containerd's, and have no path here.
    if runtime.get("path"):
        found[str(runtime["path"])] = shutil.which(str(runtime["path"]), path=path)
        beside = str(Path(containerd_program).parent) if containerd_program else ""
        found[_RUNC_SHIM] = shutil.which(_RUNC_SHIM, path=f"{path}:{beside}" if beside else path)
    return found
