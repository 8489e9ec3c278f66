# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of what a configuration names: files, programs, groups, plugins, links, disks. Changes nothing."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import stat
import urllib.parse
from pathlib import Path
from typing import Any

from .._config import host_values
from .._config.host_values import Disk, Surroundings
from .._config.options import Config
from .api import Api, ApiError

PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""systemd's default for the PATH of a service (systemd.exec(5))."""

PLUGIN_SOCKETS = Path("/run/docker/plugins")
PLUGIN_SPECS = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))
"""moby ``pkg/plugins/discovery.go`` and ``discovery_unix.go``."""

SUBORDINATE_IDS = (Path("/etc/subuid"), Path("/etc/subgid"))


def observe(config: Config, existing: Config, has_engine: bool = True) -> Surroundings:
    """What this host has of what ``config``, which passed ``validation``, names.

    ``existing`` is the configuration of now: a data root that stays is not looked at. Without an engine
    (``has_engine``) what may come with it is not looked at either.
    """
    engine_files = {} if has_engine else {"containerd"}
    return Surroundings(
        files={
            path: _kind(Path(path))
            for path, option in host_values.named_files(config).items()
            if option not in engine_files
        },
        programs={name: _program(name) for name in host_values.named_programs(config)} if has_engine else {},
        groups={name: _is_group(name) for name in _values(config, "group") if has_engine or name != "docker"},
        plugins={name: _plugin_problem(name, config) for name in config.get("authorization-plugins", [])},
        profiles={path: _profile_problem(Path(path)) for path in _values(config, "seccomp-profile") if path[0] == "/"},
        links={name: _link(name) for name in _values(config, "bridge") if name not in ("none", "docker0")},
        subordinate_ids={
            name: _subordinate_problem(name.partition(":")[0])
            for name in _values(config, "userns-remap")
            if name.partition(":")[0] not in ("default", "root", "0")
        },
        disks={path: disk(Path(path)) for path in _values(config, "data-root") if existing.get("data-root") != path},
        open_files=_number(Path("/proc/sys/fs/nr_open")),
        limits=_limits(Path("/proc/1")) if config.get("default-ulimits") else {},
        unified_cgroups=Path("/sys/fs/cgroup/cgroup.controllers").exists(),
    )


def _values(config: Config, key: str) -> list[str]:
    return [config[key]] if config.get(key) else []


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


_LIMITS = {
    "cpu time": "cpu", "file size": "fsize", "data size": "data", "stack size": "stack", "core file size": "core",
    "resident set": "rss", "processes": "nproc", "open files": "nofile", "locked memory": "memlock",
    "file locks": "locks", "pending signals": "sigpending", "msgqueue size": "msgqueue", "nice priority": "nice",
    "realtime priority": "rtprio", "realtime timeout": "rttime",
}  # fmt: skip
"""Names in /proc/PID/limits (proc_pid_limits(5)), and those of ulimits."""

_CAP_SYS_RESOURCE = 24


def _limits(process: Path) -> dict[str, int]:
    """The hard limits of a process that cannot raise them, none of one that can: what systemd has, dockerd gets."""
    try:
        bounding = re.search(r"^CapBnd:\s*([0-9a-f]+)$", (process / "status").read_text(), re.MULTILINE)
        lines = (process / "limits").read_text().splitlines()
    except OSError:
        return {}
    if bounding is None or int(bounding[1], 16) >> _CAP_SYS_RESOURCE & 1:
        return {}
    rows = [re.match(r"Max (.+?) {2,}\S+ +(unlimited|[0-9]+)", line) for line in lines]
    found = {_LIMITS[row[1]]: row[2] for row in rows if row and row[1] in _LIMITS}
    return {name: -1 if hard == "unlimited" else int(hard) for name, hard in found.items()}


def _kind(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "other")


def _program(name: str) -> str | None:
    return shutil.which(name, path=PROGRAMS)


def _is_group(name: str) -> bool:
    """dockerd takes a name or a number (moby, daemon/listeners)."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return name.isdigit()
    return True


def _link(name: str) -> str | None:
    place = Path("/sys/class/net", name)
    if not place.exists():
        return None
    return "bridge" if (place / "bridge").exists() else "other"


def _profile_problem(path: Path) -> str | None:
    try:
        profile = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "there is no such file on this host"
    except (OSError, ValueError) as error:
        return f"it cannot be read as JSON ({error})"
    return None if isinstance(profile, dict) else "it holds no JSON object"


def _subordinate_problem(name: str) -> str | None:
    """moby ``daemon/daemon_unix.go`` (parseRemappedRoot) and sys/user (LoadIdentityMapping), which reads both files."""
    try:
        user = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        return "there is no such user on this host"
    for path in SUBORDINATE_IDS:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        if not any(line.partition(":")[0] in (user.pw_name, str(user.pw_uid)) for line in lines):
            return f"{user.pw_name} has no range in {path}"
    return None


# --- plugins


def _plugin_problem(name: str, config: Config) -> str | None:
    """Why an authorization plugin would not serve: dockerd does not start without it, and dies of it at a reload."""
    managed = _managed_plugin(name, Path(str(config.get("data-root", "/var/lib/docker"))))
    if managed is not None:
        return None if managed else "the plugin is installed and not enabled (docker plugin enable)"
    address = _address(name)
    if address is None:
        return f"there is no such plugin on this host, in {PLUGIN_SOCKETS} or {PLUGIN_SPECS[0]}"
    return _activation_problem(address)


def _managed_plugin(name: str, root: Path) -> bool | None:
    """Whether a plugin that ``docker plugin install`` brought is enabled, None where there is none of that name.

    moby ``daemon/pkg/plugin/manager.go``: each has a config.json below its id.
    """
    for path in root.glob("plugins/*/config.json"):
        try:
            plugin = json.loads(path.read_text(encoding="utf-8"))["plugin"]
            if plugin["Name"] in (name, f"{name}:latest"):
                return bool(plugin["Enabled"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _address(name: str) -> str | None:
    """Where a plugin listens, as dockerd looks for it: a socket, or a file that tells the address."""
    for place in (PLUGIN_SOCKETS / f"{name}.sock", PLUGIN_SOCKETS / name / f"{name}.sock"):
        if _kind(place) == "socket":
            return f"unix://{place}"
    for directory in PLUGIN_SPECS:
        for suffix in (".spec", ".json"):
            for place in (directory / f"{name}{suffix}", directory / name / f"{name}{suffix}"):
                text = place.read_text(encoding="utf-8", errors="replace") if place.is_file() else None
                if text is not None:
                    return _spec_address(text, suffix)
    return None


def _spec_address(text: str, suffix: str) -> str:
    if suffix == ".spec":
        return text.strip()
    try:
        return str(json.loads(text)["Addr"])
    except (ValueError, KeyError, TypeError):
        return ""


def _activation_problem(address: str) -> str | None:
    """What is wrong with a plugin's answer to the handshake; one over TLS is not asked, for its keys are dockerd's."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "unix":
        api = Api(unix=parts.path)
    elif parts.scheme in ("tcp", "http") and parts.hostname:
        api = Api(tcp=(parts.hostname, parts.port or 80))
    else:
        return None if parts.scheme == "https" else f"its file has no address ({address!r})"
    try:
        answer: Any = api.post("/Plugin.Activate", {})
        answer = json.loads(answer) if isinstance(answer, str) else answer
        implements = answer["Implements"]
    except ApiError as error:
        return None if error.status is not None else f"it does not answer at {address} ({error})"
    except (ValueError, KeyError, TypeError):
        return f"it gives no proper answer at {address}"
    return None if "authz" in implements else f"it is no authorization plugin, but one for {', '.join(implements)}"


# --- disks


def disk(path: Path, mounts: str | None = None) -> Disk:
    """Where ``path`` lies, links followed; what is still to be made lies where its nearest directory does.

    ``mounts`` is the text of /proc/self/mountinfo (proc_pid_mountinfo(5)), read where it is not given.
    """
    real = Path(os.path.realpath(path))
    there = real
    while not there.exists():
        there = there.parent
    space = os.statvfs(there)
    text = mounts if mounts is not None else Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    mount_point, filesystem = _mount(there, text)
    return Disk(
        mount_point=mount_point,
        filesystem=filesystem,
        read_only=bool(space.f_flag & os.ST_RDONLY),
        free=space.f_bavail * space.f_frsize,
        is_directory=there.is_dir() if there == real or not there.is_dir() else None,
    )


def unescaped(point: str) -> str:
    """A mount point as the kernel writes it, with its spaces."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def _mount(path: Path, text: str) -> tuple[str, str]:
    """The mount point above ``path`` and its file system; of two at one place the later counts."""
    found = ("/", "")
    for line in text.splitlines():
        fields, _dash, rest = line.partition(" - ")
        words = fields.split()
        if len(words) < 5 or not rest.split():
            continue
        point = unescaped(words[4])
        is_above = point == "/" or path == Path(point) or Path(point) in path.parents
        if is_above and len(point) >= len(found[0]):
            found = (point, rest.split()[0])
    return found
