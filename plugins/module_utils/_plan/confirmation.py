# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a change of an earlier run still waits to be confirmed. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._engine.daemon import SERVICE

if TYPE_CHECKING:
    from .declaration import Declaration
    from .observation import Observation
    from .steps import Step

_FILTERS = {"published_filter", "endpoint_filter"}
"""Steps that confirm all that is pending."""


def step(declaration: Declaration, observation: Observation, others: list[Step]) -> Step | None:
    """Confirm what is pending, unless one of the ``others`` of this plan confirms it."""
    pending = observation.host["confirm"]["armed"]
    names = {other["name"] for other in others}
    if not pending or names & _FILTERS or ("apply" in names and SERVICE in pending):
        return None
    return {
        "name": "confirm",
        "role": "docker_engine" if declaration["engine"] else "docker_network",
        "summary": f"confirm the pending change of {', '.join(pending)}",
        "reasons": ["an earlier run did not confirm it, and the host would revert it"],
        "effects": [],
        "parameters": {"pending": pending},
        "diff": [],
    }
