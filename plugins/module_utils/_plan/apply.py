# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings the daemon to its configuration, and who notices. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._config.options import OPTIONS
from .._system.observed import Host
from . import firewall_backend
from .packages import installs_engine

if TYPE_CHECKING:
    from .._config.classification import ApplyPlan
    from .declaration import Declaration, RoleDeclaration
    from .observation import Observation
    from .steps import Step


def settings(declaration: Declaration) -> RoleDeclaration:
    """The role that says how the daemon may be restarted: docker_engine's where both are declared."""
    role = declaration["engine"] or declaration["network"]
    assert role is not None  # A declaration has at least one of them.
    return role


def refusals(declaration: Declaration, observation: Observation) -> list[str]:
    """Why the daemon may not be brought to the files that are there already.

    What the composition's own way would be refused for, its dry run has told.
    """
    policy = settings(declaration)["restart"]
    refusal = observation.pending.refusal(policy) if observation.pending and policy != "never" else None
    return [refusal] if refusal else []


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Reload, start or restart the daemon, enable it, and finish what an interrupted run has left.

    That is to start containers, and to test the daemon with one.
    """
    host = observation.host
    if not (host["engine"]["installed"] or installs_engine(declaration, host)):
        return None
    plan = observation.apply
    stopped = host["configuration"]["stopped"]
    # Debian's package enables the service that it brings.
    enable = host["engine"]["installed"] and host["engine"]["service"]["enabled"] != "enabled"
    test = host["configuration"]["untested"] and plan.action == "nothing"
    accept = firewall_backend.left_behind(observation)
    if plan.action == "nothing" and not (stopped or enable or test or accept):
        return None
    role = settings(declaration)
    policy = role["restart"]
    pending = plan.sentence() if policy == "never" and plan.action == "restart" else None
    phrases = [_summary(plan, policy)] if plan.action != "nothing" else []
    phrases += [f"start {', '.join(stopped)}, which an interrupted run has stopped"] if stopped else []
    phrases += ["start the daemon at boot"] if enable else []
    phrases += ["test the daemon with a container, which an interrupted run has not done"] if test else []
    phrases += [f"let the chain FORWARD of {' and '.join(accept)} accept what no rule decides"] if accept else []
    lines = [*plan.reasons, *(f"start {name}" for name in plan.drained or stopped)]
    return {
        "name": "apply",
        "role": "docker_engine" if declaration["engine"] else "docker_network",
        "summary": "; ".join(phrases),
        "reasons": plan.reasons,
        "effects": [] if pending else [*_effects(plan, host), *_forwarding_effects(accept)],
        "parameters": {
            "restart": role["restart"],
            "containers": role["containers"],
            "timeout": role["timeout"],
            "confirm": role["confirm"],
            "action": plan.action,
            "keys": plan.keys,
            "drained": plan.drained,
            "stopped": stopped,
            "enable": enable,
            "test": test,
            "accept_forwarded": accept,
            "pending": pending,
        },
        "diff": [
            {
                "before": "",
                "after": "".join(f"{line}\n" for line in [plan.action, *lines]),
                "before_header": "docker.service",
                "after_header": "docker.service",
            }
        ],
    }


def _summary(plan: ApplyPlan, policy: str) -> str:
    """The plan's own sentence, or why it waits."""
    refusal = plan.refusal(policy) if policy == "never" else None
    return refusal or plan.sentence()


def _effects(plan: ApplyPlan, host: Host) -> list[str]:
    """Who notices. A reload nobody does."""
    effects: list[str] = []
    names = ", ".join(plan.containers)
    if plan.action == "restart":
        if plan.drained:
            effects.append(f"the daemon restarts; containers {', '.join(plan.drained)} are stopped and started again")
        elif plan.containers and plan.survives:
            count = f"{len(plan.containers)} container{'s' if len(plan.containers) > 1 else ''}"
            keep = "keep" if len(plan.containers) > 1 else "keeps"
            effects.append(f"the daemon restarts; {count} {keep} running, published ports can fail for a moment")
        elif plan.containers:
            effects.append(
                f"the daemon restarts; containers {names} are stopped, and start again by their own policies"
            )
        else:
            effects.append("the daemon restarts; no container is running")
        tcp = [url for url in host["listening"] if url.startswith("tcp://")]
        effects.append(f"clients of the API are disconnected for the restart{', by TCP too' if tcp else ''}")
    elif plan.action == "start":
        effects.append(f"the daemon starts{f'; containers {names} keep running' if plan.containers else ''}")
    if _affects_connectivity(plan, host):
        effects.append(
            "addresses or packet filters of Docker's networks change; the host reverts that unless this run can "
            "confirm it over a new connection"
        )
    return effects


def _forwarding_effects(accept: list[str]) -> list[str]:
    """What follows where packets are no longer dropped that nobody has decided about."""
    if not accept:
        return []
    return [
        f"the policy DROP of {' and '.join(accept)}, which the daemon set while its rules were iptables', ends: the "
        "host forwards between its other networks whatever its own firewall does not drop"
    ]


def _affects_connectivity(plan: ApplyPlan, host: Host) -> bool:
    """Whether the daemon can take away the connection to the host: it makes docker0, or changes what it filters."""
    if plan.action not in ("start", "restart"):
        return False
    makes_bridge = plan.action == "start" and "docker0" not in host["network"]["interfaces"]
    return makes_bridge or any(OPTIONS[key].affects_connectivity for key in plan.keys if key in OPTIONS)
