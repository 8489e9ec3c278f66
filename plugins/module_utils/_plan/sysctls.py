# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the kernel's parameters are set, and which that the kernel does not have are refused. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._network import sysctls
from .._system.observed import Host

if TYPE_CHECKING:
    from .declaration import Declaration, NetworkDeclaration
    from .observation import Observation
    from .steps import Step


def looked_up(declaration: Declaration) -> list[str]:
    """The parameters that are declared."""
    network = declaration["network"]
    return list(network["sysctls"]) if network else []


def refusals(network: NetworkDeclaration, host: Host) -> list[str]:
    """Declared parameters that the host does not have."""
    return [f"docker_network_sysctls {problem}" for problem in sysctls.host_problems(network["sysctls"], host)]


def wanted(declaration: Declaration, observation: Observation) -> dict[str, str]:
    """All parameters that must be set, declared and needed, name to value."""
    network = declaration["network"]
    if network is None:
        return {}
    options = declaration["engine"]["options"] if declaration["engine"] else {}
    merged = {**_composed(observation), **options, **observation.network_fragment}
    parameters: dict[str, str] = sysctls.wanted(network["sysctls"], merged, network["networks"], observation.host)
    return parameters


def _composed(observation: Observation) -> dict[str, Any]:
    """What daemon.json gets, also of what is not declared here."""
    composed: dict[str, Any] = (observation.composition or {}).get("effective", {})
    return composed


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Set what is not so now and after a boot, and take out of Mooring's file what is wanted no more."""
    if declaration["network"] is None:
        return None
    observed = observation.host["sysctls"]
    changes = sysctls.plan(wanted(declaration, observation), observation.host)
    if not changes:
        return None
    present = [change["name"] for change in changes if change["state"] == "present"]
    absent = [change["name"] for change in changes if change["state"] == "absent"]
    summary = [f"set {', '.join(present)}"] if present else []
    summary += [f"no longer set {', '.join(absent)}"] if absent else []
    before = [f"{name} = {observed['live'].get(name) or ''}\n" for name in [*present, *absent]]
    after = [f"{change['name']} = {change['value']}\n" for change in changes if change["state"] == "present"]
    return {
        "name": "sysctls",
        "role": "docker_network",
        "summary": "; ".join(summary),
        "reasons": [],
        "effects": [],
        "parameters": {"file": observed["file"], "parameters": changes},
        "diff": [
            {
                "before": "".join(before),
                "after": "".join(after),
                "before_header": observed["file"],
                "after_header": observed["file"],
            }
        ],
    }
