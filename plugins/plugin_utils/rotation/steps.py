# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a rotation that the controller takes. Each can be killed anywhere, and goes on when it is taken again.

``fleet`` is ``fleet.resolve``'s and ``rotation`` is ``plan.plan``'s throughout; ``answers`` has the replies of
``host_info`` in this run, by host, without those that were not asked. Each step returns what it has changed, a
phrase each, and raises RotationError where it must wait for something.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from .. import authorities, generations, trust
from . import states
from .plan import Rotation, unfinished
from .states import RotationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def begin(fleet: dict[str, Any], rotation: Rotation) -> list[str]:
    """Make the next generations where none is under way, and trust them."""
    directory = fleet["ca_directory"]
    state = authorities.load(directory)
    done = []
    if rotation["emergency"]:
        numbers = {"client": states.newest(state, "client") + 1}
    else:
        numbers = {} if state["rotation"] else {kind: state[kind]["signer"] + 1 for kind in rotation["kinds"]}
    for kind, number in numbers.items():
        days = fleet["certificate_days"], fleet["ca_days"]
        done += generations.make(directory, kind, number, fleet["passphrase"], *days)

    def next_state(before: authorities.State) -> authorities.State:
        if rotation["emergency"]:
            return states.replaced_at_once(before, rotation["leaving"], fleet["checked"])
        return states.begun(before, rotation["kinds"], rotation["leaving"])

    return [*done, *_advance(directory, next_state)]


def promote(fleet: dict[str, Any], rotation: Rotation, answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Let the next authority of clients sign, once every daemon was reached and trusts it."""
    directory = fleet["ca_directory"]
    missing = [host for host in fleet["tls"] if not _answered(answers.get(host, {}))]
    if "client" in rotation["kinds"]:
        following = authorities.view(directory)["client"]["trusted"][0]["name"]
        missing += trust.lacking(_trust(fleet, answers), following)
    missing = [host for host in dict.fromkeys(missing) if host in fleet["tls"]]
    if missing:
        raise RotationError(
            f"{', '.join(missing)} could not be reached, or does not trust the next authority yet, and would lock "
            f"clients out: {_waits(rotation)}. Run the same command without --limit once they can{_or_now(rotation)}"
        )
    return _advance(directory, states.promoted)


def retire(fleet: dict[str, Any], rotation: Rotation) -> list[str]:
    """Trust the old authorities no more, once no client is locked out by it who was not to be left behind."""
    directory = fleet["ca_directory"]
    left = [name for name in authorities.locked_out(directory) if name not in rotation["leaving"]]
    if left:
        signer = authorities.view(directory)["client"]["signer"]["name"]
        raise RotationError(
            f"{', '.join(left)} would be locked out: no certificate by {signer} yet, and {_waits(rotation)}. "
            f"Renew them (-e clients=HOSTS), or leave them behind (-e '{json.dumps({'without': left})}')"
        )
    return _advance(directory, lambda state: states.retired(state, fleet["checked"]))


def remove(fleet: dict[str, Any], rotation: Rotation) -> list[str]:
    """Take the clients that were left behind from the index, where the fleet's authorities trust them no more."""
    directory = fleet["ca_directory"]
    distrusted = [name for entry in authorities.load(directory)["distrusted"] for name in entry["clients"]]
    names = {*rotation["leaving"], *distrusted}
    entries = [
        file
        for certificate in authorities.index(directory, "client")
        if certificate["name"] in names and not certificate["trusted"] and certificate["status"] != "removed"
        for file in certificate["files"]
    ]
    with generations.lock(directory):
        for file in entries:
            path = Path(directory) / "issued/clients" / file
            path.rename(f"{path}.removed")
    return [f"take {file} from the index" for file in entries]


def confirm(fleet: dict[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Keep which daemons may still trust an authority that is distrusted, by trying them all."""
    seen = _trust(fleet, answers)
    return _advance(fleet["ca_directory"], lambda state: states.seen(state, seen))


def finish(fleet: dict[str, Any], rotation: Rotation) -> list[str]:
    """End the rotation, unless a daemon may still trust what was retired.

    Raises RotationError with what is left, where it is not a removal's, which tells it among all other ways in.
    """
    directory = fleet["ca_directory"]
    done = [] if authorities.load(directory)["distrusted"] else _advance(directory, states.finished)
    left = [] if rotation["removing"] else unfinished(fleet, rotation["emergency"])
    if left:
        raise RotationError(". ".join(left))
    return done


def _advance(directory: str, change: Callable[[authorities.State], authorities.State]) -> list[str]:
    """Write the state after ``change``, under the lock of the directory."""
    with generations.lock(directory):
        before = authorities.load(directory)
        after = change(before)
        if after == before:
            return []
        authorities.save(directory, after)
    return [f"write {directory}/authorities.json"]


def _trust(fleet: dict[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> dict[str, states.Trust]:
    urls = {name: fleet["hosts"][name]["endpoints"] for name in fleet["checked"]}
    tried = trust.tried(fleet["ca_directory"], fleet["passphrase"], urls)
    return trust.combined(tried, fleet["ca_directory"], answers)


def _answered(answer: Mapping[str, Any]) -> bool:
    return bool(answer) and not answer.get("failed") and not answer.get("unreachable")


def _waits(rotation: Rotation) -> str:
    leaving = ", ".join(rotation["leaving"])
    still = f", so that {leaving} still gets in" if leaving else ""
    return f"the rotation waits, with both authorities trusted{still}"


def _or_now(rotation: Rotation) -> str:
    if "client" not in rotation["kinds"]:
        return ""
    if rotation["removing"]:
        return ", or say -e emergency=true"
    return ", or replace the authority of clients at once by playbooks/replace_client_authority_now.yml"
