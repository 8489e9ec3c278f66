# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which user-defined networks are made and removed. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._config import classification, redaction
from .._network import networks
from .._system.observed import Host

if TYPE_CHECKING:
    from .declaration import Declaration, NetworkDeclaration
    from .observation import Observation
    from .steps import Step

_ROOTS = ("data-root", "userns-remap")
"""The options that decide where the daemon keeps its networks."""


def refusals(network: NetworkDeclaration, host: Host) -> list[str]:
    """Networks that the host cannot carry, and those that are in the way and not the role's to remove."""
    return [f"docker_network_networks {problem}" for problem in networks.plan(network["networks"], host)["problems"]]


def step(declaration: Declaration, observation: Observation, apply: Step | None) -> Step | None:
    """Make and remove networks; ``apply`` is what is done with the daemon before.

    Where no engine answers yet, or another set of networks may come with its restart, all declared ones are planned,
    and the module leaves those alone that turn out to be there.
    """
    network = declaration["network"]
    if network is None:
        return None
    host = observation.host
    reasons = []
    if host["engine"]["networks"] is None:
        reasons.append("no engine answers yet")
    if apply is not None and _may_lose_networks(apply):
        reasons.append("the daemon restarts and may have other networks then")
        host = {**host, "engine": {**host["engine"], "networks": []}}
    todo = networks.plan(network["networks"], host)
    if not (todo["make"] or todo["remove"]):
        return None
    made, removed = ([entry["name"] for entry in todo[key]] for key in ("make", "remove"))
    # One that differs is removed and made again.
    again = [name for name in made if name in removed]
    phrases = {
        "make": [name for name in made if name not in again],
        "make again": again,
        "remove": [name for name in removed if name not in again],
    }
    return {
        "name": "networks",
        "role": "docker_network",
        "summary": "; ".join(f"{verb} {', '.join(names)}" for verb, names in phrases.items() if names),
        "reasons": reasons + [f"{entry['name']}: {entry['reason']}" for entry in todo["remove"]],
        "effects": [],
        # Options of drivers and labels may hold what nobody else should see.
        "parameters": {
            "make": [redaction.concealed(entry, redaction.by_name) for entry in todo["make"]],
            "remove": todo["remove"],
            "docker_host": network["docker_host"],
            "timeout": network["timeout"],
        },
        "diff": [
            {
                "before": "".join(f"{entry['name']} ({entry['reason']})\n" for entry in todo["remove"]),
                "after": "".join(f"{name}\n" for name in made),
                "before_header": "networks",
                "after_header": "networks",
            }
        ],
    }


def _may_lose_networks(apply: Step) -> bool:
    """Whether the daemon that comes may look for its networks at another place."""
    if apply["parameters"]["action"] != "restart":
        return False
    unknown = {classification.COMMAND_CHANGED, classification.UNSEEN_CHANGES}
    return bool({*_ROOTS} & {*apply["parameters"]["keys"]} or unknown & {*apply["reasons"]})
