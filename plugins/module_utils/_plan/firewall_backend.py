# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ``firewall-backend: nftables`` cannot be, and what iptables keeps that must not stay. Pure functions.

Sources: moby 29.7, ``daemon/config/config_linux.go`` (IsSwarmCompatible), ``libnetwork/firewall_linux.go``,
``libnetwork/drivers/bridge/setup_ip_forwarding.go``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._config import validation
from .._firewall import backend
from .._network import sysctls
from .._system.observed import Host
from . import filters, packages
from .selection import asks_for_step, is_asked_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .declaration import Declaration, Options
    from .observation import Observation


def is_declared(declaration: Declaration) -> bool:
    """Whether a role declares it."""
    roles = (declaration["engine"], declaration["network"])
    return any(role is not None and backend.is_nftables(role["options"]) for role in roles)


def left_behind(observation: Observation) -> list[str]:
    """The programs whose policy DROP dockerd has left, and which are to accept what no rule decides."""
    return [program for program, rules in _dropping(observation).items() if not rules]


def refusals(declaration: Declaration, observation: Observation) -> list[str]:
    """Why dockerd would not start with it, or would start and carry nothing to containers."""
    host = observation.host
    config = _config(declaration, observation)
    if host["nftables_backend"] is None or not backend.is_nftables(config):
        return []
    named = _named(declaration)
    of_age = _age_problem(host)
    problems = [of_age] if of_age else list(_problems(declaration, observation, config))
    return [f"{named} {problem}" for problem in problems]


def without_age(refused: list[str], host: Host) -> list[str]:
    """``refused`` by the dry run, without what ``refusals`` says of an old engine in other words."""
    version = _version(host["engine"]["version"])
    told = validation.problems({backend.OPTION: "nftables"}, version) if version else []
    return [reason for reason in refused if reason not in told]


def _config(declaration: Declaration, observation: Observation) -> Options:
    """What daemon.json gets, as far as is known: the dry run may have been refused."""
    if observation.composition is not None:
        effective: Options = observation.composition["effective"]
        return effective
    roles = [role for role in (declaration["engine"], declaration["network"]) if role is not None]
    declared: Options = {key: value for role in roles for key, value in role["options"].items()}
    return declared


def _dropping(observation: Observation) -> dict[str, list[str]]:
    seen = observation.host["nftables_backend"]
    if seen is None:
        return {}
    # Where nothing is composed, the daemon goes by the file that is there.
    composed: dict[str, Any] = {backend.OPTION: "nftables" if seen["configured"] else None}
    if observation.composition is not None:
        composed = observation.composition["effective"]
    found: dict[str, list[str]] = backend.dropping(composed, seen["forward"])
    return found


def _named(declaration: Declaration) -> str:
    """The variable by which it is declared, with its value."""
    engine, network = declaration["engine"], declaration["network"]
    if network is not None and backend.is_nftables(network["options"]):
        return "docker_network_firewall_backend: nftables"
    if engine is not None and backend.is_nftables(engine["options"]):
        return "docker_engine_options firewall-backend: nftables"
    return "firewall-backend: nftables in /etc/docker/daemon.json"


def _version(text: str | None) -> tuple[int, int] | None:
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None


def _age_problem(host: Host) -> str | None:
    """Why the engine, or the one that would be installed, is too old."""
    has_engine = host["engine"]["installed"]
    offered = host["packages"].get(packages.ENGINE)
    text = host["engine"]["version"] if has_engine else offered and offered["candidate"]
    version = _version(text)
    if version is None or version >= backend.SINCE:
        return None
    which = f"this host has engine {text}" if has_engine else f"this host would install {packages.ENGINE} {text}"
    since = f"{backend.SINCE[0]}.{backend.SINCE[1]}"
    return f"takes engine {since} or later, and {which}: leave it out, or install a newer engine first"


def _problems(declaration: Declaration, observation: Observation, config: Options) -> Iterator[str]:
    host = observation.host
    seen = host["nftables_backend"]
    assert seen is not None  # refusals() has seen it.
    in_swarm = seen["in_swarm"] or host["engine"]["swarm"] not in (None, "", "inactive")
    may_be_in_swarm = config.get("iptables") is False or (config.get("features") or {}).get("swarm-nftables") is True
    if in_swarm and not may_be_in_swarm:
        yield (
            "does not go with a swarm, of which this host is a node: dockerd would not start. Leave it out on this "
            "host, or have the host leave the swarm first (docker swarm leave)"
        )
    if seen["nft"] is None and not _installs_nft(declaration, host):
        yield (
            "takes the program nft, which this host does not have: dockerd would not start. Install the package "
            f"{packages.FILTER} first"
        )
    off = _forwarding_off(declaration, observation, config)
    if off:
        names = ", ".join(off)
        set_them = ", ".join(f"{name}: 1" for name in off)
        yield (
            f"takes {names} = 1, now and after a boot: dockerd does not switch forwarding on with this backend, and "
            f"would not start. Set docker_network_sysctls: {{{set_them}}}, and let the host's own firewall drop what "
            "it must not forward between other networks; or set docker_network_ip_forward: false"
        )
    for program, rules in _dropping(observation).items():
        if rules:
            more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
            yield (
                f"leaves containers without packets: the chain FORWARD of {program} has the policy DROP and rules of "
                f"others ({rules[0]}{more}), and what dockerd's nftables rules accept is dropped there. Give that "
                "chain the policy ACCEPT in the firewall that makes these rules (for ufw DEFAULT_FORWARD_POLICY in "
                "/etc/default/ufw), and let a rule drop what must not be forwarded"
            )


def _installs_nft(declaration: Declaration, host: Host) -> bool:
    """Whether this run installs the program, for a filter of Mooring's."""
    if host["packages"][packages.FILTER]["installed"] is not None:
        return False  # apt takes it for there.
    engine, published = declaration["engine"], filters.published_due(declaration, host)
    for_endpoints = engine is not None and bool(engine["filter_rules"]) and is_asked_for("install", declaration)
    for_published = published is not None and published.rules is not None
    return for_endpoints or (for_published and asks_for_step("published_filter", declaration))


def _forwarding_off(declaration: Declaration, observation: Observation, config: Options) -> list[str]:
    """The parameters without which dockerd does not start, of those that are off, and that this run leaves off."""
    network, host = declaration["network"], observation.host
    declared: dict[str, Any] = {}
    if network is not None and asks_for_step("sysctls", declaration):
        declared = network["sysctls"]
    seen = host["sysctls"]
    # Mooring sees to it, together with docker_network, that what is on stays on.
    times = [seen["live"]] if network is not None else [seen["live"], seen["boot"]]
    networks = network["networks"] if network is not None else []
    return [
        name
        for name in sysctls.forwarding(config, networks, host)
        if str(declared.get(name, "1" if all(values.get(name) == "1" for values in times) else "0")) != "1"
    ]
