# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks about certificates and clients ask, on the controller and without a trip."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.plugin_utils import fleet, removal, trust


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "client_trust": trust.combined,
            "client_trust_lacking": trust.lacking,
            "fleet": fleet.resolve,
            "removal_declared": removal.declared,
            "removal_plan": removal.plan,
            "removal_summary": removal.summary,
            "restart_problems": fleet.restart_problems,
        }
