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
    found += observation.refused
    found += apply.refusals(declaration, observation)
    return list(dict.fromkeys(found))


def _steps(declaration: Declaration, observation: Observation) -> list[Step]:
    due = [
        sysctls.step(declaration, observation),
        filters.published_step(declaration, observation),
        ssh.step(declaration, observation),
        filters.endpoint_step(declaration, observation),
        certificate.step(declaration, observation),
        configuration.step(declaration, observation),
        socket_group.step(declaration, observation),
    ]
    asked = [step for step in due if step and asks_for_step(step["name"], declaration)]
    for step in (
        _asked(apply.step(declaration, observation), declaration),
        _asked(networks.step(declaration, observation, _named("apply", asked)), declaration),
    ):
        asked += [step] if step else []
    # What the others need is installed with them, and confirmed by them.
    for step in (
        packages.step(declaration, observation, asked),
        _asked(confirmation.step(declaration, observation, asked), declaration),
    ):
        asked += [step] if step else []
    return sorted(asked, key=lambda step: STEPS.index(step["name"]))
