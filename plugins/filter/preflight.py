# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ask about declared variables and observed hosts, on the controller and without a trip."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils import (
    _addresses,
    _endpoint_filter,
    _endpoints,
    _networks,
    _nftables,
    _plan,
    _platform,
    _published,
    _rules,
    _sysctls,
)


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "address_collisions": _addresses.collisions,
            "address_plan": _plan.plan,
            "bridge_problems": _published.bridge_problems,
            "connection_problem": _platform.connection_problem,
            "client_problems": _endpoint_filter.problems,
            "daemon_hosts": _endpoints.daemon_hosts,
            "endpoint_filter": _endpoint_filter.rules,
            "filter_due": _nftables.due,
            "endpoint_problems": _endpoints.problems,
            "host_problem": _platform.problem,
            "live_collisions": _addresses.live_collisions,
            "network_plan": _networks.plan,
            "network_problems": _addresses.network_problems,
            "observed_endpoints": _endpoints.observed,
            "option_problems": _rules.problems,
            "published_host_problems": _published.host_problems,
            "published_problems": _published.problems,
            "published_rules": _published.rules,
            "published_surroundings": _published.surroundings,
            "range_problems": _addresses.range_problems,
            "reached_endpoints": _endpoints.reached,
            "slot_problem": _plan.slot_problem,
            "socket_paths": _endpoints.socket_paths,
            "sysctl_host_problems": _sysctls.host_problems,
            "sysctl_plan": _sysctls.plan,
            "sysctl_problems": _sysctls.problems,
            "sysctls_wanted": _sysctls.wanted,
        }
