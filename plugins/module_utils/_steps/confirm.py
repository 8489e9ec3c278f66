# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: confirm what the host would otherwise revert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._apply import revert_timer
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {}


def execute(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """As mooring.docker.confirm does. Raises StepError."""
    try:
        confirmed = revert_timer.confirm(check_mode)
    except revert_timer.ConfirmError as error:
        raise StepError(str(error)) from error
    return {"changed": bool(confirmed), "confirmed": confirmed}
