# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of ``daemon.json`` that this host cannot carry: files, programs, groups, plugins and disks that it has not.

Pure functions over what ``_engine.surroundings`` has seen. dockerd finds out about most of it when a container starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from . import structures
from .container_values import cgroup_driver
from .log_options import FILES as LOG_FILES
from .options import Config
from .validation import is_slice

LEAST_SPACE = 512 * 2**20
"""Bytes that a new data root must have free: less does not hold an image and what pulling it takes."""

_NETWORK_FILESYSTEMS = (
    "9p", "afs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4",
    "smb3", "smbfs",
)  # fmt: skip
_MEMORY_FILESYSTEMS = ("ramfs", "tmpfs")
_FOREIGN_FILESYSTEMS = ("exfat", "msdos", "vfat")


@dataclass(frozen=True)
class Disk:
    """Where a directory lies or will lie. ``free`` is in bytes, ``is_directory`` None for what is not there yet."""

    mount_point: str
    filesystem: str
    read_only: bool
    free: int
    is_directory: bool | None = None


@dataclass(frozen=True)
class Move:
    """Another data root, ``new``, than the one that the daemon has.

    ``missing`` are how many of each kind are in ``old`` and not in ``new``; ``running`` are the containers that write
    to ``old`` now. ``size`` is what ``old`` takes, in bytes, None where nobody asked or it takes long to tell; ``free``
    are the bytes at ``mount_point``, which has ``new``.
    """

    old: str
    new: str
    missing: dict[str, int]
    running: list[str]
    size: int | None
    free: int
    mount_point: str


@dataclass(frozen=True)
class Surroundings:
    """What the host has of what a configuration names; only what the configuration names is in it.

    ``files`` are kinds by path, "file", "directory", "socket", "other" or None for what is not there. ``programs`` are
    paths by name, None for one that is not there or cannot be executed. ``groups`` tells which are there. ``plugins``
    and ``profiles`` are why one does not serve, None where it does. ``links`` are "bridge", "other" or None.
    ``subordinate_ids`` tells why a user of ``userns-remap`` does not serve. ``move`` is what a new data root leaves
    behind, None where there is nothing. ``open_files`` is fs.nr_open. Where
    dockerd may not set any limit (capabilities(7)), ``limits`` are the highest hard ones by name, -1 for none.
    """

    files: dict[str, str | None] = field(default_factory=dict)
    programs: dict[str, str | None] = field(default_factory=dict)
    groups: dict[str, bool] = field(default_factory=dict)
    plugins: dict[str, str | None] = field(default_factory=dict)
    profiles: dict[str, str | None] = field(default_factory=dict)
    links: dict[str, str | None] = field(default_factory=dict)
    subordinate_ids: dict[str, str | None] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    move: Move | None = None
    open_files: int | None = None
    limits: dict[str, int] = field(default_factory=dict)
    unified_cgroups: bool = True


def named_files(config: Config) -> dict[str, str]:
    """The files that ``config`` makes dockerd read, path to the option that names it."""
    found = {}
    options = config.get("log-opts", {})
    for name in LOG_FILES.get(config.get("log-driver", ""), ()):
        if options.get(name):
            found[str(options[name])] = f"log-opts {name}"
    address = str(options.get("syslog-address", ""))
    if config.get("log-driver") == "syslog" and address.startswith(("unix://", "unixgram://")):
        found[address.partition("://")[2]] = "log-opts syslog-address"
    if "containerd" in config:
        found[str(config["containerd"]).replace("unix://", "", 1)] = "containerd"
    return found


def named_programs(config: Config) -> dict[str, str]:
    """The programs that containers could not start without, name or path to the option that names it.

    Of the runtimes only the default is one: others can be installed later, or on some hosts only.
    """
    found = {}
    name = config.get("default-runtime")
    runtime = config.get("runtimes", {}).get(name, {})
    path, shim = structures.field(runtime, "path"), structures.field(runtime, "runtimeType")
    if path:
        found[path] = f"runtimes {name}, the default-runtime, path"
    if shim and shim.startswith("/"):
        found[shim] = f"runtimes {name}, the default-runtime, runtimeType"
    if config.get("init") is True and "init-path" in config:
        found[config["init-path"]] = "init-path"
    if config.get("userland-proxy") is not False and "userland-proxy-path" in config:
        found[config["userland-proxy-path"]] = "userland-proxy-path"
    return found


def problems(config: Config, seen: Surroundings) -> list[str]:
    """Why this host cannot carry ``config``, which passed ``validation``: sentences that begin with an option."""
    return [
        *_files(config, seen),
        *_programs(config, seen),
        *_reasons("authorization-plugins", seen.plugins, "start it first"),
        *_reasons("seccomp-profile", seen.profiles, "put it there first"),
        *_reasons("userns-remap", seen.subordinate_ids, "add it, or declare userns-remap: default"),
        *_group(seen),
        *_bridge(seen),
        *_open_files(config, seen),
        *_limits(config, seen),
        *_cgroups(config, seen),
        *_data_root(seen),
        *_move(seen.move),
    ]


def _files(config: Config, seen: Surroundings) -> Iterator[str]:
    for path, option in named_files(config).items():
        if path not in seen.files:
            continue
        wanted = "file" if "-tls-" in option or "capath" in option else "socket"
        kind = seen.files[path]
        if kind is None:
            yield f"{option} {path}: there is no such {wanted} on this host; put it there first"
        elif kind != wanted:
            yield f"{option} {path} is no {wanted} on this host"


def _programs(config: Config, seen: Surroundings) -> Iterator[str]:
    for name, option in named_programs(config).items():
        if name in seen.programs and seen.programs[name] is None:
            where = "" if name.startswith("/") else " in dockerd's PATH"
            yield f"{option} {name}: there is no such program{where} on this host; install it first"


def _reasons(option: str, found: dict[str, str | None], way_out: str) -> Iterator[str]:
    for name, reason in found.items():
        if reason:
            yield f"{option} {name}: {reason}; {way_out}, or take it out"


def _group(seen: Surroundings) -> Iterator[str]:
    for name, exists in seen.groups.items():
        if not exists:
            yield (
                f"group {name}: there is no such group on this host; take it out, for docker_engine_socket_group has "
                "the group of the socket"
            )


def _bridge(seen: Surroundings) -> Iterator[str]:
    for name, kind in seen.links.items():
        if kind != "bridge":
            found = "no such interface" if kind is None else "an interface of that name that is no bridge"
            yield f"bridge {name}: there is {found} on this host; make it first, or take it out"


def _open_files(config: Config, seen: Surroundings) -> Iterator[str]:
    hard = structures.field(config.get("default-ulimits", {}).get("nofile", {}), "Hard") or 0
    if seen.open_files is not None and hard > seen.open_files:
        yield (
            f"default-ulimits: nofile has Hard {hard}, and the kernel of this host allows {seen.open_files} "
            "(fs.nr_open): lower the one or raise the other with sysctl"
        )


def _limits(config: Config, seen: Surroundings) -> Iterator[str]:
    for name, limit in config.get("default-ulimits", {}).items():
        hard, highest = structures.field(limit, "Hard") or 0, seen.limits.get(name, -1)
        if highest != -1 and (hard == -1 or hard > highest):
            yield (
                f"default-ulimits: {name} has Hard {hard}, and dockerd may set at most {highest} on this host, where "
                "it has no CAP_SYS_RESOURCE: lower it"
            )


def _cgroups(config: Config, seen: Surroundings) -> Iterator[str]:
    parent = config.get("cgroup-parent", "")
    if parent and seen.unified_cgroups and cgroup_driver(config) is None and not is_slice(parent):
        yield (
            f"cgroup-parent {parent}: the cgroup driver of this host is systemd (cgroup v2), so that it must be a "
            "slice, such as docker-apps.slice"
        )
    real_time = [key for key in ("cpu-rt-period", "cpu-rt-runtime") if config.get(key)]
    if real_time and seen.unified_cgroups:
        yield f"{real_time[0]}: this host has cgroup v2, with which dockerd does not know it; take it out"


def _data_root(seen: Surroundings) -> Iterator[str]:
    for path, disk in seen.disks.items():
        reason = _unfit(disk)
        if reason:
            yield f"data-root {path}: {reason}; declare a directory on a local disk"


def _move(move: Move | None) -> Iterator[str]:
    """Why the daemon does not change to another data root by itself, and how a person moves it."""
    if move is None or not (move.missing or move.running):
        return
    reasons = []
    if move.missing:
        counts = [f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in move.missing.items()]
        reasons.append(f"it would start without {', '.join(counts)}, there in {move.old} and not here")
    if move.running:
        reasons.append(f"{', '.join(move.running)} run and write to {move.old}")
    space = f"{move.free // 2**20} MiB are free at {move.mount_point}"
    needed = f"{move.old} takes {move.size // 2**20} MiB, and {space}" if move.size is not None else space
    is_full = move.size is not None and move.size + LEAST_SPACE > move.free
    yield (
        f"data-root {move.new}: the daemon has {move.old}, and {'; '.join(reasons)}. {needed}"
        + (f", too little: {(move.size or 0) // 2**20} and {LEAST_SPACE // 2**20} more are needed" if is_full else "")
        + ". Have the data moved, for which the containers are stopped, with docker_engine_data_root_change: move; or "
        f"declare docker_engine_data_root: {move.old}. To begin with an empty one, move {move.old} away first"
    )


def _unfit(disk: Disk) -> str | None:
    """Why a disk is none for images and containers, or None."""
    where = f"{disk.mount_point} is {disk.filesystem}"
    if disk.is_directory is False:
        return "there is something on this host that is no directory"
    if disk.read_only:
        return f"{disk.mount_point} is mounted read-only"
    if disk.filesystem in _NETWORK_FILESYSTEMS:
        return f"{where}, on the network, where no storage driver works reliably"
    if disk.filesystem in _MEMORY_FILESYSTEMS:
        return f"{where}, in memory, which loses all images, containers and volumes at a boot"
    if disk.filesystem in _FOREIGN_FILESYSTEMS:
        return f"{where}, which keeps no owners and modes"
    if disk.free < LEAST_SPACE:
        return f"{disk.mount_point} has {disk.free // 2**20} MiB free, and at least {LEAST_SPACE // 2**20} are needed"
    return None
