# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks about certificates and clients ask, on the controller and without a trip."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.plugin_utils import fleet, removal
from ansible_collections.mooring.docker.plugins.plugin_utils.injected_facts import refused
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation import plan


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "controller_problems": fleet.controller_problems,
            "fleet": fleet.resolve,
            "fleet_restart_problems": fleet.restart_problems,
            "removal_plan": refused(removal.plan),
            "removal_problems": removal.problems,
            "removal_summary": refused(removal.summary),
            "rotation_plan": refused(plan.plan),
        }
