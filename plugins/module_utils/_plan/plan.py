# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one host: why there is none, or the steps in their order. A pure function; each rule has its file.

====================  =================================================================================
What is decided       Where
====================  =================================================================================
kind of host          ``_system.platforms``
tags                  ``selection``
packages              ``packages``
kernel parameters     ``sysctls``
packet filters        ``filters``
dockerd's rules       ``firewall_backend``: where they cannot be nftables'
clients over SSH      ``ssh``
TLS                   ``certificate``
docker0 and pools     ``addresses``: a ``bip`` that would cut the host off is refused there
daemon.json           ``configuration``, over ``_apply.composition``
users and groups      ``socket_group``
reload or restart     ``apply``, over ``_config.classification``
pending confirmation  ``confirmation``
networks              ``networks``
====================  =================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._config import redaction
from .._system import platforms
from . import (
    addresses,
    apply,
    certificate,
    configuration,
    confirmation,
    filters,
    firewall_backend,
    networks,
    packages,
    socket_group,
    ssh,
    sysctls,
)
from .selection import asks_for_step
from .steps import STEPS

if TYPE_CHECKING:
    from .declaration import Declaration
    from .observation import Observation
    from .steps import Plan, Step


def plan(declaration: Declaration, observation: Observation) -> Plan:
    """What a run would do on the host that was observed."""
    refused = refusals(declaration, observation)
    steps = [] if refused else _steps(declaration, observation)
    return _without_secrets({"refusals": refused, "steps": steps}, observation)


def refusals(declaration: Declaration, observation: Observation) -> list[str]:
    """Why there is no plan, each reason once."""
    host = observation.host
    unfit = platforms.problem(host["system"])
    if unfit:
        return [unfit]
    engine, network = declaration["engine"], declaration["network"]
    found = [host["configuration"]["error"]] if host["configuration"]["error"] else []
    if engine is not None:
        found += packages.refusals(declaration, host)
        found += socket_group.refusals(engine, host)
        found += certificate.refusals(declaration, engine, host)
        found += ssh.refusals(engine, host)
    if network is not None:
        found += addresses.refusals(declaration, network, host, observation.addresses)
        found += networks.refusals(network, host)
        found += sysctls.refusals(network, host)
        found += filters.published_refusals(network, host)
    unfit_backend = firewall_backend.refusals(declaration, observation)
    found += unfit_backend
    found += firewall_backend.without_age(observation.refused, host) if unfit_backend else observation.refused
    found += apply.refusals(declaration, observation)
    return list(dict.fromkeys(found))


def _steps(declaration: Declaration, observation: Observation) -> list[Step]:
    """Those that are due and asked for, in the order in which they are carried out."""

    def asked(step: Step | None) -> list[Step]:
        return [step] if step and asks_for_step(step["name"], declaration) else []

    applying = asked(apply.step(declaration, observation))
    steps = [
        *asked(sysctls.step(declaration, observation)),
        *asked(filters.published_step(declaration, observation)),
        *asked(ssh.step(declaration, observation)),
        *asked(filters.endpoint_step(declaration, observation)),
        *asked(certificate.step(declaration, observation)),
        *asked(configuration.step(declaration, observation)),
        *asked(socket_group.step(declaration, observation)),
        *applying,
        *asked(networks.step(declaration, observation, next(iter(applying), None))),
    ]
    steps += asked(confirmation.step(declaration, observation, steps))
    # What the others need is installed whether or not the installation is asked for.
    installing = packages.step(declaration, observation, steps)
    steps += [installing] if installing else []
    return sorted(steps, key=lambda step: STEPS.index(step["name"]))


def _without_secrets(plan: Plan, observation: Observation) -> Plan:
    """``plan`` with the secrets of daemon.json hidden wherever dockerd, or a file, has them in a text."""

    def hidden(data: Any) -> Any:
        return redaction.scrubbed(data, observation.secrets)

    steps = [
        # Parameters go into modules as they are; what could be secret in them was taken out where they were made.
        {**step, **{key: hidden(step[key]) for key in ("summary", "reasons", "effects", "diff")}}
        for step in plan["steps"]
    ]
    return {"refusals": hidden(plan["refusals"]), "steps": steps}  # type: ignore[typeddict-item]
