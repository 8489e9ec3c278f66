# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: install packages without starting a service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._config import state
from .._system import apt
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    "required": {"type": "list", "elements": "str", "required": True},
    "optional": {"type": "list", "elements": "str", "default": []},
}


def execute(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """As mooring.docker.install_packages does. Raises StepError."""
    required, optional = options["required"], options["optional"]
    for name in [*required, *optional]:
        # What begins with a dash would be an option, and what ends with one a removal.
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]*[a-z0-9.]", name):
            raise StepError(f"{name!r} is no name of a package: write small letters, digits, + - and .")
    try:
        finished, packages = _install(required, optional, check_mode)
    except (apt.AptError, OSError) as error:
        raise StepError(str(error)) from error
    lines = "".join(f"{name}\n" for name in dict.fromkeys([*finished, *packages]))
    diff = {"before": "", "after": lines, "after_header": "installed packages"}
    changed = bool(finished or packages)
    return {"changed": changed, "packages": packages, "finished": finished, **({"diff": diff} if changed else {})}


def _install(required: list[str], optional: list[str], check_mode: bool) -> tuple[list[str], list[str]]:
    """What was finished, and what was installed. Raises AptError and OSError."""
    if check_mode:
        return sorted(apt.unfinished([])), apt.install(required, optional, check_mode=True)
    # Where this run is cut, the next one knows that it is to finish also what nothing else asks for.
    state.write_state(state.INSTALLING, {"required": required, "optional": optional})
    done = apt.finish(required), apt.install(required, optional)
    state.write(state.INSTALLING, None)
    return done
