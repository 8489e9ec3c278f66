# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ask about declared variables and observed hosts, on the controller and without a trip."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils._config import endpoints, validation
from ansible_collections.mooring.docker.plugins.module_utils._firewall import endpoint_filter, nftables, published
from ansible_collections.mooring.docker.plugins.module_utils._network import address_plan, addresses, networks, sysctls
from ansible_collections.mooring.docker.plugins.module_utils._system import platforms


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "address_collisions": addresses.collisions,
            "address_plan": address_plan.plan,
            "bridge_problems": published.bridge_problems,
            "connection_problem": platforms.connection_problem,
            "client_problems": endpoint_filter.problems,
            "daemon_hosts": endpoints.daemon_hosts,
            "endpoint_filter": endpoint_filter.rules,
            "filter_due": nftables.due,
            "endpoint_problems": endpoints.problems,
            "host_problem": platforms.problem,
            "live_collisions": addresses.live_collisions,
            "network_plan": networks.plan,
            "network_problems": addresses.network_problems,
            "observed_endpoints": endpoints.observed,
            "option_problems": validation.problems,
            "published_host_problems": published.host_problems,
            "published_problems": published.problems,
            "published_rules": published.rules,
            "published_surroundings": published.surroundings,
            "range_problems": addresses.range_problems,
            "reached_endpoints": endpoints.reached,
            "slot_problem": address_plan.slot_problem,
            "socket_paths": endpoints.socket_paths,
            "sysctl_host_problems": sysctls.host_problems,
            "sysctl_plan": sysctls.plan,
            "sysctl_problems": sysctls.problems,
            "sysctls_wanted": sysctls.wanted,
        }
