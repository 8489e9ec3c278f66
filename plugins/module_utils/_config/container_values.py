# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers get from the daemon: ulimits, runtimes, shared memory, cgroups, storage, generic resources.

Sources: docker/go-units ``ulimit.go``; swarmkit ``api/genericresource/parse.go``; moby ``daemon/runtime_unix.go``,
``daemon/daemon_unix.go``, ``daemon/graphdriver/*/`` (``parseOptions``) and ``daemon/config/builder.go``.
"""

from __future__ import annotations

import re
from typing import Any

from . import go_syntax
from .structures import field, field_problem
from .values import boolean, integer, mapping, path, text, texts

ULIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip

MAX_NOFILE = 2**31 - 64
"""The most that the kernel lets fs.nr_open be (fs/file.c, sysctl_nr_open_max); "unlimited" is more."""

_LIMIT = {"Name": text, "Soft": integer(-1, 2**63 - 1), "Hard": integer(-1, 2**63 - 1)}


def _ignored_arguments(value: Any) -> str | None:
    """``nvidia-ctk runtime configure`` writes an empty one, which dockerd ignores."""
    return "dockerd ignores it; write runtimeArgs" if value else None


_RUNTIME = {"path": text, "runtimeArgs": texts, "runtimeType": text, "options": mapping, "args": _ignored_arguments}


def ulimits(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "must be a mapping such as {nofile: {Name: nofile, Soft: 1024, Hard: 4096}}"
    return next((f"{name}: {problem}" for name, limit in value.items() if (problem := _ulimit(name, limit))), None)


def _ulimit(name: str, limit: Any) -> str | None:
    if name not in ULIMITS:
        return f"there is no such limit; there are {', '.join(ULIMITS)}"
    problem = field_problem(limit, _LIMIT, ("Name",))
    if problem:
        return f"{problem}; write {{Name: {name}, Soft: NUMBER, Hard: NUMBER}}"
    if field(limit, "Name") != name:
        return f"Name {field(limit, 'Name')} must be {name} too, for dockerd goes by the Name"
    soft, hard = field(limit, "Soft") or 0, field(limit, "Hard") or 0
    if hard != -1 and (soft == -1 or soft > hard):
        return f"Soft {soft} is above Hard {hard}: the kernel refuses it for each container (-1 stands for no limit)"
    if name == "nofile" and not 0 <= hard <= MAX_NOFILE:
        return f"Hard {hard} is more than the kernel has: files that are open at the same time cannot be unlimited"
    return None


def shm_size(value: Any) -> str | None:
    size = go_syntax.size(value) if isinstance(value, str) else None
    return None if size else 'must be a size in quotes such as "64M"'


def runtimes(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "must be a mapping such as {gvisor: {path: /usr/local/bin/runsc}}"
    return next((f"{name}: {problem}" for name, one in value.items() if (problem := _runtime(name, one))), None)


def _runtime(name: str, runtime: Any) -> str | None:
    if name == "runc":
        return "the name is the built-in runtime's; choose another"
    problem = field_problem(runtime, _RUNTIME)
    if problem:
        return problem
    path, shim = field(runtime, "path"), field(runtime, "runtimeType")
    if bool(path) == bool(shim):
        return "it needs either a path or a runtimeType"
    if path and "/" in path and not path.startswith("/"):
        return f"path must be absolute or the name of a program in PATH, not {path!r}"
    if path and field(runtime, "options"):
        return "options do not go with a path, only with a runtimeType"
    if shim and field(runtime, "runtimeArgs"):
        return "runtimeArgs do not go with a runtimeType, only with a path"
    if shim and not shim.startswith("/") and not is_shim(shim):
        return f"runtimeType must be a name such as io.containerd.runsc.v1 or an absolute path, not {shim!r}"
    return None


def is_shim(name: str) -> bool:
    """Whether containerd would look for a shim of this name (moby: isPermissibleC8dRuntimeName)."""
    return bool(re.fullmatch(r"[^./][^/]*\.[^/]*", name))


def exec_option(item: str) -> str | None:
    key, _equals, one = (part.strip() for part in item.partition("="))
    if key.lower() != "native.cgroupdriver":
        return f"{item!r} is no such option; there is native.cgroupdriver=systemd or =cgroupfs"
    return None if one in ("systemd", "cgroupfs") else f"native.cgroupdriver must be systemd or cgroupfs, not {one!r}"


def cgroup_driver(config: dict[str, Any]) -> str | None:
    """The cgroup driver that ``exec-opts`` chooses, if it does."""
    return next((item.partition("=")[2].strip() for item in reversed(config.get("exec-opts", []))), None)


def generic_resources(value: Any) -> str | None:
    if texts(value):
        return texts(value)
    kinds: dict[str, list[str]] = {}
    for item in value:
        name, equals, one = item.partition("=")
        if not equals or "=" in one or not name.strip():
            return f"{item!r} is no NAME=VALUE such as NVIDIA-GPU=UUID1"
        kinds.setdefault(name.strip(), []).append(one.strip())
    for name, ones in kinds.items():
        numbers = [number for number in map(go_syntax.integer, ones) if number is not None]
        if numbers and (len(ones) > 1 or numbers[0] < 0):
            return f"{name} must be one number of at least 0 or several names, not {', '.join(ones)}"
    return None


_STORAGE = {
    "overlay2": {"overlay2.size": "size", "overlay2.override_kernel_check": "boolean"},
    "btrfs": {"btrfs.min_space": "size"},
    "zfs": {"zfs.fsname": "text"},
}
"""Storage driver: its options, and what they are. Those of other drivers are not judged here."""


def storage_option(item: str) -> str | None:
    name, equals, one = item.partition("=")
    name = name.strip().lower()
    if not equals or not name:
        return f"{item!r} is no NAME=VALUE such as overlay2.size=20G"
    driver = name.partition(".")[0]
    if driver in _STORAGE and name not in _STORAGE[driver]:
        return f"{name} is no option of {driver}; it has {', '.join(_STORAGE[driver])}"
    kind = _STORAGE.get(driver, {}).get(name)
    if kind == "size" and go_syntax.size(one.strip()) is None:
        return f"{name} must be a size such as 20G, not {one!r}"
    if kind == "boolean" and go_syntax.boolean(one.strip()) is None:
        return f"{name} must be true or false, not {one!r}"
    return None


def storage_of_another(config: dict[str, Any]) -> str | None:
    """A storage option of another driver than the declared one, with which dockerd would not start."""
    driver = config.get("storage-driver")
    for item in config.get("storage-opts", []):
        owner = item.partition(".")[0].strip().lower()
        if driver in _STORAGE and owner in _STORAGE and owner != driver:
            return f"storage-opts {item}: the storage driver is {driver}"
    return None


def _space(value: Any) -> str | None:
    is_share = isinstance(value, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)?%", value)
    is_size = isinstance(value, str) and (not value or go_syntax.size(value) is not None)
    return None if is_size or is_share else 'must be a size such as "20GB" or a share such as "10%"'


_SPACES = ("defaultkeepstorage", "defaultreservedspace", "defaultmaxusedspace", "defaultminfreespace")


def builder(value: Any) -> str | None:
    problem = field_problem(value, {"GC": mapping, "Entitlements": mapping, "History": mapping})
    collection = field(value, "GC") if isinstance(value, dict) else None
    if problem or collection is None:
        return problem
    for key, one in collection.items():
        name = str(key).lower()
        if name == "enabled" and boolean(one):
            return f"gc {key} {boolean(one)}, not {one!r}"
        if name in _SPACES and _space(one):
            return f"gc {key} {_space(one)}, not {one!r}"
        if name == "policy" and not (isinstance(one, list) and all(isinstance(rule, dict) for rule in one)):
            return f"gc {key} must be a list of mappings, not {one!r}"
    return None


def nri_options(value: Any) -> str | None:
    """moby ``daemon/pkg/opts/nri_opts.go``, which refuses unknown fields itself."""
    return field_problem(
        value, {"enable": boolean, "plugin-path": path, "plugin-config-path": path, "socket-path": path}
    )
