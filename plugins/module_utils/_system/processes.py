# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's processes by the users and groups that they act as, and how some of them are ended.

A container's processes have numbers of the same users and groups as the host's, and are none of theirs: they are left
out here.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

PROC = Path("/proc")
_PATIENCE = 1.0
"""Seconds."""

# ioctl_ns(2)
_NS_GET_PARENT = 0xB702
_NS_GET_OWNER_UID = 0xB704

_IDENTIFIER = re.compile(r"[0-9a-f]{64}")


class EndError(Exception):
    """Processes are there that should have ended; the message names some."""


@dataclass(frozen=True)
class Process:
    """One process: its ``name`` (comm), and the ids it acts as.

    ``users`` are the real, effective, saved and filesystem user id, or the user whose user namespace it is in;
    ``groups`` are the same of groups and the supplementary ones.
    """

    pid: int
    parent: int
    name: str
    users: frozenset[int]
    groups: frozenset[int]


def running() -> Iterator[Process]:
    """Every process of the host that is none of a container's, and no zombie."""
    for directory in PROC.iterdir():
        # One that has ended meanwhile is none.
        with contextlib.suppress(OSError):
            found = _read(directory) if directory.name.isdigit() else None
            if found:
                yield found


def _read(directory: Path) -> Process | None:
    text = (directory / "status").read_text(encoding="utf-8", errors="replace")
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    if status["State"][0] in "ZX" or _is_containers(directory, len(status["NSpid"].split()) > 1):
        return None
    maker = _maker(directory / "ns/user")
    return Process(
        int(status["Pid"]),
        int(status["PPid"]),
        status["Name"],
        frozenset([maker] if maker else map(int, status["Uid"].split())),
        frozenset(map(int, (status["Gid"] + " " + status["Groups"]).split())),
    )


def _maker(namespace: Path) -> int:
    """The user who made a process's user namespace, the outermost of several; root for the host's own.

    In it the user acts by other numbers (subuid(5)), and has kept the groups.
    """
    found = 0
    # A kernel that does not tell has none.
    with contextlib.suppress(OSError), contextlib.ExitStack() as opened:

        def keep(descriptor: int) -> int:
            opened.callback(os.close, descriptor)
            return descriptor

        host = (PROC / "1/ns/user").stat().st_ino
        one = keep(os.open(namespace, os.O_RDONLY))
        while os.fstat(one).st_ino != host:
            uid = array.array("I", [0])
            fcntl.ioctl(one, _NS_GET_OWNER_UID, uid)
            found = uid[0]
            one = keep(fcntl.ioctl(one, _NS_GET_PARENT))
    return found


def _is_containers(directory: Path, nested: bool) -> bool:
    """Whether a process runs in a container that root has made.

    It is in a PID namespace of its own (``nested``), or in a control group that has a container's id for its name, as
    with ``docker run --pid host``. What a user can make without being root does not count: namespaces inside a user
    namespace, and control groups below the user's own slice.
    """
    if nested:
        return (directory / "ns/user").readlink() == (PROC / "1/ns/user").readlink()
    groups = (directory / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = [line.split(":", 2)[2] for line in groups]
    return any(_IDENTIFIER.search(path) and not path.startswith("/user.slice/") for path in paths)


def title(process: Process) -> str:
    """The command line of a process, or what it has written over that."""
    try:
        text = (PROC / str(process.pid) / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.replace("\0", " ").strip()


def program(process: Process) -> str:
    """The name of the file that a process runs, also where a newer one has taken its place; empty for the kernel's."""
    try:
        return (PROC / str(process.pid) / "exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return ""


def ancestors() -> set[int]:
    """The ids of this very process and of those above it, up to the server that took its connection."""
    found, pid = set(), os.getpid()
    while pid > 1:
        found.add(pid)
        pid = int(
            (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        )
    return found


def end(
    chosen: Callable[[Process], bool], asked: Callable[[Process], bool] = lambda _process: False, timeout: float = 10.0
) -> int:
    """Kill the processes that are ``chosen``, also those that they start meanwhile; returns how many there were.

    Those that are ``asked`` have a moment to end by themselves.

    Raises EndError where some are still there after ``timeout`` seconds.
    """
    ended: set[int] = set()
    start = time.monotonic()
    while True:
        left = [process for process in running() if chosen(process)]
        if not left:
            return len(ended)
        if time.monotonic() > start + timeout:
            names = ", ".join(f"{process.name} (pid {process.pid})" for process in left[:5])
            raise EndError(f"{len(left)} processes did not end within {timeout:.0f} seconds, or came back: {names}")
        for process in left:
            is_asked = asked(process) and time.monotonic() < start + _PATIENCE
            _signal(process, chosen, signal.SIGTERM if is_asked else signal.SIGKILL)
            ended.add(process.pid)
        time.sleep(0.05)


def _signal(process: Process, chosen: Callable[[Process], bool], number: signal.Signals) -> None:
    """Signal exactly this process: its id may have become another's since it was seen."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(process.pid)
        try:
            now = _read(PROC / str(process.pid))
            if now and chosen(now):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
