# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects within ``daemon.json``: which fields they may have.

Go matches the names of their fields without regard to case, keeps the last of two that are the same, and ignores those
that it does not know; what was meant is then not what is in force.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from .values import Check


def field_problem(value: Any, fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> str | None:
    """What is wrong with the object ``value``, in a sentence that begins with a field, or None.

    ``fields`` are those that it may have, with what each must be.
    """
    if not isinstance(value, dict):
        return f"must be a mapping of {', '.join(fields)}"
    known = {name.lower(): name for name in fields}
    seen: dict[str, str] = {}
    for key, one in value.items():
        name = known.get(str(key).lower())
        if name is None:
            near = difflib.get_close_matches(str(key).lower(), known, n=1)
            hint = f"did you mean {known[near[0]]}?" if near else f"there are {', '.join(fields)}"
            return f"{key} is no field of it; {hint}"
        if name in seen:
            return f"{seen[name]} and {key} are the same field, of which dockerd would take the last"
        seen[name] = str(key)
        problem = fields[name](one)
        if problem:
            return f"{key} {problem}, not {one!r}" if problem.startswith("must") else f"{key}: {problem}"
    missing = [name for name in required if name not in seen]
    return f"{missing[0]} is missing" if missing else None


def field(value: dict[str, Any], name: str) -> Any:
    """The field ``name`` of an object however it is written, None where it is not there."""
    return next((one for key, one in value.items() if str(key).lower() == name.lower()), None)
