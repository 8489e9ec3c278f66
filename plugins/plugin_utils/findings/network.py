# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker0, the user-defined networks, and the ways of packets through them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from ...module_utils._network import mtu
from ...module_utils._network import networks as docker_networks
from ...module_utils._network import sysctls as host_sysctls
from ._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...module_utils._system.observed import DockerNetwork, Forwarding, Sysctls


def bridge(options: dict[str, Any], seen: dict[str, Any], without_ipv6: list[str]) -> Iterator[Finding]:
    """Findings on docker0. ``options`` are declared, by their names in daemon.json; ``seen`` is ``bridge_info``'s.

    ``without_ipv6`` are the interfaces on which IPv6 is switched off.
    """
    if options.get("bridge"):
        return  # None at all, or one that somebody else made.
    there = next((one for one in seen["bridges"] if one["name"] == "docker0"), None)
    if there is None:
        yield Finding("bridge.missing", ERROR, "docker0", "there is no such interface", APPLY)
        return
    ipv6_is_off = "docker0" in without_ipv6 and host_sysctls.has_ipv6(options, [])
    if ipv6_is_off:
        yield Finding(
            "bridge.ipv6_off",
            ERROR,
            "docker0 has IPv6",
            "the kernel has it switched off there",
            "sysctl net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.docker0.disable_ipv6=0, and out of /etc/sysctl.d, "
            "then restart the daemon",
        )
    for option in ("bip",) if ipv6_is_off else ("bip", "bip6"):
        if option in options and str(ipaddress.ip_interface(options[option])) not in there["addresses"]:
            yield Finding(
                "bridge.address",
                ERROR,
                f"docker0 has {options[option]}",
                ", ".join(there["addresses"]) or "no address",
                "restart the daemon without running containers, who keep docker0 as it is",
            )
    network = next((one for one in seen["networks"] if one["name"] == "bridge"), None)
    if "mtu" in options and network and _mtu(network) != options["mtu"]:
        yield Finding("bridge.mtu", ERROR, f"containers on docker0 get MTU {options['mtu']}", str(_mtu(network)), APPLY)


def networks(declared: list[dict[str, Any]], seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on user-defined networks, as role docker_network takes them."""
    there = {one["name"]: one for one in seen["networks"]}
    for wanted in declared:
        name = wanted["name"]
        if name not in there:
            yield Finding("networks.missing", ERROR, f"network {name}", "there is none", APPLY)
            continue
        ranges = {ipaddress.ip_network(one["subnet"]) for one in wanted.get("ranges") or []}
        found = {ipaddress.ip_network(one["subnet"]) for one in there[name]["subnets"] if one["subnet"]}
        if ranges and ranges != found:
            yield Finding(
                "networks.range",
                ERROR,
                f"network {name} is {', '.join(sorted(map(str, ranges)))}",
                ", ".join(sorted(map(str, found))),
                f"docker network rm {name} when no container uses it, then {APPLY}",
            )


def forwarding(
    options: dict[str, Any], declared: list[dict[str, Any]], seen: dict[str, Any], kernel: Forwarding
) -> Iterator[Finding]:
    """Findings on what the kernel forwards, ``host_info``'s network.forwarding. ``seen`` is ``bridge_info``'s."""
    if options.get("ip-forward") is False:
        return  # The operator looks after it.
    switches = {"net.ipv4.ip_forward": kernel["inet"]}
    if host_sysctls.has_ipv6(options, declared) or _uses_ipv6(seen):
        switches["net.ipv6.conf.all.forwarding"] = kernel["inet6"]
    for name, is_on in switches.items():
        if is_on is False:
            yield Finding(
                "bridge.forwarding_off",
                ERROR,
                f"{name} is 1",
                "it is 0: no packet gets from or to a container",
                f"sysctl {name}=1, and out of /etc/sysctl.d where it is 0",
            )


def _uses_ipv6(seen: dict[str, Any]) -> bool:
    """Whether a container that runs has an IPv6 address in a network from which the engine leads to others."""
    leading = {one["name"] for one in seen["networks"] if one["bridge"] and one["ipv6"] and not one["internal"]}
    return any(
        ":" in address
        for container in seen["containers"]
        if container["interfaces"]
        for name in leading & set(container["networks"])
        for address in container["networks"][name]["addresses"]
    )


def sysctls(wanted: dict[str, str], seen: Sysctls) -> Iterator[Finding]:
    """Findings on the kernel's parameters, where ``wanted`` are the values, and ``seen`` is ``host_info``'s sysctls."""
    for name, value in wanted.items():
        live, boot = seen["live"].get(name), seen["boot"].get(name)
        if live != value:
            observed = "the kernel has none" if live is None else f"it is {live}"
            yield Finding("bridge.sysctl", ERROR, f"{name} is {value}", observed, APPLY)
        elif boot != value:
            observed = "no file sets it" if boot is None else f"it would be {boot}"
            remedy = f"{APPLY}, and take it out of what systemd-sysctl --cat-config shows after {seen['file']}"
            yield Finding("bridge.sysctl", ERROR, f"{name} is {value} after a boot", observed, remedy)


def ways(seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on the ways to containers: each end where the engine says it is, and as wide as its network is."""
    there = {one["name"]: one for one in seen["networks"]}
    ports = {one["name"]: [port for port in one["ports"] if port["container"]] for one in seen["bridges"]}
    for container in seen["containers"]:
        if not container["interfaces"]:
            continue  # It does not run, ended meanwhile, or has nothing to be reached by.
        for name, told in container["networks"].items():
            network = there.get(name)
            if network is None or not network["bridge"]:
                continue
            subject = "bridge" if network["bridge"] == "docker0" else "networks"
            port = _port(ports.get(network["bridge"], []), container["id"], told["addresses"])
            if port is None:
                yield Finding(
                    f"{subject}.cut_off",
                    ERROR,
                    f"{container['name']} has {', '.join(told['addresses'])} behind a port of {network['bridge']}",
                    "there is no such port",
                    f"docker network disconnect {name} {container['name']}, and connect it again",
                )
                continue
            sizes = {port["mtu"], port["container"]["mtu"], _mtu(network, port["mtu"])}
            if len(sizes) > 1:
                yield Finding(
                    f"{subject}.mtu",
                    ERROR,
                    f"{container['name']} and {port['interface']} have the MTU of network {name}, "
                    f"{_mtu(network, port['mtu'])}",
                    f"{port['container']['mtu']} and {port['mtu']}",
                    f"docker restart {container['name']}, which gives it new interfaces",
                )


def uplinks(seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on networks whose packets are larger than those of the uplink by which they leave the host.

    What answers them comes as large, and is lost wherever path MTU discovery does not work, as behind many tunnels.
    """
    for network in seen["networks"]:
        if not network["bridge"] or network["internal"]:
            continue
        families = ("inet", "inet6") if network["ipv6"] else ("inet",)
        ways = [one for family in families for one in _used(seen["uplinks"], family)]
        narrow = [one for one in ways if one["interface"] != network["bridge"] and one["mtu"] < _mtu(network)]
        if not narrow:
            continue
        uplink = min(narrow, key=lambda one: int(one["mtu"]))
        subject = "bridge" if network["bridge"] == "docker0" else "networks"
        yield Finding(
            f"{subject}.uplink_mtu",
            WARNING,
            f"containers in network {network['name']} have at most the MTU of the uplink {uplink['interface']}, "
            f"{uplink['mtu']}",
            f"{_mtu(network)}: large packets can be lost on their way",
            f"docker_network_mtu: {uplink['mtu']}, {APPLY}{_making_again(network)}",
        )


def _used(ways: list[dict[str, Any]], family: str) -> list[dict[str, Any]]:
    """The uplinks of a family by which packets leave: those with the least metric."""
    found = [one for one in ways if one["family"] == family]
    least = min((one["metric"] for one in found), default=0)
    return [one for one in found if one["metric"] == least]


def _making_again(network: DockerNetwork) -> str:
    """What is to be done beside for a network that is there to get another MTU."""
    if network["bridge"] == "docker0" or network["labels"].get(docker_networks.LABEL):
        return ""
    again = (
        "docker compose down and up in its project"
        if "com.docker.compose.project" in network["labels"]
        else "docker network rm and create"
    )
    return f", then make the network again ({again}; before engine 24 with driver option {mtu.OPTION})"


def _port(ports: list[dict[str, Any]], container: str, addresses: list[str]) -> dict[str, Any] | None:
    """The port that has the container's end with those addresses behind it."""
    for port in ports:
        if port["container"]["id"] == container and set(addresses) <= set(port["container"]["addresses"]):
            return port
    return None


def collisions(sentences: list[str]) -> Iterator[Finding]:
    """A finding for each range that covers what the host must reach."""
    for sentence in sentences:
        yield Finding("bridge.collision", ERROR, "ranges that cut nothing off", sentence, "declare another range")


def _mtu(network: dict[str, Any], default: int = mtu.DEFAULT) -> int:
    return int((network["options"] or {}).get(mtu.OPTION, default))
