# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: install packages without starting a service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
        packages = apt.install(required, optional, check_mode)
    except (apt.AptError, OSError) as error:
        raise StepError(str(error)) from error
    lines = "".join(f"{name}\n" for name in packages)
    diff = {"before": "", "after": lines, "after_header": "installed packages"}
    return {"changed": bool(packages), "packages": packages, **({"diff": diff} if packages else {})}
