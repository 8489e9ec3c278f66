# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: write and remove files beside the daemon's configuration, and let systemd and auditd know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._files import audit, managed, prune
from .._system import commands
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    # Some of it is secret, so it stays out of the host's log.
    "files": {"type": "dict", "required": True, "no_log": True},
    "remove": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
}


def execute(options: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Write files, path to text and mode, remove those that Mooring wrote, and start the timer. Raises StepError."""
    files, remove = options["files"], options["remove"]
    if prune.TIMER_PATH in remove:
        # A unit whose file is gone cannot be disabled any more.
        _systemctl("disable", "--now", prune.TIMER)
    try:
        written, removed = managed.write(files, remove)
    except OSError as error:
        raise StepError(str(error)) from error
    if any(path.startswith(prune.DIRECTORY) for path in (*written, *removed)):
        _systemctl("daemon-reload")
    if options["prune"]:
        _systemctl("enable", prune.TIMER)
        # A timer that runs keeps its old schedule.
        _systemctl("restart", prune.TIMER)
    warnings = _load_audit() if audit.PATH in (*written, *removed) else []
    return {"changed": True, "written": written, "removed": removed, "warnings": warnings}


def _systemctl(*words: str) -> None:
    answer = commands.run("systemctl", *words)
    if answer.returncode != 0:
        raise StepError(f"systemctl {' '.join(words)}: {commands.complaint(answer)}")


def _load_audit() -> list[str]:
    """A kernel that was told to keep its rules until it boots takes none (auditctl -e 2)."""
    answer = commands.run("augenrules", "--load")
    if answer.returncode == 0:
        return []
    return [f"{audit.PATH} is not in force before the next boot: augenrules --load: {commands.complaint(answer)}"]
