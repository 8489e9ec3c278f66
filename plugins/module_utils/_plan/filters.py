# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may connect to the daemon's TCP endpoints, and who may reach published ports. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._config import endpoints
from .._firewall import endpoint_filter, nftables, published
from .._system.observed import Host
from .addresses import own_bridges

if TYPE_CHECKING:
    from .declaration import Declaration, EngineDeclaration, NetworkDeclaration
    from .observation import Observation
    from .steps import Step


class Due(NamedTuple):
    """What is declared of a table that the host does not have like that.

    ``rules`` are None for no table; ``required`` tells whether docker.service is to start only with it in force.
    """

    name: str
    rules: str | None
    required: bool


def published_due(declaration: Declaration, host: Host) -> Due | None:
    """The table for published ports, where it is to be loaded or removed."""
    network = declaration["network"]
    if network is None:
        return None
    return _due(host, published.NAME, published_rules(network, host), network["require_filters"])


def endpoint_due(declaration: Declaration, host: Host) -> Due | None:
    """The table for the TCP endpoints, where it is to be loaded or removed."""
    engine = declaration["engine"]
    if engine is None:
        return None
    return _due(host, endpoint_filter.NAME, engine["filter_rules"] or None, engine["require_filters"])


def _due(host: Host, name: str, rules: str | None, required: bool) -> Due | None:
    return Due(name, rules, required) if nftables.due(host["nftables"], name, rules, required) else None


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
    due = published_due(declaration, host)
    if network is None or due is None:
        return None
    around = published_surroundings(network, host)
    return {
        "name": "published_filter",
        "role": "docker_network",
        "summary": "filter published ports" if due.rules else "let everybody reach published ports",
        "reasons": _reasons(host, due),
        "effects": ["who may reach published ports changes"] if _changes(host, due) else [],
        "parameters": {
            "policy": network["published"],
            "container_bridges": around["containers"],
            "other_bridges": network["other_bridges"],
            "services": around["services"],
            "required": due.required,
            "confirm": network["confirm"],
        },
        "diff": _diff(observation, due),
    }


def endpoint_step(declaration: Declaration, observation: Observation) -> Step | None:
    """Load the table for the TCP endpoints, or remove it."""
    engine, host = declaration["engine"], observation.host
    due = endpoint_due(declaration, host)
    if engine is None or due is None:
        return None
    ports = ", ".join(_ports(engine)) or "the TCP endpoints"
    return {
        "name": "endpoint_filter",
        "role": "docker_engine",
        "summary": f"filter {ports}" if due.rules else "remove the filter of the TCP endpoints",
        "reasons": _reasons(host, due),
        "effects": [f"who may connect to {ports} changes"] if _changes(host, due) else [],
        "parameters": {
            "name": due.name,
            "rules": due.rules or "",
            "state": "present" if due.rules else "absent",
            "required": due.required,
            "confirm": engine["confirm"],
        },
        "diff": _diff(observation, due),
    }


def _ports(engine: EngineDeclaration) -> list[str]:
    """The ports of the TCP endpoints, such as "2376/tcp"."""
    urls = [url for url in engine["options"].get("hosts", []) if str(url).startswith("tcp://")]
    return sorted({f"{endpoints.parse(url).port}/tcp" for url in urls})


def _changes(host: Host, due: Due) -> bool:
    """Whether the rules in force change, and not only what a boot or docker.service makes of them."""
    observed = host["nftables"].get(due.name)
    if due.rules is None or observed is None:
        return True
    return bool(observed["text"] != nftables.script(due.name, due.rules) or not observed["live"])


def _reasons(host: Host, due: Due) -> list[str]:
    observed = host["nftables"].get(due.name)
    if due.rules is None:
        return ["nothing is to be filtered"]
    if observed is None:
        return ["there is no such filter"]
    differences = {
        "the rules differ": observed["text"] != nftables.script(due.name, due.rules),
        "the rules are not in force": not observed["live"],
        "a boot would not load them": not observed["persistent"],
        f"docker.service {'must' if due.required else 'must not'} require them": observed["required"] != due.required,
    }
    return [reason for reason, differs in differences.items() if differs]


def _diff(observation: Observation, due: Due) -> list[dict[str, str]]:
    """The change as nft lists it; that of the file, where there is no nft yet."""
    if due.name in observation.filter_previews:
        return observation.filter_previews[due.name]
    table = observation.host["nftables"].get(due.name)
    before = (table["text"] if table else None) or ""
    after = nftables.script(due.name, due.rules) if due.rules else ""
    if before == after:
        return []
    path = str(nftables.file(due.name))
    return [{"before": before, "after": after, "before_header": path, "after_header": path}]
