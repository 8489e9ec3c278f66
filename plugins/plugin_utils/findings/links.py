# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges, ports and containers' interfaces: the kernel has what the engine believes it has."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from ._finding import ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...module_utils._system.observed import (
        Bridge,
        BridgePort,
        Container,
        DockerNetwork,
        Network,
    )

OPTION = "com.docker.network.bridge."
_KERNELS_MTU = 1500
"""A bridge without ports has it, until the first port brings another."""
_FULL = 0.95
"""Of the connections that the kernel can keep track of: beyond it drops the first packets of new ones in bursts."""


def subject(bridge: str) -> str:
    """The subject of findings on a network with this bridge."""
    return "bridge" if bridge == "docker0" else "networks"


def gateway_mode(network: DockerNetwork) -> str:
    """How packets get into a network from other machines and out, where it is not translated by rules of the host."""
    return network["options"].get(f"{OPTION}gateway_mode_ipv4", "nat")


def connects(network: DockerNetwork) -> bool:
    """Whether containers of a network are to reach each other."""
    return network["options"].get(f"{OPTION}enable_icc") != "false"


def networks(seen: dict[str, Any], around: Network, declared: list[str], forwards: bool) -> Iterator[Finding]:
    """Findings on the bridge of each network of ``seen``, ``bridge_info``'s; ``around`` is ``host_info``'s network.

    ``declared`` are interfaces whose addresses are declared, and have findings of their own. ``forwards`` tells whether
    the engine is to have the kernel forward packets.
    """
    there = {one["name"]: one for one in seen["bridges"]}
    for network in seen["networks"]:
        name = network["bridge"]
        if not name:
            continue
        bridge = there.get(name)
        about = subject(name)
        if bridge is None:
            if about == "networks":
                yield Finding(
                    "networks.link_missing",
                    ERROR,
                    f"bridge {name} of network {network['name']}",
                    "the kernel has no such bridge",
                    "restart the daemon, which makes it again, then the containers in that network",
                )
            continue
        yield from _mtu(network, bridge)
        yield from _ports(network, bridge)
        if not bridge["up"]:
            yield Finding(
                f"{about}.down",
                ERROR,
                f"{name} is up",
                "it is down, and so are its containers' ways to everybody else",
                f"ip link set {name} up",
            )
            continue
        if bridge["forwarding"] is False and around["forwarding"]["inet"] and forwards:
            parameter = f"net.ipv4.conf.{_in_sysctl(name)}.forwarding"
            expected, found = f"{parameter} is 1", "it is 0: no packet of its containers gets any further"
            yield Finding(f"{about}.forwarding_off", ERROR, expected, found, f"sysctl {parameter}=1")
        if not bridge["arp"]:
            yield Finding(
                f"{about}.arp_off",
                ERROR,
                f"the host answers ARP on {name}",
                "it is switched off there (NOARP): the host and the containers do not find each other",
                f"ip link set {name} arp on",
            )
        # docker0 has it where it is declared, and a finding of its own.
        if name in around["without_ipv6"] and network["ipv6"] and about == "networks":
            yield Finding(
                f"{about}.ipv6_off",
                ERROR,
                f"{name} has IPv6, as network {network['name']}",
                "the kernel has it switched off there",
                f"sysctl net.ipv6.conf.{_in_sysctl(name)}.disable_ipv6=0, then restart the daemon",
            )
        if not has_no_address(network):
            yield from _addresses(network, bridge, seen["containers"], around, name in declared)
        yield from _neighbours(network, bridge, around)


def _in_sysctl(interface: str) -> str:
    """The name of an interface in that of a parameter, whose parts are divided by dots."""
    return interface.translate(str.maketrans(".", "/"))


def _mtu(network: DockerNetwork, bridge: Bridge) -> Iterator[Finding]:
    """A finding on a bridge whose MTU is not the network's. The kernel's own choice is the least of the ports'."""
    wanted = int(network["options"].get("com.docker.network.driver.mtu", _KERNELS_MTU))
    ports = [port["mtu"] for port in bridge["ports"]]
    if bridge["mtu"] in (wanted, min(ports, default=_KERNELS_MTU)):
        return
    yield Finding(
        f"{subject(bridge['name'])}.mtu",
        ERROR,
        f"{bridge['name']} has the MTU of network {network['name']}, {wanted}",
        str(bridge["mtu"]),
        f"ip link set {bridge['name']} mtu {wanted}",
    )


def has_no_address(network: DockerNetwork) -> bool:
    return network["options"].get(f"{OPTION}inhibit_ipv4") == "true" or gateway_mode(network) == "isolated"


def _addresses(
    network: DockerNetwork, bridge: Bridge, containers: list[Container], around: Network, is_declared: bool
) -> Iterator[Finding]:
    """Findings on a bridge without its containers' gateway, and on the route to them.

    ``is_declared`` tells that the address has a finding of its own.
    """
    name, about = bridge["name"], subject(bridge["name"])
    has = [ipaddress.ip_interface(one) for one in bridge["addresses"]]
    told = {end["gateway"] for one in containers for key, end in one["networks"].items() if key == network["name"]}
    for entry in network["subnets"]:
        if not entry["subnet"]:
            continue
        subnet = ipaddress.ip_network(entry["subnet"], strict=False)
        if subnet.version == 6 and (not network["ipv6"] or name in around["without_ipv6"]):
            continue
        gateways = [ipaddress.ip_address(one) for one in (entry["gateway"], *told) if one]
        wanted = next((one for one in gateways if one in subnet), None)
        if not any(one.ip == wanted if wanted else one.ip in subnet for one in has):
            if is_declared:
                continue
            address = f"{wanted or subnet[1]}/{subnet.prefixlen}"
            yield Finding(
                f"{about}.address",
                ERROR,
                f"{name} has {address}, the gateway of network {network['name']}"
                if wanted
                else f"{name} has {address}",
                ", ".join(bridge["addresses"]) or "no address",
                f"ip address add {address} dev {name}",
            )
        elif subnet.version == 4 and not has_route(str(subnet), name, around):
            yield Finding(
                f"{about}.route",
                ERROR,
                f"the route to {subnet} leads by {name}",
                "there is no such route in table main",
                f"ip route add {subnet} dev {name} scope link" + (f" src {wanted}" if wanted else ""),
            )


def has_route(subnet: str, bridge: str, around: Network) -> bool:
    """Whether table main leads to a network by its bridge."""
    return any(
        route["destination"] == subnet and route["table"] == "main" and route["interface"] == bridge
        for route in around["routes"]
    )


def _neighbours(network: DockerNetwork, bridge: Bridge, around: Network) -> Iterator[Finding]:
    """Findings on containers for whom somebody has set the link-layer address of another."""
    set_by_hand = {
        one["address"]: one["mac"]
        for one in around["neighbours"]
        if one["permanent"] and one["interface"] == bridge["name"]
    }
    for end in [port["container"] for port in bridge["ports"] if port["container"]]:
        for address in (text.partition("/")[0] for text in end["addresses"]):
            mac = set_by_hand.get(address)
            if mac and end["mac"] and mac != end["mac"]:
                yield Finding(
                    f"{subject(bridge['name'])}.neighbour",
                    ERROR,
                    f"the host sends what is for {end['name']} ({address}) to {end['mac']}",
                    f"somebody has told it {mac} (ip neighbour)",
                    f"ip neighbour delete {address} dev {bridge['name']}",
                )


def _ports(network: DockerNetwork, bridge: Bridge) -> Iterator[Finding]:
    """Findings on ports of a bridge that let nothing through."""
    for port in bridge["ports"]:
        if port["container"] is None:
            continue
        problem = _port_problem(network, port, bridge["up"])
        if problem:
            what, remedy = problem
            yield Finding(
                f"{subject(bridge['name'])}.port_closed",
                ERROR,
                f"{port['interface']} carries packets of {port['container']['name']}",
                what,
                remedy,
            )


def _port_problem(network: DockerNetwork, port: BridgePort, is_up: bool) -> tuple[str, str] | None:
    """What is wrong with a port of a bridge, which ``is_up`` or not, and the remedy."""
    name, end = port["interface"], port["container"]
    assert end is not None
    if not port["up"]:
        return "it is down", f"ip link set {name} up"
    if not end["up"]:
        return f"{end['interface']} in the container is down", f"docker restart {end['name']}"
    # A bridge that is down closes all its ports.
    if port["forwards"] is False and is_up:
        return "the bridge keeps it closed (bridge link show)", f"bridge link set dev {name} state 3"
    if port["isolated"] and connects(network):
        return "it is isolated from other ports", f"bridge link set dev {name} isolated off"
    return None


def containers(seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on what running containers have of a network inside, and on the engine's hold on them."""
    by_name = {one["name"]: one for one in seen["networks"]}
    ends = [port["container"] for one in seen["bridges"] for port in one["ports"] if port["container"]]
    # Those have lost their routes with the address, and are told by other findings.
    broken = {end["id"] for end in ends if not end["up"] or not any("." in address for address in end["addresses"])}
    for container in seen["containers"]:
        for what in _inside(container, by_name, container["id"] in broken):
            yield Finding(
                f"networks.{what[0]}", ERROR, what[1], what[2], f"docker restart {container['name']}, which sets it up"
            )
        parent = container["parent"]
        # The kernel cuts names after 15 characters.
        if parent and not parent.startswith("containerd-shim"):
            yield Finding(
                "engine.shim_missing",
                ERROR,
                f"containerd-shim looks after {container['name']}",
                f"it is gone, and {parent} has taken over the container's processes",
                f"docker restart {container['name']}, or kill {container['pid']} and docker start it",
            )
    connections = seen["connections"]
    if connections and connections["count"] >= _FULL * connections["limit"]:
        limit = connections["limit"]
        yield Finding(
            "bridge.connections",
            ERROR,
            f"the kernel has room for more connections than {connections['count']}",
            f"net.netfilter.nf_conntrack_max is {limit}: it drops new ones",
            f"find out who makes them (conntrack -L), or sysctl net.netfilter.nf_conntrack_max={2 * limit}",
        )


def _inside(container: Container, by_name: dict[str, DockerNetwork], is_broken: bool) -> Iterator[tuple[str, str, str]]:
    """What of its own a container lacks: the end of an id, what is expected and what is observed.

    ``is_broken`` is for one with an interface that has no routes.
    """
    name = container["name"]
    if not container["interfaces"]:
        return
    if container["loopback"] is False:
        yield "loopback_down", f"the loopback interface of {name} is up", "it is down"
    told = [
        end["gateway"]
        for key, end in container["networks"].items()
        if end["gateway"] and key in by_name and by_name[key]["bridge"] and not by_name[key]["internal"]
    ]
    if told and container["gateways"] == [] and not is_broken:
        yield "no_gateway", f"a route of {name} leads by {' or '.join(told)}", "it has no route that leads by a gateway"
    # In docker0's network the engine answers no DNS requests.
    if container["network_mode"] not in ("default", "bridge") and container["resolver"] is False:
        yield "no_resolver", f"the engine answers DNS requests of {name} at 127.0.0.11", "nobody listens there"
    elif container["resolves"] is False:
        found = "they are refused: the rules of its network namespace that lead them there are gone"
        yield "no_resolver", f"DNS requests of {name} to 127.0.0.11 get to the engine", found
    if container["nameservers"] == []:
        yield "no_nameserver", f"/etc/resolv.conf of {name} names a nameserver", "it names none"
    if container["sandboxed"] is False:
        found = "what it holds leads elsewhere: it can connect it to no network, and disconnect it from none"
        yield "sandbox_lost", f"the engine holds the network namespace of {name}", found
