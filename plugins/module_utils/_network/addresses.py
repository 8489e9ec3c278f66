# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses are in use around a host, and what a declared range would cut off. Pure arithmetic."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, TypedDict, Union

from .._system import observed

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]

# docker0, the bridges of user-defined networks, swarm's gateway bridge, and containers' ends.
_DOCKER_INTERFACE = re.compile(r"^(docker0|docker_gwbridge|br-[0-9a-f]{12}|veth.*)$")

_NOWHERE = ("blackhole", "unreachable", "prohibit", "throw")
"""Types of routes that reach nothing, ip-route(8)."""

REACHED, LIKELY, ASIDE, DOCKER = "reached", "likely", "aside", "docker"
"""What kind of use it is.

REACHED is what the host reaches, as the host itself shows. LIKELY is what others say (the controller's own address,
which a translation on the way may hide; the fleet's): new ranges keep off it, what is there stays. ASIDE is what a
route sends nowhere: only a choice keeps off it. DOCKER are Docker's own networks beside docker0.
"""


class Around(TypedDict):
    """What is around a host, observed and declared."""

    network: observed.Network
    docker: list[observed.DockerNetwork]
    reserved: list[str]
    """Ranges that the operator keeps free."""
    controller: list[str]
    """The controller's own addresses."""
    fleet: list[str]
    """The addresses of the inventory's hosts."""
    networks: list[dict[str, Any]]
    """The declared user-defined networks."""
    own_bridges: list[str]
    """The interfaces that they name."""
    checked: bool
    """Whether anything counts as in use."""


@dataclass(frozen=True)
class Use:
    """A range in use; ``name`` is for a message, ``avoided`` tells that dockerd keeps off it by itself when it chooses.

    dockerd looks at resolv.conf and, since 23.0, at on-link routes of the main table (libnetwork, netutils
    ``InferReservedNetworks``); not at routes by a gateway, at other tables, or at what lies behind a router.
    """

    network: Network
    name: str
    kind: str = REACHED
    avoided: bool = False


def overlap(one: Network, other: Network) -> bool:
    """Whether two ranges, of whichever family, have an address in common."""
    return one.version == other.version and one.overlaps(other)


def within(one: Network, other: Network) -> bool:
    """Whether ``one`` lies inside ``other``."""
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def docker0(network: observed.Network, version: int = 4) -> Interface | None:
    """The address of docker0 as it is, or None."""
    for entry in network["addresses"]:
        address = ipaddress.ip_interface(entry["address"])
        if entry["interface"] == "docker0" and address.version == version and not address.is_link_local:
            return address
    return None


def _is_default(destination: Network) -> bool:
    """A default route, whole or in pieces (a VPN's 0.0.0.0/1 and 128.0.0.0/1): no network is as wide."""
    return destination.prefixlen < (8 if destination.version == 4 else 16)


def _is_of_no_concern(network: Network) -> bool:
    return network.is_loopback or network.is_link_local or network.is_multicast


def single(text: str | None) -> Network | None:
    """The range of one address; None where it is no address, or one that no range can cover.

    An IPv4 address that an IPv6 socket shows (::ffff:192.0.2.1) is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    network = ipaddress.ip_network(address)
    return None if _is_of_no_concern(network) or address.is_unspecified else network


def _subnets(docker: observed.DockerNetwork) -> list[str]:
    """The ranges of one of Docker's networks."""
    return [one["subnet"] for one in docker["subnets"] if one["subnet"]]


def _is_container(address: str | None, around: Around) -> bool:
    """Whether an address lies in one of Docker's networks that are there: who got through from there is a container."""
    client, live = single(address), docker0(around["network"])
    inside = [ipaddress.ip_network(subnet) for docker in around["docker"] for subnet in _subnets(docker)]
    inside += [live.network] if live else []
    return client is not None and any(within(client, network) for network in inside)


def in_use(around: Around) -> list[Use]:
    """All that is known to be in use, docker0 left out."""
    if not around["checked"]:
        return []
    network = around["network"]
    bridges = {*around["own_bridges"], *(one["bridge"] for one in around["docker"])}

    def is_docker(interface: str | None) -> bool:
        return interface is not None and (interface in bridges or bool(_DOCKER_INTERFACE.match(interface)))

    found: list[Use] = []
    for entry in network["addresses"]:
        if entry["interface"] == "docker0":
            continue
        kind = DOCKER if is_docker(entry["interface"]) else REACHED
        found.append(
            Use(ipaddress.ip_interface(entry["address"]).network, f"the network of {entry['interface']}", kind)
        )
    for docker in around["docker"]:
        if docker["bridge"] != "docker0":
            found += [
                Use(ipaddress.ip_network(subnet), f"Docker's network {docker['name']}", DOCKER)
                for subnet in _subnets(docker)
            ]
    singles: list[tuple[str | None, str, str]] = []
    for route in network["routes"]:
        if is_docker(route["interface"]):
            continue
        singles += [(gateway, f"the gateway {gateway}", REACHED) for gateway in route["gateways"]]
        if route["destination"] == "default":
            continue
        destination = ipaddress.ip_network(route["destination"], strict=False)
        if _is_default(destination):
            continue
        if route["type"] in _NOWHERE:
            found.append(Use(destination, f"the {route['type']} route", ASIDE))
        else:
            on_link = route["type"] == "unicast" and route["table"] == "main" and route["scope"] == "link"
            avoided = on_link and not route["gateways"] and destination.version == 4
            name = f"the route to {destination} by {route['interface']}"
            found.append(Use(destination, name, REACHED, avoided))
    for neighbour in network["neighbours"]:
        if not is_docker(neighbour["interface"]):
            address = neighbour["address"]
            singles.append((address, f"the neighbour {address} on {neighbour['interface']}", REACHED))
    if not _is_container(network["client"], around):
        singles.append((network["client"], f"the controller {network['client']}, as the host sees it", REACHED))
    singles += [(address, f"the controller {address}, as it sees itself", LIKELY) for address in around["controller"]]
    singles += [(address, f"{address} of the inventory", LIKELY) for address in around["fleet"]]
    found += [Use(place, name, kind) for address, name, kind in singles if (place := single(address))]
    resolvers = [(single(address), f"the resolver {address}") for address in network["resolvers"]]
    found += [Use(place, name, REACHED, avoided=True) for place, name in resolvers if place]
    found += [Use(ipaddress.ip_network(text), "docker_network_reserved") for text in around["reserved"]]
    found = [use for use in found if not _is_of_no_concern(use.network)]
    # What lies in a network that dockerd avoids is avoided with it.
    avoided_networks = [use.network for use in found if use.avoided]
    return [
        Use(use.network, use.name, use.kind, use.avoided or any(within(use.network, wide) for wide in avoided_networks))
        for use in found
    ]


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
            elif ":" in range_["subnet"] and not entry.get("ipv6"):
                found.append(f"{name!r}: subnet {range_['subnet']} needs ipv6: true")
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
            if not within(part, subnet):
                return f"iprange {part} lies outside subnet {subnet}"
    except ValueError as error:
        return str(error)
    return None


def declared_networks(networks: list[dict[str, Any]]) -> list[tuple[Network, str]]:
    """The ranges of the declared user-defined networks, each with a name.

    A macvlan or ipvlan network is meant to lie in a network of the host.
    """
    return [
        (ipaddress.ip_network(range_["subnet"]), f"network {entry['name']}")
        for entry in networks
        if entry.get("driver", "bridge") == "bridge"
        for range_ in entry.get("ranges") or []
    ]


def collisions(config: dict[str, Any], around: Around) -> list[str]:
    """Which declared ranges would cut off what, one sentence each; ``config`` is as in daemon.json."""
    bridge = [
        (ipaddress.ip_interface(config[key]).network, f"{key} {config[key]}")
        for key in ("bip", "bip6")
        if key in config
    ]
    if "bip" not in config and "fixed-cidr" in config:
        bridge.append((ipaddress.ip_network(config["fixed-cidr"]), f"fixed-cidr {config['fixed-cidr']}"))
    if "bip6" not in config and "fixed-cidr-v6" in config:
        bridge.append((ipaddress.ip_network(config["fixed-cidr-v6"]), f"fixed-cidr-v6 {config['fixed-cidr-v6']}"))
    pools = [
        (ipaddress.ip_network(pool["base"]), f"default-address-pools {pool['base']}")
        for pool in config.get("default-address-pools", [])
    ]
    networks = [(range_, f"{name} {range_}") for range_, name in declared_networks(around["networks"])]
    live = {address.network for version in (4, 6) if (address := docker0(around["network"], version))}
    uses = [use for use in in_use(around) if use.kind != ASIDE]
    found: list[str] = []
    for range_, name in [*bridge, *pools, *networks]:
        is_bridge = (range_, name) in bridge
        for use in uses:
            if use.kind == DOCKER and not is_bridge:
                continue
            if use.kind == LIKELY and is_bridge and range_ in live:
                continue
            sentence = f"{name} would cut off {use.network} ({use.name})"
            if overlap(range_, use.network) and sentence not in found:
                found.append(sentence)
    # User-defined networks must fit beside docker0 and each other; pools may hold them.
    fixed = [*bridge, *networks]
    for number, (range_, name) in enumerate(fixed):
        found += [f"{name} overlaps {other_name}" for other, other_name in fixed[:number] if overlap(range_, other)]
    return found


def live_collisions(around: Around) -> list[str]:
    """Which of Docker's ranges that are there cut off what, one sentence each."""
    ranges = [
        (address.network, f"docker0 {address}")
        for version in (4, 6)
        if (address := docker0(around["network"], version))
    ]
    ranges += [
        (ipaddress.ip_network(subnet), f"network {docker['name']} {subnet}")
        for docker in around["docker"]
        if docker["driver"] == "bridge" and docker["bridge"] != "docker0"
        for subnet in _subnets(docker)
    ]
    return [
        f"{name} cuts off {use.network} ({use.name})"
        for range_, name in ranges
        for use in in_use(around)
        if use.kind == REACHED and overlap(range_, use.network)
    ]
