# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets of containers: the kernel lets pass what the engine promises, and keeps out what it does not."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from ...module_utils._config.endpoints import bracketed
from ._finding import ERROR, WARNING, Finding
from .links import OPTION, connects, gateway_mode, subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...module_utils._system.observed import Container, DockerNetwork, Passage, PublishedPort

_RESTART = "restart the daemon, which puts its rules back"
_PROTECTED_SINCE = (28, 0)
"""Since then nobody reaches a container by its own address (moby 48724)."""
_IPV6_SINCE = (27, 0)
"""Since then ip6tables is on by default (moby 47747)."""
_OWN = re.compile(r" -A DOCKER(?!-USER\b)\S* | docker-bridges | -P \S+ ")
"""Rules of the engine itself, and policies of iptables: with the engine's rules in place they do not decide."""
_BRIDGES_WAY_OUT = re.compile(r" -A FORWARD -i (\S+) ! -o \1 -j ACCEPT$")
_BRIDGES_OWN = re.compile(r" list chain (bridge|netdev) ")
_EVERYTHING = re.compile(r" -A \S+ -j (DROP|REJECT)\b")


def packets(seen: dict[str, Any], settings: dict[str, Any], version: tuple[int, int]) -> Iterator[Finding]:
    """Findings on ``bridge_info``'s ``seen``; ``settings`` and ``version`` are of the engine that runs.

    Where the engine makes no rules, whatever the kernel does is the operator's business.
    """
    by_name = {one["name"]: one for one in seen["networks"]}
    running = [one for one in seen["containers"] if one["interfaces"] and _is_plain(one, by_name)]
    yield from _proxies(running, by_name, settings, {one["name"]: one["route_localnet"] for one in seen["bridges"]})
    yield from _bypassed(seen["bypassed"])
    if not settings["iptables"]:
        return
    has_ipv6 = version >= _IPV6_SINCE if settings["ip6tables"] is None else settings["ip6tables"]
    ports = [
        (one, port) for one in running for port in _carried(one, by_name) if has_ipv6 or ":" not in port["host_address"]
    ]
    yield from _blocked(running, ports, seen, by_name, has_ipv6)
    yield from _not_sent(ports)
    if version >= _PROTECTED_SINCE and not settings["allow-direct-routing"]:
        yield from _direct(ports, by_name)
    yield from _not_masqueraded(running, by_name, has_ipv6)
    yield from _not_apart(seen["bridges"], by_name, seen["filters_bridged"])


def _is_plain(container: Container, by_name: dict[str, DockerNetwork]) -> bool:
    """Whether the container is in no network whose ports are published in another way, such as a swarm's."""
    drivers = {by_name[name]["driver"] for name in container["networks"] if name in by_name}
    return len(drivers) > 0 and drivers <= {"bridge", "macvlan", "ipvlan"}


def _open(container: Container, by_name: dict[str, DockerNetwork]) -> list[tuple[str, DockerNetwork]]:
    """The networks of a container that the engine connects to other machines by address translation.

    None where one is connected in another way: nobody knows then by which its ports are published.
    """
    found = [
        (name, by_name[name])
        for name in container["networks"]
        if name in by_name and by_name[name]["bridge"] and not by_name[name]["internal"]
    ]
    is_plain = all(gateway_mode(network) in ("nat", "nat-unprotected") for _name, network in found)
    return found if is_plain else []


def _carried(container: Container, by_name: dict[str, DockerNetwork]) -> list[PublishedPort]:
    """The ports that rules carry to the container: those of the families of its addresses."""
    versions = {
        ipaddress.ip_interface(address).version
        for name, _network in _open(container, by_name)
        for address in container["networks"][name]["addresses"]
    }
    return [one for one in container["published"] if ipaddress.ip_address(one["host_address"]).version in versions]


def _shown(port: PublishedPort) -> str:
    return f"{bracketed(port['host_address'])}:{port['host_port']}/{port['protocol']}"


# What must pass -------------------------------------------------------------------------------------


def _blocked(
    running: list[Container],
    ports: list[tuple[Container, PublishedPort]],
    seen: dict[str, Any],
    by_name: dict[str, DockerNetwork],
    has_ipv6: bool,
) -> Iterator[Finding]:
    """A finding for each rule, or policy, that drops what must pass."""
    dropped: dict[str, list[str]] = {}

    def check(passage: Passage | None, what: str) -> None:
        if passage and passage["verdict"] == "drop" and passage["rule"]:
            dropped.setdefault(passage["rule"], []).append(what)

    for container, port in ports:
        passage = port["outside"]
        if passage and (passage["to"] is None or passage["to"] in _ends(container, port)):
            check(passage, f"to {_shown(port)} of {container['name']}")
    for container in running:
        for name, _network in _open(container, by_name):
            attached = container["networks"][name]
            check(attached["outbound"], f"from {container['name']}")
            if has_ipv6:
                check(attached["outbound_ipv6"], f"from {container['name']} over IPv6")
    for bridge in seen["bridges"]:
        network = by_name.get(bridge["network"])
        within = bridge["within"]
        # Rules of bridges see it whether iptables does or not.
        is_seen = seen["filters_bridged"] or (within and _BRIDGES_OWN.search(within["rule"] or ""))
        if network and connects(network) and is_seen:
            check(within, f"between containers of network {network['name']}")
    for rule, whats in dropped.items():
        expected = f"packets pass {_listed(dict.fromkeys(whats))}"
        if _OWN.search(f"{rule} "):
            found = f"no rule lets them, and they end at: {rule}"
            yield Finding("filter.engine_rules", ERROR, expected, found, _RESTART)
        else:
            # One that names what it drops may be there on purpose.
            severity = WARNING if rule.startswith("ip") and not _EVERYTHING.search(rule) else ERROR
            remedy = "delete that rule, or remove what it is about (docker rm, docker network rm)"
            if " inet firewalld " in rule:
                # firewalld knows the bridges that the engine has told it of: those of internal networks are not.
                remedy = (
                    "give their bridge to firewalld's zone docker (firewall-cmd --permanent --zone=docker "
                    "--add-interface=BRIDGE, then firewall-cmd --reload)"
                )
            yield Finding("filter.blocks", severity, expected, f"dropped by: {rule}", remedy)


def _listed(whats: Iterable[str]) -> str:
    """Some of many."""
    first = list(whats)
    more = len(first) - 4
    return ", ".join(first[:4]) + (f" and {more} more" if more > 0 else "")


def _ends(container: Container, port: PublishedPort) -> set[str]:
    """Where packets for a published port may be sent to: its port at each address of the container."""
    addresses = [
        ipaddress.ip_interface(text).ip for attached in container["networks"].values() for text in attached["addresses"]
    ]
    return {f"{bracketed(str(one))}:{port['container_port']}" for one in addresses}


def _not_sent(ports: list[tuple[Container, PublishedPort]]) -> Iterator[Finding]:
    """Findings on published ports that address translation does not carry to their container."""
    unsent: dict[str, list[str]] = {}
    for container, port in ports:
        passage = port["outside"]
        if passage is None or passage["source"] == "unknown" or (passage["verdict"] == "drop" and not passage["to"]):
            continue
        if passage["to"] is None:
            unsent.setdefault(container["name"], []).append(_shown(port))
        elif passage["to"] not in _ends(container, port):
            yield Finding(
                "published.not_sent",
                ERROR,
                f"the kernel sends {_shown(port)} to port {port['container_port']} of {container['name']}",
                f"it sends it to {passage['to']}",
                "delete the rule that does (iptables-save -t nat, nft list ruleset), then restart the daemon",
            )
    for name, shown in unsent.items():
        yield Finding(
            "published.not_sent",
            ERROR,
            f"the kernel sends {_listed(shown)} to {name}",
            "no rule of table nat does: where docker-proxy serves it instead, the container sees no client's address",
            _RESTART,
        )


def _not_masqueraded(running: list[Container], by_name: dict[str, DockerNetwork], has_ipv6: bool) -> Iterator[Finding]:
    """Findings on networks whose containers show their own addresses to other machines."""
    told = set()
    for container in running:
        for name, network in _open(container, by_name):
            if network["options"].get(f"{OPTION}enable_ip_masquerade") == "false":
                continue
            attached = container["networks"][name]
            ways = {"": attached["outbound"]}
            if has_ipv6 and network["options"].get(f"{OPTION}gateway_mode_ipv6", "nat").startswith("nat"):
                ways[" over IPv6"] = attached["outbound_ipv6"]
            for how, passage in ways.items():
                is_kept = passage and passage["source"] == "kept" and passage["verdict"] != "drop"
                if not is_kept or (name, how) in told:
                    continue
                told.add((name, how))
                yield Finding(
                    f"{subject(str(network['bridge']))}.masquerade",
                    ERROR,
                    f"containers of network {name} talk to other machines by the host's address{how}",
                    "no rule translates theirs, and no answer finds its way back",
                    _RESTART,
                )


# What must not --------------------------------------------------------------------------------------


def _is_protected(network: DockerNetwork) -> bool:
    options = network["options"]
    return gateway_mode(network) == "nat" and not options.get(f"{OPTION}trusted_host_interfaces")


def _direct(ports: list[tuple[Container, PublishedPort]], by_name: dict[str, DockerNetwork]) -> Iterator[Finding]:
    """A finding on each container that neighbours of the host reach past its published ports' addresses."""
    told = set()
    for container, port in ports:
        passage = port["direct"]
        protected = all(_is_protected(network) for _name, network in _open(container, by_name))
        is_open = passage is not None and passage["verdict"] == "accept"
        if is_open and protected and container["id"] not in told:
            told.add(container["id"])
            yield Finding(
                "published.direct",
                ERROR,
                f"nobody reaches {container['name']} by its own address",
                f"the host's neighbours do, at port {port['container_port']}, wherever it is published",
                _RESTART,
            )


def _not_apart(
    bridges: list[dict[str, Any]], by_name: dict[str, DockerNetwork], filters_bridged: bool | None
) -> Iterator[Finding]:
    """Findings on networks whose containers reach those of others, or each other, and must not."""
    for bridge in bridges:
        network = by_name.get(bridge["network"])
        if network is None:
            continue
        others = [
            name
            for name, passage in bridge["open_to"].items()
            if _opens(passage) and _is_protected(by_name[name]) and _is_protected(network)
        ]
        if others:
            yield Finding(
                f"{subject(bridge['name'])}.not_apart",
                ERROR,
                f"containers of network {network['name']} do not reach those of other networks",
                f"they reach those of {', '.join(others)}",
                _RESTART,
            )
        if connects(network) or not bridge["within"]:
            continue
        if not filters_bridged or bridge["within"]["verdict"] == "accept":
            yield Finding(
                f"{subject(bridge['name'])}.not_apart",
                ERROR,
                f"containers of network {network['name']} do not reach each other (enable_icc is false)",
                "no rule keeps them from it" if filters_bridged else "iptables does not see what they send each other",
                _RESTART
                if filters_bridged
                else "modprobe br_netfilter, sysctl net.bridge.bridge-nf-call-iptables=1, and both in files for the "
                "next boot (modules-load.d, sysctl.d)",
            )


def _opens(passage: Passage) -> bool:
    """Whether a packet passes by the engine's own rules or for want of any, and not because somebody let it."""
    rule = passage["rule"]
    if passage["verdict"] != "accept":
        return False
    return rule is None or bool(_OWN.search(f"{rule} ") or _BRIDGES_WAY_OUT.search(rule))


# Beside the rules -----------------------------------------------------------------------------------


def _proxies(
    running: list[Container],
    by_name: dict[str, DockerNetwork],
    settings: dict[str, Any],
    route_localnet: dict[str, bool | None],
) -> Iterator[Finding]:
    """Findings on published ports that the host itself does not reach: by docker-proxy, or by the loopback's rules."""
    for container in running:
        opened = [str(network["bridge"]) for _name, network in _open(container, by_name)]
        for port in container["published"] if opened else []:
            if settings["userland-proxy"]:
                if port["proxy"] is None and not settings["userland-proxy-path"]:
                    yield Finding(
                        "published.proxy",
                        ERROR,
                        f"docker-proxy serves {_shown(port)} of {container['name']}",
                        "there is no such process: the host itself, and IPv6 without rules, do not reach it",
                        f"docker restart {container['name']}",
                    )
            elif settings["iptables"] and port["host_address"].startswith("127."):
                closed = [name for name in opened if route_localnet.get(name) is False]
                if len(closed) == len(opened):
                    yield Finding(
                        "published.loopback",
                        ERROR,
                        f"{_shown(port)} leads to {container['name']}",
                        f"net.ipv4.conf.{closed[0]}.route_localnet is 0, and the kernel drops it",
                        f"sysctl net.ipv4.conf.{closed[0]}.route_localnet=1, or restart the daemon",
                    )


def _bypassed(programs: list[str]) -> Iterator[Finding]:
    for program in programs:
        yield Finding(
            "filter.bypassed",
            ERROR,
            f"the rules of {program}'s chain DOCKER-USER decide first on packets of containers",
            "no rule of chain FORWARD leads there: they decide nothing",
            f"{_RESTART}; with firewall-backend nftables, keep them in a table of your own",
        )
