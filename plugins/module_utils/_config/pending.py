# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change that waits to be confirmed, as the host keeps it in ``/var/lib/mooring/confirm``.

While a change is pending, the directory has the old files, what the change was, and ``revert``, the script that takes
it back. ``_apply.revert_timer`` writes all of it; everybody may read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from .._system.observed import PendingConfirmation
from . import state

SYSTEM = Path("/etc/systemd/system")
DIRECTORY = state.STATE / "confirm"
SCRIPT = DIRECTORY / "revert"
RECORD = DIRECTORY / "armed.json"
DEADLINE = DIRECTORY / "deadline"
REVERTED = DIRECTORY / "reverted"
UNIT = SYSTEM / "mooring-revert.service"
AT_BOOT = SYSTEM / "sysinit.target.wants" / UNIT.name


class Record(TypedDict):
    """What ``armed.json`` keeps."""

    files: dict[str, str | None]
    """Each path that the change writes, to the name of its copy in the directory; None where there was no file."""
    undo: dict[str, str]
    """Each owner of a change, to the shell script by which the running system follows once the files are back."""
    made: float | None
    """When the change was complete, in seconds since the host's boot; None before."""


def record() -> Record | None:
    """The pending change, or None where none is."""
    found: Record | None = state.read_state(RECORD) if SCRIPT.exists() else None
    return found


def observe() -> PendingConfirmation:
    """Whose changes are pending, and when and why the host last reverted one by itself."""
    pending = record()
    return {"armed": sorted(pending["undo"]) if pending else [], "reverted": reverted()}


def reverted() -> str | None:
    """When and why the host last reverted a change by itself; None where it did not, or another was made since."""
    return (state.read(REVERTED) or "").strip() or None
