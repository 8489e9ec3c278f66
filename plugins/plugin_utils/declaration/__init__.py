# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of a host declare, checked on the controller before any trip.

``variables`` reads them; ``engine``, ``network`` and ``client`` judge those of a role and are pure. Here is what ties
them together for an action plugin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...module_utils._plan.declaration import Declaration
from ...module_utils._plan.selection import ENGINE_FRAGMENT, NETWORK_FRAGMENT
from ...module_utils._system import platforms
from .. import authorities, controller, generations, names
from . import client, engine, network
from .place import Authorities, Place
from .variables import Variables, preload, read, templated

ENGINE, NETWORK, CLIENT = "docker_engine", "docker_network", "docker_client"
FRAGMENTS = {ENGINE_FRAGMENT: ENGINE, NETWORK_FRAGMENT: NETWORK}
"""The role whose variables declare a fragment of daemon.json."""

preload([ENGINE, NETWORK, CLIENT])


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What is declared of a host, with what it was made of."""

    declaration: Declaration
    variables: Variables
    place: Place


def gather(
    roles: Collection[str],
    task_vars: Mapping[str, Any],
    templar: Any,
    fleet: names.Fleet | None = None,
    signs: bool = True,
) -> tuple[Gathered | None, list[str]]:
    """What is declared of the host of ``task_vars``, or why there is nothing, a sentence each.

    ``roles`` are those to plan, of docker_engine and docker_network; ``templar`` is the task's. ``fleet`` is what
    ``names.fleet`` returns; without it every host's variables are looked at here. ``signs`` tells whether certificates
    may be issued, which takes a passphrase.
    """
    place, problems = _place(task_vars, templar)
    variables, more = read(roles, task_vars, templar)
    problems += more
    if variables is None:
        return None, problems
    issues = ENGINE in roles and engine.issues(variables)
    if fleet is None and (issues or (NETWORK in roles and network.looks_at_fleet(variables))):
        fleet = names.fleet(task_vars["hostvars"], task_vars["groups"]["all"])
    known, more = _authorities(variables, "docker_engine_ca_directory") if issues else (None, [])
    problems += more
    place = dataclasses.replace(place, fleet=fleet or {}, authorities=known)
    engine_declared, more = engine.declare(variables, place, signs) if ENGINE in roles else (None, [])
    problems += more
    network_declared, more = network.declare(variables, place) if NETWORK in roles else (None, [])
    problems += more
    if problems:
        return None, problems
    declaration: Declaration = {
        "name": place.name,
        "controller": controller.addresses_towards(place.address),
        "run_tags": list(task_vars.get("ansible_run_tags", ["all"])),
        "skip_tags": list(task_vars.get("ansible_skip_tags", [])),
        "engine": engine_declared,
        "network": network_declared,
    }
    return Gathered(declaration, variables, place), []


def declare_client(task_vars: Mapping[str, Any], templar: Any) -> tuple[client.ClientDeclaration | None, list[str]]:
    """The declaration of the machine of ``task_vars`` as a client, or why there is none, a sentence each."""
    variables, problems = read([CLIENT], task_vars, templar)
    if variables is None:
        return None, problems
    known, more = _authorities(variables, "docker_client_ca_directory") if client.issues(variables) else (None, [])
    declared, others = client.declare(variables, known)
    problems += more + others
    return (None, problems) if problems else (declared, [])


def _place(task_vars: Mapping[str, Any], templar: Any) -> tuple[Place, list[str]]:
    """The host in its inventory, still without fleet and authorities; and why no host can be reached like that."""
    asked = ("ansible_host", "ansible_connection", "ansible_shell_type")
    values, failed = templated({name: task_vars[name] for name in asked if name in task_vars}, templar)
    name = str(task_vars["inventory_hostname"])
    place = Place(
        name=name, address=str(values.get("ansible_host") or name), hosts=frozenset(task_vars["groups"]["all"])
    )
    problem = platforms.connection_problem(
        values.get("ansible_connection", "ssh"), values.get("ansible_shell_type", "sh")
    )
    return place, [*(f"{variable}: {message}" for variable, message in failed.items()), *([problem] if problem else [])]


def _authorities(variables: Variables, variable: str) -> tuple[Authorities | None, list[str]]:
    """The authorities in the directory that ``variable`` names, or why they cannot be read."""
    try:
        directory = str(Path(variables[variable]).expanduser())
        known = authorities.view(directory)
        return Authorities(known["server"], known["client"], generations.due(directory)), []
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        return None, [f"{variable} {variables[variable]} cannot be read: {error}"]
