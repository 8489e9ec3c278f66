# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation will do, from what the operator asks, the fleet and the state of its authorities."""

from __future__ import annotations

import json
from typing import Any, TypedDict

from .. import authorities
from ..fleet import restart_problems
from .states import newest, union

BEGIN = "begin"
"""Make the next generations, and trust them: beside the present ones, or alone in an emergency."""
TRUST = "trust"
"""Each daemon gets a certificate by the next authority of servers, and trusts clients of both generations."""
PROMOTE = "promote"
"""The next authority of clients signs from now on. Every daemon must have been seen to trust it."""
RENEW = "renew"
"""The clients get certificates by it."""
RETIRE = "retire"
"""The old authorities are trusted no more. No client may be locked out by that."""
REMOVE = "remove"
"""The clients that are left behind go from the index."""
FORGET = "forget"
"""Each daemon forgets the old authority of clients."""
CONFIRM = "confirm"
"""Each daemon is tried: does it refuse the old authority?"""
UPDATE = "update"
"""The clients forget the old authority of servers, and get certificates where they have none by the new ones."""
FINISH = "finish"
"""The rotation ends, and what it could not do is told."""

STEPS = (BEGIN, TRUST, PROMOTE, RENEW, RETIRE, REMOVE, FORGET, CONFIRM, UPDATE, FINISH)
"""All steps, in their order."""

_REPLACE_NOW = "playbooks/replace_client_authority_now.yml"


class Request(TypedDict):
    """What a playbook asks for.

    ``kinds``: the authorities to replace, of authorities.KINDS. ``leaving``: clients that get no certificate by the new
    ones. ``removing``: the rotation is there only for ``leaving`` to go. ``emergency``: the authority of clients is
    replaced at once, and no daemon or client is waited for.
    """

    kinds: list[str]
    leaving: list[str]
    removing: bool
    emergency: bool


class Rotation(TypedDict):
    """The plan.

    ``problems``: why there is none, one sentence each. ``steps``: what is left to do, of STEPS; none in check mode.
    ``preview``: what would be done, as a sentence; "" for nothing. ``trust`` and ``forget``: the hosts whose daemons
    take these two steps, ``batch``: how many of them at a time forget, as Ansible's ``serial`` has it. ``kinds``,
    ``removing`` and ``emergency`` as in the request; ``leaving`` with those of a rotation that goes on.
    """

    problems: list[str]
    steps: list[str]
    preview: str
    trust: list[str]
    forget: list[str]
    batch: str
    kinds: list[str]
    leaving: list[str]
    removing: bool
    emergency: bool


def plan(fleet: dict[str, Any], request: Request, check: bool) -> Rotation:
    """How the rotation that ``request`` asks for begins, or goes on from where it is.

    ``fleet`` is ``fleet.resolve``'s; ``check`` is check mode.
    """
    directory = fleet["ca_directory"]
    state = authorities.load(directory)
    under_way = state["rotation"] or {"leaving": []}
    emergency = request["emergency"]
    rotation: Rotation = {
        "problems": _request_problems(request),
        "steps": [],
        "preview": "",
        "trust": [],
        "forget": [],
        "batch": "100%" if emergency else "1",
        "kinds": [],
        "leaving": [],
        "removing": request["removing"],
        "emergency": emergency,
    }
    if rotation["problems"]:
        return rotation
    rotation["kinds"] = sorted(set(request["kinds"]), key=authorities.KINDS.index)
    rotation["leaving"] = union(request["leaving"], under_way["leaving"])
    steps = [REMOVE, FINISH] if _needs_none(directory, state, request) else _steps(directory, state, rotation)
    idle = FORGET not in steps
    if not (idle or emergency):
        rotation["problems"] += _conflicts(directory, state, rotation)
    if not idle and authorities.view(directory)["client"]["signer"]["key_id"] is None:
        rotation["problems"].append(f"{directory} has no authorities to replace yet: run playbooks/site.yml first")
    # An emergency waits for no host.
    if not (idle or emergency):
        rotation["problems"] += restart_problems(fleet, fleet["tls"])
    if rotation["problems"]:
        return rotation
    if check:
        rotation["preview"] = "" if idle else _preview(fleet, rotation)
        return rotation
    rotation["steps"] = steps
    rotation["trust"] = fleet["tls"] if TRUST in steps else []
    rotation["forget"] = fleet["checked"] if FORGET in steps else []
    return rotation


def unfinished(fleet: dict[str, Any], emergency: bool) -> list[str]:
    """What a rotation of ``fleet`` that comes to its end could not do, one sentence each with the way out."""
    directory = fleet["ca_directory"]
    state = authorities.load(directory)
    left = authorities.outstanding(directory) if state["distrusted"] else []
    unwilling = [name for name, host in fleet["hosts"].items() if host["restart"] == "never"]
    never = sorted({host for entry in state["distrusted"] for host in entry["hosts"] or [] if host in unwilling})
    if never:
        left.append(
            f"docker_engine_restart is never on {', '.join(never)}, and a daemon reads TLS files at its start only: "
            "allow it for this run, -e docker_engine_restart=only_without_containers"
        )
    if left:
        left.append("Run the same command again once these hosts can be reached and their daemons may restart")
    locked = authorities.locked_out(directory) if emergency else []
    if locked:
        left.append(
            f"{', '.join(locked)} is locked out until it is renewed by playbooks/client.yml, or removed by "
            "playbooks/remove_client.yml"
        )
    return left


def _request_problems(request: Request) -> list[str]:
    problems = []
    kinds, leaving = request["kinds"], request["leaving"]
    if not isinstance(kinds, list) or not kinds or not set(kinds) <= set(authorities.KINDS):
        problems.append(
            f"kinds {kinds}: leave it out to replace both authorities, or say -e '{json.dumps({'kinds': ['client']})}' "
            f"or -e '{json.dumps({'kinds': ['server']})}'"
        )
    if not isinstance(leaving, list) or not all(isinstance(name, str) for name in leaving):
        problems.append(f"without {leaving}: it must be a list of clients, -e '{json.dumps({'without': ['NAME']})}'")
    return problems


def _needs_none(directory: str, state: authorities.State, request: Request) -> bool:
    """Whether clients are removed who have no certificate, while a rotation is under way that is not about them."""
    others = bool(state["rotation"]) and not set(request["leaving"]) & set(state["rotation"]["leaving"])
    return request["removing"] and others and not _certificates(directory, request["leaving"])


def _steps(directory: str, state: authorities.State, rotation: Rotation) -> list[str]:
    """What is left to do, of STEPS."""
    retired = bool(state["rotation"]) and state["rotation"]["step"] == "retired"
    outstanding = bool(state["distrusted"]) and (retired or not state["rotation"])
    trusted = any(certificate["trusted"] for certificate in _certificates(directory, rotation["leaving"]))
    if rotation["emergency"]:
        # Said again, it replaces the authority no second time, unless whom it is to remove is still trusted.
        anew = trusted if rotation["removing"] else not outstanding
        first = [BEGIN] if anew else []
    elif retired or (rotation["removing"] and not trusted and not state["rotation"]):
        anew, first = False, []
    else:
        return list(STEPS)
    if not (anew or outstanding or retired):
        return [REMOVE, FINISH]
    return [*first, REMOVE, FORGET, CONFIRM, UPDATE, FINISH]


def _conflicts(directory: str, state: authorities.State, rotation: Rotation) -> list[str]:
    """Why the rotation that is under way keeps this one from going on, one sentence each."""
    under_way = state["rotation"]
    if not under_way:
        return []
    problems = []
    if under_way["kinds"] != sorted(rotation["kinds"]):
        problems.append(
            f"a rotation of the {' and '.join(under_way['kinds'])} authority is under way: finish it first, by "
            f"playbooks/replace_authorities.yml -e '{json.dumps({'kinds': under_way['kinds']})}'"
        )
    following = authorities.generation(directory, "client", newest(state, "client"))
    late = union(
        [
            certificate["name"]
            for certificate in _certificates(directory, rotation["leaving"])
            if certificate["trusted"] and certificate["authority_key_id"] == following["key_id"]
        ]
    )
    if late and "client" in under_way["kinds"]:
        now = "say -e emergency=true" if rotation["removing"] else f"run {_REPLACE_NOW}"
        problems.append(
            f"{', '.join(late)} has a certificate by {following['name']} already, to which a rotation is under way: "
            f"finish that first, by playbooks/replace_authorities.yml, and say this again; or {now}"
        )
    return problems


def _certificates(directory: str, names: list[str]) -> list[dict[str, Any]]:
    """The certificates of these clients that let their holders in anywhere."""
    index = authorities.index(directory, "client")
    return [certificate for certificate in index if certificate["name"] in names and certificate["lets_in"]]


def _preview(fleet: dict[str, Any], rotation: Rotation) -> str:
    replaced = " and ".join(f"the authority of {kind}s" for kind in rotation["kinds"])
    at_once = " at once" if rotation["emergency"] else ""
    daemons = ", ".join(fleet["tls"]) or "no host"
    return f"Would replace {replaced}{at_once}, restart the daemons of {daemons} and renew the clients"
