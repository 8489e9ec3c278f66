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


def network_problems(networks: list[dict[str, Any]]) -> list[str]:
    """What is wrong with declared user-defined networks, one sentence each."""
    found = []
    names = [entry["name"] for entry in networks]
    found += [f"{name!r} is declared twice" for name in sorted({name for name in names if names.count(name) > 1})]
    for entry in networks:
        name = entry["name"]
        if name in ("bridge", "host", "none", "default"):
            found.append(f"{name!r} is Docker's own network: declare docker0 by the bridge variables")
        elif not re.match(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$", name):
            found.append(f"{name!r} is no name of a network: use letters, digits, _ . and -")
        for range_ in entry.get("ranges") or []:
            problem = _range_problem(range_)
            if problem:
                found.append(f"{name!r}: {problem}")
    return found


def _range_problem(range_: dict[str, str]) -> str | None:
    try:
        subnet = ipaddress.ip_network(range_["subnet"])
    except ValueError as error:
        return f"subnet {range_['subnet']!r} is no network ({error})"
    try:
        if range_.get("gateway") and ipaddress.ip_address(range_["gateway"]) not in subnet:
            return f"gateway {range_['gateway']} lies outside subnet {subnet}"
        if range_.get("iprange"):
            part = ipaddress.ip_network(range_["iprange"])
            if part.version != subnet.version or not part.subnet_of(subnet):  # type: ignore[arg-type]
                return f"iprange {part} lies outside subnet {subnet}"
    except ValueError as error:
        return str(error)
    return None


def range_problems(ranges: list[str]) -> list[str]:
    """Which of ``ranges`` are no IP networks, one sentence each."""
    found = []
    for text in ranges:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            found.append(f"{text!r} is no network ({error})")
    return found


def _declared(config: dict[str, Any], networks: list[dict[str, Any]], has_bridge: bool) -> list[tuple[Network, str]]:
    found: list[tuple[Network, str]] = []
    for key in ("bip", "bip6"):
        if key in config:
            found.append((ipaddress.ip_interface(config[key]).network, key))
    if not {"bip", "bridge", "default-address-pools"} & set(config) and not has_bridge:
        found.append((ipaddress.ip_network(DEFAULT_BRIDGE), "bip (dockerd's default)"))
    for pool in config.get("default-address-pools", []):
        found.append((ipaddress.ip_network(pool["base"]), "default-address-pools"))
    for entry in networks:
        # A macvlan or ipvlan network is meant to lie in a network of the host.
        if entry.get("driver", "bridge") == "bridge":
            found += [
                (ipaddress.ip_network(range_["subnet"]), f"network {entry['name']}")
                for range_ in entry.get("ranges") or []
            ]
    return found


def collisions(
    config: dict[str, Any],
    network: dict[str, Any],
    reserved: list[str],
    own_bridges: list[str],
    networks: list[dict[str, Any]],
) -> list[str]:
    """Which declared ranges would cut off what, one sentence each.

    ``config`` is as in daemon.json, ``network`` as ``host_info`` saw it, ``networks`` the user-defined ones. A
    host without docker0 whose configuration names no ``bip`` gets dockerd's default, which is checked too.
    """
    has_bridge = any(entry["interface"] == "docker0" for entry in network["addresses"])
    declared = _declared(config, networks, has_bridge)
    taken = occupied(network, own_bridges)
    taken += [(ipaddress.ip_network(entry), "docker_network_reserved") for entry in reserved]
    found: list[str] = []
    for range_, key in declared:
        for other, name in taken:
            if range_.version == other.version and range_.overlaps(other):
                sentence = f"{key} {range_} would cut off {other} ({name})"
                if sentence not in found:
                    found.append(sentence)
    # User-defined networks must fit beside docker0 and each other; pools may hold them.
    fixed = [entry for entry in declared if entry[1] != "default-address-pools"]
    for number, (range_, key) in enumerate(fixed):
        for other, name in fixed[:number]:
            if range_.version == other.version and range_.overlaps(other):
                found.append(f"{key} {range_} overlaps {name} {other}")
    return found
