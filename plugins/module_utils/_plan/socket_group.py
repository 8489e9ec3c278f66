# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns the API's sockets and who is in their group. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._engine import socket_group
from .._system.observed import Group, Host

if TYPE_CHECKING:
    from .declaration import Declaration, EngineDeclaration
    from .observation import Observation
    from .steps import Step

_BY_THE_SYSTEM = ("docker", "root")
"""Groups that are there, or come with the engine."""


def refusals(engine: EngineDeclaration, host: Host) -> list[str]:
    """Users and groups that are not there, and members that cannot be taken out."""
    group, owner = engine["socket"]["group"], engine["socket"]["owner"]
    problems = []
    if group not in _BY_THE_SYSTEM and not host["groups"][group]:
        problems.append(f"docker_engine_socket_group {group}: there is no such group")
    if not host["users"][owner]:
        problems.append(f"docker_engine_socket_owner {owner}: there is no such user")
    unknown = [user for user in engine["users"] if not host["users"].get(user)]
    if unknown:
        problems.append(f"docker_engine_users {', '.join(unknown)}: there is no such user")
    members = socket_group.problems(host["groups"][group], group, engine["users"], engine["users_exclusive"])
    return problems + [f"docker_engine_users_exclusive: {problem}" for problem in members]


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Bring the members of the group to what is declared."""
    engine = declaration["engine"]
    if engine is None:
        return None
    group = engine["socket"]["group"]
    observed = observation.host["groups"][group]
    if not socket_group.due(observed, group, engine["users"], engine["users_exclusive"]):
        return None
    declared = socket_group.Declaration(group, engine["users"], engine["users_exclusive"])
    # A group that comes with the engine has nobody in it.
    todo = socket_group.plan(declared, observed or socket_group.EMPTY)
    phrases = {
        f"add {', '.join(todo.add)} to group {group}": todo.add,
        f"take {', '.join(todo.remove)} out of group {group}": todo.remove,
        f"let {', '.join(todo.demote)} administer group {group} no more": todo.demote,
        f"lock the password of group {group}": todo.lock,
        f"end processes that still hold group {group}": todo.end,
    }
    members = (observed or socket_group.EMPTY)["members"]
    after = sorted({*members, *todo.add} - set(todo.remove))
    path = f"group {group}"
    return {
        "name": "socket_group",
        "role": "docker_engine",
        "summary": "; ".join(phrase for phrase, is_due in phrases.items() if is_due),
        "reasons": [],
        "effects": _effects(todo, observed or socket_group.EMPTY),
        "parameters": {"group": group, "users": engine["users"], "exclusive": engine["users_exclusive"]},
        "diff": [
            {
                "before": "".join(f"{member}\n" for member in members),
                "after": "".join(f"{member}\n" for member in after),
                "before_header": path,
                "after_header": path,
            }
        ],
    }


def _effects(todo: socket_group.Plan, observed: Group) -> list[str]:
    """Whose sessions end, and who becomes root's equal."""
    effects = []
    if todo.add:
        effects.append(f"{', '.join(todo.add)} can use the API, and so can become root")
    users = sorted({holder["user"] for holder in observed["holders"] if holder["pid"] in todo.end})
    if users:
        count = f"{len(todo.end)} process{'es' if len(todo.end) > 1 else ''}"
        effects.append(f"{count} of {', '.join(users)} that hold the group end")
    return effects
