# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in that a person may have: declared in the inventory, and as the hosts have it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypedDict

from ansible.module_utils.parsing.convert_bool import boolean

from . import authorities
from .fleet import controller_problems
from .rotation import plan as rotations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")
_LISTS = ("docker_engine_ssh_clients", "docker_engine_users")
_NAMES = ("docker_engine_socket_owner", "docker_client_name")


class Consent(TypedDict):
    """What the operator allows a removal, each as ``-e`` gives it.

    ``replace_authority``: the authority of clients may be replaced. ``emergency``: so it may at once, locking out who
    is not renewed. ``without``: clients that may be left behind by that.
    """

    replace_authority: bool | str
    emergency: bool | str
    without: list[str]


class Ways(TypedDict):
    """What there is on a host to take somebody out of: the group of the socket, and the account's SSH keys."""

    group: bool
    keys: bool


class Removal(TypedDict):
    """The plan.

    ``problems``: why nothing is done, one sentence each. ``needs_authority``: whether it takes another authority of
    clients. ``ways``: by host. ``rotation``: how the authority is replaced, see ``rotation.plan``.
    """

    problems: list[str]
    needs_authority: bool
    ways: dict[str, Ways]
    rotation: rotations.Rotation


def problems(hosts: list[Mapping[str, Any]], name: str, playing: list[str], limit: str) -> list[str]:
    """Why ``name`` cannot be removed, by what is declared of ``hosts``, all of the inventory, each as its variables.

    ``playing`` are the hosts that ``--limit``, ``limit``, leaves.
    """
    if not _NAME.fullmatch(name):
        return [f"client {name or 'is not given'}: say -e client=NAME"]
    left_out = controller_problems(playing, limit)
    if left_out:
        return left_out
    named = _declared(hosts, name)
    if named:
        return [f"Nothing was changed. The next playbooks/site.yml would let {name} in again: {'; '.join(named)}"]
    return []


def _declared(hosts: list[Mapping[str, Any]], name: str) -> list[str]:
    """What in the inventory would let ``name`` in again, one sentence each."""
    found = []
    for variable in (*_LISTS, *_NAMES):
        where = [str(host["inventory_hostname"]) for host in hosts if name in _named(host, variable)]
        if where and (variable, name) != ("docker_engine_socket_owner", "root"):
            found.append(f"{variable} of {', '.join(where)} names {name}: take it out there")
    return found


def _named(host: Mapping[str, Any], variable: str) -> Collection[str]:
    value = host.get(variable) or []
    return [str(value)] if variable in _NAMES else value


def plan(fleet: dict[str, Any], name: str, consent: Consent, hosts: list[Mapping[str, Any]], check: bool) -> Removal:
    """What it takes to remove ``name``, by the index and by what was seen of ``hosts``, each as its variables.

    In a ``check`` the rotation has no steps.
    """
    emergency = boolean(consent["emergency"])
    allowed = emergency or boolean(consent["replace_authority"])
    problem, needs_authority = _certificate_problem(fleet, name, allowed, hosts)
    request: rotations.Request = {
        "kinds": ["client"],
        "leaving": [*consent["without"], name],
        "removing": True,
        "emergency": emergency,
    }
    rotation = rotations.plan(fleet, request, check)
    return {
        "problems": [problem] if problem else rotation["problems"],
        "needs_authority": needs_authority,
        "ways": {str(host["inventory_hostname"]): _present(fleet, host) for host in hosts},
        "rotation": rotation,
    }


def _certificate_problem(
    fleet: dict[str, Any], name: str, allowed: bool, hosts: list[Mapping[str, Any]]
) -> tuple[str, bool]:
    """Why ``name`` is not removed, "" where it is, and whether that takes another authority of clients.

    ``allowed`` says that it may be replaced.
    """
    own = [one for one in authorities.index(fleet["ca_directory"], "client") if one["name"] == name]
    good = [one for one in own if one["lets_in"]]
    unreadable = [one["files"][0] for one in own if one["days_left"] is None and one["status"] != "removed"]
    seen = {str(host["inventory_hostname"]): _ways(fleet, host, name, "removal_before") for host in hosts}
    found = [f"{way} on {_among(seen, way)}" for way in _WAYS if _among(seen, way)]
    if good:
        superseded = sum(1 for one in good if one["status"] == "superseded")
        more = f", {superseded} of them superseded" if superseded else ""
        until = max(str(one["not_after"]) for one in good)
        found.append(f"{len(good)} certificate{'s' if len(good) > 1 else ''}{more}, valid until {until}")
    problem = ""
    unseen = [host for host, its in seen.items() if its is None]
    if not (own or found or any(_has_account(host, name) for host in hosts)):
        known = ", ".join(one["name"] for one in authorities.issued(fleet["ca_directory"], "client")) or "none"
        lost = f" ({', '.join(unseen)} could not be looked at)" if unseen else ""
        problem = (
            f"client {name}: the index has {known}, and no host has an SSH key or an account of that name"
            f"{lost}; say -e client=NAME"
        )
    elif unreadable:
        # Nobody knows by which authority it is, nor until when it lets its holder in.
        problem = (
            f"Nothing was changed. {fleet['ca_directory']}/issued/clients/{unreadable[0]} cannot be read, and {name} "
            "may still get in by the certificate that it was. Put it back from a copy, or replace the authority of "
            f"clients, which takes {name} out of the index: playbooks/replace_authorities.yml "
            f"-e '{json.dumps({'kinds': ['client'], 'without': [name]})}'"
        )
    elif good and not allowed:
        others = ", ".join(
            one["name"] for one in authorities.issued(fleet["ca_directory"], "client") if one["name"] != name
        )
        problem = (
            f"Nothing was changed. {name} has {'; '.join(found)}. dockerd knows no revocation list: a certificate lets "
            "its holder in until it ends, unless the authority of clients is replaced. That renews the other clients "
            f"({others or 'there are none'}) and restarts each daemon twice. To do it: -e replace_authority=true, and "
            "-e clients=HOSTS with the hosts of the others. Those whose machines are not in the inventory get a new "
            "certificate by playbooks/client.yml; until then the rotation waits, and the client stays in. To have it "
            "out at once, and the others locked out until they are renewed: -e emergency=true"
        )
    return problem, bool(good)


def _present(fleet: dict[str, Any], host: Mapping[str, Any]) -> Ways:
    """What there is on a host, as it was seen."""
    group = fleet["hosts"][str(host["inventory_hostname"])]["socket_group"]
    answer = _answer(host, "removal_before")
    try:
        return {"group": bool(answer["groups"][group]), "keys": answer["ssh"]["authorized_keys"] is not None}
    except (AttributeError, KeyError, TypeError):
        return {"group": False, "keys": False}


def summary(
    fleet: dict[str, Any], name: str, hosts: list[Mapping[str, Any]], removal: Removal, check: bool
) -> dict[str, list[str]]:
    """What was taken from ``name``, a line for each host (lines), and what is left to do, one sentence each (left).

    ``hosts`` are those of the fleet, each as its variables; ``removal`` is the plan. In a ``check`` it is what would be
    taken.
    """
    had_certificate = removal["needs_authority"]
    good = [one for one in authorities.index(fleet["ca_directory"], "client") if one["name"] == name and one["lets_in"]]
    lines, left = [], []
    for host in hosts:
        where = str(host["inventory_hostname"])
        before, after = (_ways(fleet, host, name, variable) for variable in ("removal_before", "removal_after"))
        if before is None or after is None:
            left.append(f"{where} could not be looked at: an SSH key or an account may let {name} in there")
        held = [*(before or []), *([_CERTIFICATE] if had_certificate and where in fleet["checked"] else [])]
        certified = any(one["trusted"] or one["hosts"] is None or where in one["hosts"] for one in good)
        still = [] if check else [*(after or []), *([_CERTIFICATE] if certified and _CERTIFICATE in held else [])]
        taken = ", ".join(way for way in held if way not in still) or "nothing"
        lines.append(f"{where}: {'would be taken' if check else 'taken'}: {taken}")
        if still:
            left.append(f"{where} lets {name} in by {' and '.join(still)}")
    return {"lines": lines, "left": [*left, *rotations.unfinished(fleet, removal["rotation"]["emergency"])]}


_KEY, _ACCOUNT, _SOCKET, _CERTIFICATE = "SSH key", "UNIX account", "ownership of the socket", "certificate"
_WAYS = (_KEY, _ACCOUNT, _SOCKET)


def _ways(fleet: dict[str, Any], host: Mapping[str, Any], name: str, variable: str) -> list[str] | None:
    """The ways by which ``name`` gets in on a host beside certificates; None where it could not be looked at.

    Its ``variable`` has the reply of ``host_info``. One that answers something else could not be looked at.
    """
    try:
        return _seen(fleet, host, name, variable)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _seen(fleet: dict[str, Any], host: Mapping[str, Any], name: str, variable: str) -> list[str] | None:
    answer = _answer(host, variable)
    clients = answer["ssh"]["clients"]
    # A file of keys that is there and cannot be read may have any.
    if clients is None:
        return None
    found = [_KEY] if name in clients else []
    user = answer["users"].get(name)
    # Root needs neither.
    if user and user["uid"] != 0:
        group = fleet["hosts"][str(host["inventory_hostname"])]["socket_group"]
        found += [_ACCOUNT] if group in user["groups"] else []
        found += [_SOCKET] if any(one["owner"] == name for one in answer.get("sockets") or []) else []
    return found


def _has_account(host: Mapping[str, Any], name: str) -> bool:
    """Whether the host has an account of that name, whatever its groups."""
    try:
        return bool(_answer(host, "removal_before")["users"][name])
    except (AttributeError, KeyError, TypeError):
        return False


def _answer(host: Mapping[str, Any], variable: str) -> dict[str, Any]:
    """What ``host_info`` told; nothing where it did not."""
    found: dict[str, Any] = (host.get(variable) or {}).get("host") or {}
    return found


def _among(seen: dict[str, list[str] | None], way: str) -> str:
    return ", ".join(host for host, ways in seen.items() if way in (ways or []))
