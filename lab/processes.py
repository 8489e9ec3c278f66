"""Finding and signalling the nspawn process of a host.

The kernel is asked each time which process runs a machine's directory; nothing is remembered, so a run
killed at any moment leaves no stale record, and a process number used again is never mistaken: the signal
goes through a pidfd that was opened before the process was looked at.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# nspawn itself, what becomes nspawn by exec, and the shell that starts it again when the host reboots.
PROGRAMS = frozenset({"systemd-nspawn", "sh", "dash", "bash", "unshare", "systemd-run"})
PROC = Path("/proc")
POWER_OFF = signal.SIGRTMIN + 4  # what systemd as PID 1 takes as `poweroff`


def running(root: Path) -> list[int]:
    """The processes that are, or are about to become, the machine with this root directory."""
    return [pid for pid in _all() if _boots(pid, root)]


def power_off(root: Path) -> bool:
    """Ask the machine's own PID 1 to power off; False if there is none to ask (yet)."""
    supervisors = set(running(root))
    asked = False
    for pid in _all():
        asked |= _signal(pid, POWER_OFF, lambda pid: _is_leader(pid, supervisors))
    return asked


def kill(root: Path) -> None:
    """End the machine at once. Its processes go with it: the kernel ends a PID namespace with its PID 1."""
    for pid in running(root):
        _signal(pid, signal.SIGKILL, lambda pid: _boots(pid, root))


def wait_gone(roots: Iterable[Path], seconds: float) -> bool:
    """Whether the machines ended within the time."""
    deadline = time.monotonic() + seconds
    left = list(roots)
    while True:
        left = [root for root in left if running(root)]
        if not left or time.monotonic() > deadline:
            return not left
        time.sleep(0.05)


def _all() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _boots(pid: int, root: Path) -> bool:
    try:
        arguments = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        if f"--directory={root}".encode() not in arguments:
            return False
        program = (PROC / str(pid) / "comm").read_text().strip()
        return program in PROGRAMS and _namespace(pid) == _namespace(os.getpid())
    except OSError:
        return False


def _is_leader(pid: int, supervisors: set[int]) -> bool:
    """PID 1 of a machine: a child of its nspawn, and number 1 in a PID namespace of its own."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    numbers = fields.get("NSpid", "").split()
    return int(fields["PPid"]) in supervisors and len(numbers) > 1 and numbers[-1] == "1"


def _namespace(pid: int) -> str:
    return str((PROC / str(pid) / "ns/pid").readlink())


def _signal(pid: int, number: int, check: Callable[[int], bool]) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not check(pid):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
        return True
    finally:
        os.close(descriptor)
