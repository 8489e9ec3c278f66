# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may connect to the daemon's TCP endpoints, and who may reach published ports. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._config import endpoints
from .._firewall import endpoint_filter, nftables, published
from .._system.observed import Host
from .addresses import own_bridges

if TYPE_CHECKING:
    from .declaration import Declaration, EngineDeclaration, NetworkDeclaration
    from .observation import Observation
    from .steps import Step


def published_surroundings(network: NetworkDeclaration, host: Host) -> dict[str, list[str]]:
    """Docker's bridges that have names of their own (``containers``), and the daemon's ports (``services``)."""
    urls = host["listening"] if network["endpoints"] is None else network["endpoints"]
    surroundings: dict[str, list[str]] = published.surroundings(host, own_bridges(network), urls)
    return surroundings


def published_rules(network: NetworkDeclaration, host: Host) -> str | None:
    """What stands in the table for published ports; None for no table."""
    around = published_surroundings(network, host)
    rules: str | None = published.rules(
        network["published"], around["containers"], network["other_bridges"], around["services"]
    )
    return rules


def published_refusals(network: NetworkDeclaration, host: Host) -> list[str]:
    """Why the policy for published ports cannot hold on the host, or would harm it."""
    containers = published_surroundings(network, host)["containers"]
    problems: list[str] = published.host_problems(network["published"], host, containers, network["other_bridges"])
    return problems


def published_step(declaration: Declaration, observation: Observation) -> Step | None:
    """Load the table for published ports, or remove it."""
    network, host = declaration["network"], observation.host
    if network is None:
        return None
    rules = published_rules(network, host)
    if not nftables.due(host["nftables"], published.NAME, rules, network["require_filters"]):
        return None
    around = published_surroundings(network, host)
    return {
        "name": "published_filter",
        "role": "docker_network",
        "summary": "filter published ports" if rules else "let everybody reach published ports",
        "reasons": _reasons(host, published.NAME, rules, network["require_filters"]),
        "effects": ["who may reach published ports changes"] if _changes(host, published.NAME, rules) else [],
        "parameters": {
            "policy": network["published"],
            "container_bridges": around["containers"],
            "other_bridges": network["other_bridges"],
            "services": around["services"],
            "required": network["require_filters"],
            "confirm": network["confirm"],
        },
        "diff": _diff(observation, published.NAME, rules),
    }


def endpoint_step(declaration: Declaration, observation: Observation) -> Step | None:
    """Load the table for the TCP endpoints, or remove it."""
    engine, host = declaration["engine"], observation.host
    if engine is None:
        return None
    rules = engine["filter_rules"] or None
    if not nftables.due(host["nftables"], endpoint_filter.NAME, rules, engine["require_filters"]):
        return None
    ports = ", ".join(_ports(engine)) or "the TCP endpoints"
    return {
        "name": "endpoint_filter",
        "role": "docker_engine",
        "summary": f"filter {ports}" if rules else "remove the filter of the TCP endpoints",
        "reasons": _reasons(host, endpoint_filter.NAME, rules, engine["require_filters"]),
        "effects": [f"who may connect to {ports} changes"] if _changes(host, endpoint_filter.NAME, rules) else [],
        "parameters": {
            "name": endpoint_filter.NAME,
            "rules": rules or "",
            "state": "present" if rules else "absent",
            "required": engine["require_filters"],
            "confirm": engine["confirm"],
        },
        "diff": _diff(observation, endpoint_filter.NAME, rules),
    }


def _ports(engine: EngineDeclaration) -> list[str]:
    """The ports of the TCP endpoints, such as "2376/tcp"."""
    urls = [url for url in engine["options"].get("hosts", []) if str(url).startswith("tcp://")]
    return sorted({f"{endpoints.parse(url).port}/tcp" for url in urls})


def _changes(host: Host, name: str, rules: str | None) -> bool:
    """Whether the rules in force change, and not only what a boot or docker.service makes of them."""
    observed = host["nftables"].get(name)
    if rules is None or observed is None:
        return True
    return bool(observed["text"] != nftables.script(name, rules) or not observed["live"])


def _reasons(host: Host, name: str, rules: str | None, required: bool) -> list[str]:
    observed = host["nftables"].get(name)
    if rules is None:
        return ["nothing is to be filtered"]
    if observed is None:
        return ["there is no such filter"]
    differences = {
        "the rules differ": observed["text"] != nftables.script(name, rules),
        "the rules are not in force": not observed["live"],
        "a boot would not load them": not observed["persistent"],
        f"docker.service {'must' if required else 'must not'} require them": observed["required"] != required,
    }
    return [reason for reason, differs in differences.items() if differs]


def _diff(observation: Observation, name: str, rules: str | None) -> list[dict[str, str]]:
    """The change as nft lists it; that of the file, where there is no nft yet."""
    if name in observation.filter_previews:
        return observation.filter_previews[name]
    host = observation.host
    table = host["nftables"].get(name)
    before = (table["text"] if table else None) or ""
    after = nftables.script(name, rules) if rules else ""
    if before == after:
        return []
    path = str(nftables.file(name))
    return [{"before": before, "after": after, "before_header": path, "after_header": path}]
