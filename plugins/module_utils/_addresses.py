# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the addresses of Docker's networks would cut off. Pure arithmetic over what ``host_info`` saw."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# docker0, the bridges of user-defined networks, swarm's gateway bridge, and containers' ends.
_DOCKER_INTERFACE = re.compile(r"^(docker0|docker_gwbridge|br-[0-9a-f]{12}|veth.*)$")

DEFAULT_BRIDGE = "172.17.0.0/16"
"""Where dockerd puts docker0 when it is told nothing (libnetwork ipamutils, first local default pool)."""


def occupied(network: dict[str, Any], own_bridges: list[str]) -> list[tuple[Network, str]]:
    """What the host must still reach, each with a name for it; ``network`` is ``host_info``'s.

    ``own_bridges`` are interfaces of declared Docker networks, whose addresses are Docker's own.
    """

    def is_docker(interface: str | None) -> bool:
        return interface is not None and (interface in own_bridges or bool(_DOCKER_INTERFACE.match(interface)))

    found: list[tuple[Network, str]] = []
    for entry in network["addresses"]:
        interface = ipaddress.ip_interface(entry["address"])
        if not is_docker(entry["interface"]) and not interface.is_loopback and not interface.is_link_local:
            found.append((interface.network, f"the network of {entry['interface']}"))
    for route in network["routes"]:
        if is_docker(route["interface"]) or route["destination"] == "default":
            continue
        destination = ipaddress.ip_network(route["destination"], strict=False)
        if destination.prefixlen > 0 and not destination.is_link_local and not destination.is_multicast:
            found.append((destination, f"the route to {destination} by {route['interface']}"))
    single = [(route["gateway"], "the gateway") for route in network["routes"] if not is_docker(route["interface"])]
    single += [(resolver, "the resolver") for resolver in network["resolvers"]]
    single.append((network["client"], "the controller"))
    for address, name in single:
        try:
            host = ipaddress.ip_network((address or "").partition("%")[0])
        except ValueError:
            continue
        if not host.is_loopback and not host.is_link_local:
            found.append((host, f"{name} {address}"))
    return found


def collisions(
    config: dict[str, Any], network: dict[str, Any], reserved: list[str], own_bridges: list[str]
) -> list[str]:
    """Which declared ranges of ``config`` (as in daemon.json) would cut off what, one sentence each.

    A host without docker0 whose configuration names no ``bip`` gets dockerd's default, which is checked too.
    """
    declared: list[tuple[Network, str]] = []
    for key in ("bip", "bip6"):
        if key in config:
            declared.append((ipaddress.ip_interface(config[key]).network, key))
    has_bridge = any(entry["interface"] == "docker0" for entry in network["addresses"])
    if "bip" not in config and config.get("bridge") is None and not has_bridge:
        declared.append((ipaddress.ip_network(DEFAULT_BRIDGE), "bip (dockerd's default)"))
    for pool in config.get("default-address-pools", []):
        declared.append((ipaddress.ip_network(pool["base"]), "default-address-pools"))
    taken = occupied(network, own_bridges)
    taken += [(ipaddress.ip_network(entry), "docker_network_reserved") for entry in reserved]
    found: list[str] = []
    for range_, key in declared:
        for other, name in taken:
            if range_.version == other.version and range_.overlaps(other):
                sentence = f"{key} {range_} would cut off {other} ({name})"
                if sentence not in found:
                    found.append(sentence)
    return found
