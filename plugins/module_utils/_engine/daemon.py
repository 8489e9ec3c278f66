# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running daemon, as systemd, the kernel and its own API show it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from pathlib import Path

from .._config import options, state, units
from .._config.endpoints import normal_path
from .._config.fragments import ConfigError, parse
from .._config.options import Config
from .._config.state import Inputs
from .._system import commands

TO_COME = "to come"
"""Stands for the digest of a TLS file that something later in the play makes."""

SERVICE = "docker.service"
SOCKET = "docker.socket"


def dockerd() -> str | None:
    """The path of the daemon's program, or None where no engine is installed."""
    return shutil.which("dockerd", path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")


def version(text: str) -> tuple[int, int] | None:
    """(major, minor) in a text such as "Docker version 28.5.2+dfsg3, build ..."."""
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def installed_version() -> tuple[int, int] | None:
    """The engine's (major, minor), asked from the program itself, or None."""
    program = dockerd()
    return version(commands.run(program, "--version").stdout) if program else None


class Life(state.Instance):
    """One life of the daemon, with its start in seconds since the epoch."""

    started: float


def instance(pid: int) -> Life | None:
    """This life of the process, or None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    ticks = int(stat.rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return {"pid": pid, "ticks": ticks, "boot": boot, "started": time.time() - age}


def in_swarm(config: Config) -> bool:
    """Whether this host is a node of a swarm, also while its daemon does not run (moby, daemon/cluster: stateFile)."""
    return Path(str(config.get("data-root", "/var/lib/docker")), "swarm", "docker-state.json").exists()


def unit_texts(show: dict[str, str], ours: Path) -> tuple[list[str], list[Path]]:
    """The texts of a unit and its drop-ins in systemd's order without ``ours``, and their paths."""
    paths = [Path(show["FragmentPath"])] if show.get("FragmentPath") else []
    paths += [Path(path) for path in show.get("DropInPaths", "").split() if Path(path) != ours]
    found = [(path, state.read(path)) for path in paths]
    return [text for _path, text in found if text is not None], [path for path, text in found if text is not None]


def exec_starts(show: dict[str, str]) -> tuple[list[str], str]:
    """The ExecStart lines of docker.service as they are without Mooring, and the file they stem from."""
    texts, paths = unit_texts(show, state.SERVICE_DROP_IN)
    lines: list[str] = []
    source = show.get("FragmentPath", "")
    for text, path in zip(texts, paths):
        if any(key == "ExecStart" for _section, key, _value in units.settings(text)):
            source = str(path)
    lines = units.values(texts, "Service", "ExecStart")
    return lines, source


def environment_of(show: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Variables that the unit's EnvironmentFiles give dockerd: name to (value, file)."""
    found = {}
    for name in re.findall(r"(/\S+)", show.get("EnvironmentFiles", "")):
        text = state.read(Path(name)) or ""
        found.update({key: (value, name) for key, value in units.environment(text).items()})
    return found


def inputs(
    config: Config, show: dict[str, str], files: dict[Path, str | None] | None = None, tls_to_come: bool = False
) -> Inputs:
    """All that the daemon would read if it started now.

    ``files`` are texts that are not written yet. ``tls_to_come`` tells that the TLS files will be others.
    """
    files = files or {}
    service, socket = (
        files[path] if path in files else state.read(path) for path in (state.SERVICE_DROP_IN, state.SOCKET_DROP_IN)
    )
    texts, _paths = unit_texts(show, state.SERVICE_DROP_IN)
    if service is not None:
        texts.append(service)
    variables = {name: value for name, (value, _file) in environment_of(show).items()}
    start_commands = [units.command(line, variables) for line in units.values(texts, "Service", "ExecStart")]
    return {
        "config": config,
        "command": start_commands,
        "socket": socket or "",
        "tls": {
            key: TO_COME if tls_to_come else state.file_digest(str(config[key]))
            for key in ("tlscacert", "tlscert", "tlskey")
            if isinstance(config.get(key), str)
        },
    }


def _newest_change(show: dict[str, str], config: Config) -> float:
    """When, in seconds since the epoch, a file that the daemon reads at its start last changed."""
    paths = [state.DAEMON_JSON, state.SERVICE_DROP_IN, state.SOCKET_DROP_IN]
    paths += [Path(path) for path in show.get("DropInPaths", "").split()]
    paths += [Path(path) for path in re.findall(r"(/\S+)", show.get("EnvironmentFiles", ""))]
    paths += [Path(str(config[key])) for key in ("tlscacert", "tlscert", "tlskey") if key in config]
    read = [path for path in paths if not path.match(str(state.FILTER_DROP_INS)) and path.exists()]
    return max((path.stat().st_ctime for path in read), default=0.0)


def applied(show: dict[str, str], config: Config) -> Inputs | None:
    """What the running daemon has read, or None where that is unknown.

    Mooring's record counts for the life of the daemon in which it was made. A start by somebody else counts too: if no
    file has changed since, the daemon has read the files as they are.
    """
    now = instance(int(show.get("MainPID", "0") or 0))
    if now is None:
        return None
    record: state.Applied | None = state.read_state(state.APPLIED)
    if record and record["instance"] == _identity(now):
        return record["inputs"]
    if _newest_change(show, config) < now["started"]:
        return inputs(config, show)
    return None


def _identity(life: Life) -> state.Instance:
    return {"pid": life["pid"], "ticks": life["ticks"], "boot": life["boot"]}


def record_applied(show: dict[str, str], seen: Inputs) -> None:
    """Record that the running daemon has read ``seen``."""
    now = instance(int(show.get("MainPID", "0") or 0))
    if now is not None:
        record: state.Applied = {"instance": _identity(now), "inputs": seen}
        if state.read_state(state.APPLIED) != record:
            state.write_state(state.APPLIED, record)


def secrets() -> set[str]:
    """The secrets of all configurations that this host keeps: of now, of the last good state, of the running daemon."""
    found = set()
    for path in (state.DAEMON_JSON, *state.FRAGMENTS.glob("*.json")):
        with contextlib.suppress(ConfigError):
            found.update(options.secrets(parse(state.read(path) or "", str(path))))
    for name, text in (state.read_state(state.GOOD) or {}).items():
        if text and name.endswith(".json"):
            with contextlib.suppress(ConfigError):
                found.update(options.secrets(parse(text, name)))
    record = state.read_state(state.APPLIED)
    return found | (options.secrets(record["inputs"]["config"]) if record else set())


def socket_paths(drop_in: str | None = None) -> list[str]:
    """The UNIX sockets of docker.socket with Mooring's drop-in as it is on disk, or as given ("" for none)."""
    texts, _paths = unit_texts(commands.unit_properties(SOCKET), state.SOCKET_DROP_IN)
    texts.append((state.read(state.SOCKET_DROP_IN) or "") if drop_in is None else drop_in)
    return [normal_path(path) for path in units.values(texts, "Socket", "ListenStream") if path.startswith("/")]


def loaded_socket_paths() -> list[str]:
    """The UNIX sockets of docker.socket as systemd has loaded it, which may be an older state than the files."""
    output = commands.run("systemctl", "show", SOCKET, "-p", "Listen", "--value").stdout
    return [normal_path(path) for path in re.findall(r"^(/\S+) \(Stream\)$", output, re.MULTILINE)]


def _said_since(moment: float) -> list[str]:
    """dockerd's lines in the journal since ``moment`` (seconds since the epoch)."""
    output = commands.run("journalctl", "-u", SERVICE, "-o", "json", "--no-pager", f"--since=@{int(moment)}").stdout
    lines = []
    for text in output.splitlines():
        try:
            entry = json.loads(text)
        except json.JSONDecodeError:
            continue
        stamp = int(entry.get("__REALTIME_TIMESTAMP", "0")) / 1e6
        # Not _COMM, which the journal does not know any more of a process that died with its last line.
        if entry.get("SYSLOG_IDENTIFIER") == "dockerd" and stamp >= moment:
            lines.append(str(entry.get("MESSAGE", "")))
    return lines


def error_since(moment: float) -> str | None:
    """dockerd's own reason for not starting, from the journal since ``moment`` (seconds since the epoch), if any."""
    lines = _said_since(moment)
    # What dockerd dies of is its last line; a daemon that was stopped before has words of its own.
    for marker in ("failed to start", "failed to load", "unable to configure", "level=fatal", "level=error"):
        for line in reversed(lines):
            if marker in line:
                # Some list every network they tried.
                return line if len(line) < 500 else f"{line[:250]} ... {line[-200:]}"
    return lines[-1] if lines else None


def reload_error_since(moment: float) -> str | None:
    """dockerd's own reason for not reloading (moby, cmd/dockerd/daemon.go and daemon_unix.go), if it has one."""
    markers = ("rror reconfiguring the daemon", "rror validating authorization plugin", "unable to configure")
    return next((line for line in reversed(_said_since(moment)) if any(mark in line for mark in markers)), None)
