# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: bring the group of the daemon's socket to its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._engine import socket_group
from .._system import processes
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    "group": {"type": "str", "required": True},
    "users": {"type": "list", "elements": "str", "default": []},
    "exclusive": {"type": "bool", "default": False},
    "absent": {"type": "list", "elements": "str", "default": []},
}


def execute(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """As mooring.docker.socket_group does. Raises StepError."""
    declared = socket_group.Declaration(options["group"], options["users"], options["exclusive"], options["absent"])
    try:
        return socket_group.ensure(declared, check_mode)
    except (socket_group.GroupError, processes.EndError) as error:
        raise StepError(str(error)) from error
