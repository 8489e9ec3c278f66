# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The revert timer: the host reverts a change that can lose the connection, unless the change is confirmed in time.

A timer starts the script that ``_apply.revert_script`` makes; a host that is booted meanwhile runs it before its
network comes up. There is one timer per host: a change that is made while another is pending is confirmed or reverted
together with it, and sets the time anew.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import pending, state
from .._system import commands, session
from . import revert_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TIMER = "mooring-revert.timer"

_SERVICE = f"""\
[Unit]
Description=Take back what Mooring changed and nobody confirmed
DefaultDependencies=no
RequiresMountsFor={pending.DIRECTORY} /etc
After=local-fs.target
Before=network-pre.target mooring-nftables.service nftables.service docker.service docker.socket shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
ConditionPathExists={pending.SCRIPT}

[Service]
Type=oneshot
ExecStart=/bin/sh {pending.SCRIPT}

[Install]
WantedBy=sysinit.target
"""


class ConfirmError(Exception):
    """A change cannot be put under the timer, or not be confirmed; the message says why and what holds now."""


@contextlib.contextmanager
def guarded(
    owner: str,
    seconds: int,
    files: Sequence[Path],
    undo: str,
    written: dict[Path, str | None] | None = None,
    is_undone: Callable[[Exception], bool] = lambda _error: False,
) -> Iterator[None]:
    """Make a change that the host reverts unless it is confirmed within ``seconds``; with 0 there is no timer.

    ``owner`` names whose change it is. ``files`` are all that the change writes or removes. ``undo`` is shell script
    that makes the running system follow when the files are back, its last status counts. At a boot, before the network
    comes up, it runs with ``$live`` "no". ``written`` are the older texts (None: absent) of files that were changed
    before. The caller holds the lock. A change that raises an exception is reverted at once, and so is one that cannot
    be left pending. Where the exception is one after which the change ``is_undone``, only what was pending before is
    reverted.
    """
    if seconds == 0:
        yield
        return
    before = _record()
    _prepare(owner, seconds, files, undo, written or {})
    try:
        yield
        _leave_pending(seconds)
    except Exception as error:
        if is_undone(error):
            _write_script(before)
        _revert_now()
        raise


def confirm(check: bool = False) -> list[str]:
    """Keep what is pending, and return whose it was. Raises ConfirmError where nothing proves that it may be kept."""
    record = pending.record()
    if record is None:
        reverted = pending.reverted()
        if reverted is not None:
            raise ConfirmError(f"this host has gone back to its old state by itself: {reverted}")
        return []
    if record["made"] is None:
        raise ConfirmError("the pending change was never finished; run again what made it, or the host reverts it")
    connection = session.current()
    if connection and connection.began <= record["made"]:
        raise ConfirmError(
            "this SSH connection is older than the change, and proves nothing: call meta reset_connection before; "
            "else the host reverts the change"
        )
    if not check:
        _stop_timer()
        copies = pending.DIRECTORY.glob("old-*")
        for path in (pending.SCRIPT, pending.RECORD, pending.DEADLINE, pending.AT_BOOT, pending.UNIT, *copies):
            state.write(path, None)
    return sorted(record["undo"])


def _record() -> pending.Record:
    """The pending change, or the beginning of one."""
    return pending.record() or {"files": {}, "undo": {}, "made": None}


def _now() -> float:
    """Seconds since the host's boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _prepare(owner: str, seconds: int, files: Sequence[Path], undo: str, written: dict[Path, str | None]) -> None:
    """Save what is there and start the timer. What is pending already keeps the older state that it has saved."""
    record = _record()
    try:
        pending.DIRECTORY.mkdir(parents=True, exist_ok=True)
        state.STATE.chmod(0o700)
        state.write(pending.REVERTED, None)
        for path in [*files, *written]:
            if str(path) not in record["files"]:
                name = f"old-{len(record['files'])}"
                is_written = path in written
                record["files"][str(path)] = _keep(path, written[path], name) if is_written else _save(path, name)
        record["undo"].setdefault(owner, undo)
        record["made"] = None
        state.write_state(pending.RECORD, record)
        state.write(pending.UNIT, _SERVICE)
        pending.AT_BOOT.parent.mkdir(exist_ok=True)
        if not pending.AT_BOOT.is_symlink():
            pending.AT_BOOT.symlink_to(pending.UNIT)
        try:
            _start_timer(seconds)
        except ConfirmError:
            # Nothing would revert what is pending already.
            if pending.SCRIPT.exists():
                _revert_now()
            raise
        _write_script(record)
    except OSError as error:
        raise ConfirmError(f"the change was not begun, for what it replaces could not be saved: {error}") from error


def _write_script(record: pending.Record) -> None:
    state.write(pending.SCRIPT, revert_script.script(record["files"], record["undo"]), 0o700)


def _leave_pending(seconds: int) -> None:
    """The change is made; from now on the host waits."""
    try:
        # A connection that is older than this moment proves nothing.
        state.write_state(pending.RECORD, {**_record(), "made": _now()})
        _start_timer(seconds)
    except OSError as error:
        raise ConfirmError(f"the change was reverted, for it could not be left pending: {error}") from error


def _save(path: Path, name: str) -> str | None:
    """Copy a file or link with all that belongs to it, or note that there is none."""
    if not path.is_symlink() and not path.exists():
        return None
    done = commands.run("cp", "-a", "-T", "--remove-destination", str(path), str(pending.DIRECTORY / name))
    if done.returncode != 0:
        raise ConfirmError(f"{path} could not be saved, nothing was changed: {commands.complaint(done)}")
    return name


def _keep(path: Path, text: str | None, name: str) -> str | None:
    """Note an older text of a file."""
    if text is None:
        return None
    state.write(pending.DIRECTORY / name, text, state.mode_of(path))
    return name


def _start_timer(seconds: int) -> None:
    """From now on the host waits ``seconds``. A timer that runs goes on where the deadline cannot be written."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    state.write(pending.DEADLINE, f"{boot} {int(_now() + seconds)} {seconds}\n")
    _stop_timer()
    done = commands.run(
        *("systemd-run", "--quiet", f"--unit={pending.UNIT.name}", f"--on-active={seconds}s"),
        *("--timer-property=AccuracySec=100ms", "--timer-property=RemainAfterElapse=no"),
    )
    if done.returncode != 0:
        raise ConfirmError(f"the revert timer could not be started: {commands.complaint(done)}")


def _stop_timer() -> None:
    commands.run("systemctl", "stop", TIMER)


def _revert_now() -> None:
    _stop_timer()
    commands.run("/bin/sh", str(pending.SCRIPT), "now", timeout=3600)
