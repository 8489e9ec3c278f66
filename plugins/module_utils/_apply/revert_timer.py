# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead man's switch: a change that can cut the line is taken back by the host unless it is confirmed in time.

``/var/lib/mooring/confirm`` has, while a change is armed, the old files and ``revert``, a shell script that needs
neither the controller nor Python. A timer starts it; a host that was started anew in between runs it before its network
comes up. There is one switch per host: a change that is armed beside another shares its fate, and its time.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import state
from .._system import commands, observed, session

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = state.STATE / "confirm"
SCRIPT = DIRECTORY / "revert"
RECORD = DIRECTORY / "armed.json"
DEADLINE = DIRECTORY / "deadline"
REVERTED = DIRECTORY / "reverted"
SYSTEM = Path("/etc/systemd/system")
UNIT = SYSTEM / "mooring-revert.service"
AT_BOOT = SYSTEM / "sysinit.target.wants" / UNIT.name
TIMER = "mooring-revert.timer"

_SERVICE = f"""\
[Unit]
Description=Take back what Mooring changed and nobody confirmed
DefaultDependencies=no
RequiresMountsFor={DIRECTORY} /etc
After=local-fs.target
Before=network-pre.target mooring-nftables.service nftables.service docker.service docker.socket shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
ConditionPathExists={SCRIPT}

[Service]
Type=oneshot
ExecStart=/bin/sh {SCRIPT}

[Install]
WantedBy=sysinit.target
"""

_HEAD = f"""\
#!/bin/sh
# Take back what Mooring changed and nobody confirmed.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
cd {DIRECTORY} || exit 1
read -r boot until seconds < deadline
live=yes
if [ "${{1-}}" = now ]; then
    why="the change failed"
else
    # A run that is still at work holds the lock, and may confirm or prolong.
    exec 9>> {state.LOCK}
    flock 9
    [ -e revert ] || exit 0
    read -r boot until seconds < deadline
    read -r uptime idle < /proc/uptime
    if [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        why="the host was started anew before the change was confirmed"
        live=no
    elif [ "${{uptime%.*}}" -lt "$until" ]; then
        exit 0
    else
        why="nobody confirmed the change within $seconds s"
    fi
fi
failed=
try() {{ "$@" || failed="; not all of it worked, journalctl -u {UNIT.name} says what"; }}
back() {{ mkdir -p "${{2%/*}}" && cp -a "$1" "$2.mooring" && mv -fT "$2.mooring" "$2"; }}
"""

_TAIL = f"""\
echo "$(date --utc +%FT%TZ) $why$failed" > reverted
rm -f revert armed.json deadline old-* {AT_BOOT} {UNIT}
[ -z "$failed" ]
"""


class ConfirmError(Exception):
    """A change cannot be armed or confirmed; the message says why and what holds now."""


@contextlib.contextmanager
def guarded(
    owner: str, seconds: int, files: list[Path], undo: str, written: dict[Path, str | None] | None = None
) -> Iterator[None]:
    """Make a change that the host takes back unless it is confirmed within ``seconds``; with 0 it is not guarded.

    ``owner`` names whose change it is. ``files`` are all that the change writes or removes. ``undo`` is shell script
    that makes the running system follow when the files are back, its last status counts. At a boot, before the network
    comes up, it runs with ``$live`` "no". ``written`` are the older texts (None: absent) of files that were changed
    before. The caller holds the lock. A change that raises an exception is taken back at once.
    """
    if seconds == 0:
        yield
        return
    _arm(owner, seconds, files, undo, written or {})
    try:
        yield
    except Exception:
        _disarm_timer()
        commands.run("/bin/sh", str(SCRIPT), "now", timeout=3600)
        raise
    record = state.read_state(RECORD) or {}
    # A connection that is older than this moment proves nothing.
    state.write_state(RECORD, {**record, "made": _now()})
    _start_timer(seconds)


def confirm(check: bool = False) -> list[str]:
    """Keep what is armed, and return whose it was. Raises ConfirmError where nothing proves that the line holds."""
    if not SCRIPT.exists():
        if REVERTED.exists():
            raise ConfirmError(
                f"this host has gone back to its old state by itself: {(state.read(REVERTED) or '').strip()}"
            )
        return []
    record = state.read_state(RECORD) or {}
    if record.get("made") is None:
        raise ConfirmError("the armed change was never finished; run again what made it, or the host takes it back")
    current = session.current()
    if current and current.began <= record["made"]:
        raise ConfirmError(
            "this SSH connection is older than the change, and proves nothing: call meta reset_connection before; "
            "else the host takes the change back"
        )
    if not check:
        _disarm_timer()
        for path in (SCRIPT, RECORD, DEADLINE, AT_BOOT, UNIT, *DIRECTORY.glob("old-*")):
            state.write(path, None)
    return sorted(record["undo"])


def observe() -> observed.PendingConfirmation:
    """Whose changes wait to be confirmed, and when and why the host last took one back by itself."""
    record = state.read_state(RECORD) if SCRIPT.exists() else None
    return {"armed": sorted((record or {}).get("undo", {})), "reverted": (state.read(REVERTED) or "").strip() or None}


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _arm(owner: str, seconds: int, files: list[Path], undo: str, written: dict[Path, str | None]) -> None:
    """Save what is there and set the switch. What is armed already keeps the older state that it has saved."""
    record = (state.read_state(RECORD) if SCRIPT.exists() else None) or {"files": {}, "undo": {}}
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    state.STATE.chmod(0o700)
    state.write(REVERTED, None)
    for path in [*files, *written]:
        if str(path) not in record["files"]:
            name = f"old-{len(record['files'])}"
            record["files"][str(path)] = _keep(path, written[path], name) if path in written else _save(path, name)
    record["undo"].setdefault(owner, undo)
    record["made"] = None
    state.write_state(RECORD, record)
    state.write(UNIT, _SERVICE)
    AT_BOOT.parent.mkdir(exist_ok=True)
    if not AT_BOOT.is_symlink():
        AT_BOOT.symlink_to(UNIT)
    _start_timer(seconds)
    state.write(SCRIPT, script(record["files"], record["undo"]), 0o700)


def _save(path: Path, name: str) -> str | None:
    """Copy a file or link with all that belongs to it, or note that there is none."""
    if not path.is_symlink() and not path.exists():
        return None
    done = commands.run("cp", "-a", "-T", "--remove-destination", str(path), str(DIRECTORY / name))
    if done.returncode != 0:
        raise ConfirmError(f"{path} could not be saved, nothing was changed: {done.stderr.strip()}")
    return name


def _keep(path: Path, text: str | None, name: str) -> str | None:
    """Note an older text of a file."""
    if text is None:
        return None
    state.write(DIRECTORY / name, text, state.mode_of(path))
    return name


def _start_timer(seconds: int) -> None:
    """From now on the host waits ``seconds``."""
    _disarm_timer()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    state.write(DEADLINE, f"{boot} {int(_now() + seconds)} {seconds}\n")
    done = commands.run(
        *("systemd-run", "--quiet", f"--unit={UNIT.name}", f"--on-active={seconds}s"),
        *("--timer-property=AccuracySec=100ms", "--timer-property=RemainAfterElapse=no"),
    )
    if done.returncode != 0:
        raise ConfirmError(f"the timer that takes the change back could not be started: {done.stderr.strip()}")


def _disarm_timer() -> None:
    commands.run("systemctl", "stop", TIMER)


def script(files: dict[str, str | None], undo: dict[str, str]) -> str:
    """The revert script: old files back, each whole, then the running system."""
    lines = [
        f"try rm -f {shlex.quote(path)}" if name is None else f"try back {name} {shlex.quote(path)}"
        for path, name in files.items()
    ]
    if any(path.startswith(f"{SYSTEM}/") for path in files):
        lines.append("try systemctl daemon-reload")
    for text in undo.values():
        lines.append(f"undo() {{\n{text.rstrip()}\n}}\ntry undo")
    return _HEAD + "\n".join(lines) + "\n" + _TAIL
