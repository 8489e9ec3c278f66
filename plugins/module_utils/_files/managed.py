# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the role docker_engine declares beside the configuration of the daemon, and what a host has of them.

Mooring removes only what it has written: ``/var/lib/mooring/files.json`` lists it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from .._config import redaction, state
from .._system import commands, observed
from . import audit, prune

RECORD = state.STATE / "files.json"
"""The paths of the files that Mooring has written here."""

_SECRET = "(secret, not shown)\n"


class HostFile(TypedDict):
    """A file as it is declared. ``mode`` is octal text; one that is root's alone, "0600", is not shown."""

    text: str
    mode: str


def recorded() -> set[str]:
    """The paths of the files that Mooring has written on this host."""
    return set(state.read_state(RECORD) or [])


def observe(declared: Mapping[str, HostFile] | None) -> observed.HostFiles:
    """What of ``declared``, path to file, differs on this host, and what is left of an earlier declaration.

    None is for who knows nothing of a declaration.
    """
    if declared is None:
        return {"differing": [], "leftover": [], "diff": [], "prune": None, "schedule": None}
    wanted = {path: file for path, file in declared.items() if applies(path)}
    differing = sorted(path for path, file in wanted.items() if not _is_as(Path(path), file))
    leftover = sorted(path for path in recorded() - wanted.keys() if Path(path).exists())
    return {
        "differing": differing,
        "leftover": leftover,
        "diff": [_difference(Path(path), wanted.get(path)) for path in [*differing, *leftover]],
        "prune": _prune() if prune.TIMER_PATH in wanted else None,
        "schedule": _schedule_problem(wanted[prune.TIMER_PATH]["text"]) if prune.TIMER_PATH in differing else None,
    }


def applies(path: str) -> bool:
    """Whether a host has what reads the file: auditd is on few."""
    if path != audit.PATH:
        return True
    return Path(path).parent.is_dir() and shutil.which("augenrules", path="/usr/sbin:/sbin") is not None


def _is_as(path: Path, file: HostFile) -> bool:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        return path.read_bytes() == file["text"].encode() and mode == int(file["mode"], 8)
    except OSError:
        return False


def _difference(path: Path, file: HostFile | None) -> dict[str, str]:
    """One entry of Ansible's diff. What was there may be as secret as what comes."""
    before = path.read_bytes().decode(errors="replace") if path.is_file() else ""
    after = file["text"] if file else ""
    was_secret = bool(before) and stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    if was_secret or (file is not None and file["mode"] == "0600"):
        before, after = before and _SECRET, after and _SECRET
    before, after = redaction.scrubbed([before, after], ())
    return {"before": before, "after": after, "before_header": str(path), "after_header": str(path)}


def _prune() -> observed.Prune:
    timer, service = commands.unit_properties(prune.TIMER), commands.unit_properties(prune.SERVICE)
    return {
        "active": timer.get("ActiveState"),
        "enabled": timer.get("UnitFileState"),
        "result": service.get("Result"),
    }


def _schedule_problem(timer: str) -> str | None:
    """Why this host's systemd does not take the schedule, which it would say only when the timer is there."""
    match = re.search(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    answer = commands.run("systemd-analyze", "calendar", match[1] if match else "")
    return None if answer.returncode in (0, 127) else f"{match[1] if match else ''}: {commands.complaint(answer)}"


def write(files: Mapping[str, HostFile], remove: list[str]) -> tuple[list[str], list[str]]:
    """Write ``files`` and remove what Mooring has written of ``remove``; returns the paths of both. Raises OSError.

    At any moment the record has all that was written. What somebody else has written is kept before it is replaced.
    """
    ours = recorded()
    written = [path for path in sorted(files) if applies(path)]
    state.write_state(RECORD, sorted(ours.union(written)))
    for path in written:
        if path not in ours:
            state.backup(Path(path))
        state.write(Path(path), files[path]["text"], int(files[path]["mode"], 8))
    removed = [path for path in sorted(remove) if path in ours and path not in written]
    for path in removed:
        state.write(Path(path), None)
        with contextlib.suppress(OSError):  # It has other files, or is a link.
            Path(path).parent.rmdir()
    state.write_state(RECORD, sorted(ours.union(written).difference(removed)))
    return written, removed
