# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rotation changes the state of the authorities; ``plugin_utils.authorities`` describes that state.

Pure functions: they take a state and return another one.
"""

from __future__ import annotations

import copy
from typing import Optional

from ..authorities import STEPS, State, distrusted

Trust = dict[str, Optional[bool]]
"""Name of a generation to whether a daemon trusts it; None where that could not be told."""


class RotationError(ValueError):
    """This step cannot be taken now; the message says why."""


def begun(state: State, kinds: list[str], leaving: list[str]) -> State:
    """The state in which the next generations of ``kinds`` are trusted beside the present ones.

    ``leaving`` are the clients that the rotation removes; they join those of a rotation that is under way. Raises
    RotationError where one of other kinds is under way.
    """
    after = copy.deepcopy(state)
    if state["rotation"]:
        if sorted(kinds) != state["rotation"]["kinds"]:
            raise RotationError(
                f"a rotation of the {' and '.join(state['rotation']['kinds'])} authority is under way: finish it first"
            )
        after["rotation"]["leaving"] = union(after["rotation"]["leaving"], leaving)
        return after
    after["rotation"] = {"step": "begun", "kinds": sorted(kinds), "leaving": union(leaving)}
    for kind in after["rotation"]["kinds"]:
        old, new = min(after[kind]["trusted"]), after[kind]["signer"] + 1
        after[kind] = {"signer": new if kind == "server" else old, "trusted": [new, old]}
    return after


def promoted(state: State) -> State:
    """The state in which the next generations sign; unchanged where the rotation is not at the step before."""
    if not _is_at(state, "begun"):
        return state
    after = copy.deepcopy(state)
    after["rotation"]["step"] = "promoted"
    for kind in after["rotation"]["kinds"]:
        after[kind]["signer"] = newest(state, kind)
    return after


def retired(state: State, hosts: list[str]) -> State:
    """The state in which the old generations are trusted no more; unchanged where the rotation is not that far.

    ``hosts`` are those whose daemons trust clients by certificate: each of them is still to be seen to refuse it.
    """
    if not _is_at(state, "promoted"):
        return state
    after = copy.deepcopy(state)
    after["rotation"]["step"] = "retired"
    for kind in after["rotation"]["kinds"]:
        if kind == "client" and hosts:
            after["distrusted"].append(distrusted(min(after[kind]["trusted"]), after["rotation"]["leaving"], hosts))
        after[kind]["trusted"] = [after[kind]["signer"]]
    return after


def finished(state: State) -> State:
    """The state without its rotation, where that has taken its last step."""
    return {**copy.deepcopy(state), "rotation": None} if _is_at(state, STEPS[-1]) else state


def replaced_at_once(state: State, leaving: list[str], hosts: list[str]) -> State:
    """The state in which the next generation of clients signs and is trusted alone; for the arguments see above.

    A rotation of it that is under way ends by that; what it was to replace of the servers goes on.
    """
    after = copy.deepcopy(state)
    rotation = after["rotation"] or {"kinds": [], "leaving": []}
    for number in sorted(after["client"]["trusted"]) if hosts else []:
        after["distrusted"].append(distrusted(number, union(rotation["leaving"], leaving), hosts))
    number = newest(after, "client") + 1
    after["client"] = {"signer": number, "trusted": [number]}
    rest = [kind for kind in rotation["kinds"] if kind != "client"]
    after["rotation"] = {**rotation, "kinds": rest, "leaving": []} if rest else None
    return after


def seen(state: State, trust: dict[str, Trust]) -> State:
    """The state with the hosts that may still trust a distrusted generation, of those in ``trust``.

    ``trust`` has for each host of the fleet what its daemon trusts. Only a host that was seen not to (False) is done.
    """
    after = copy.deepcopy(state)
    for entry in after["distrusted"]:
        entry["hosts"] = [host for host, trusts in trust.items() if trusts.get(entry["authority"]) is not False]
    after["distrusted"] = [entry for entry in after["distrusted"] if entry["hosts"]]
    return after


def newest(state: State, kind: str) -> int:
    """The number of the latest generation of a kind."""
    number: int = max([state[kind]["signer"], *state[kind]["trusted"]])
    return number


def union(*names: list[str]) -> list[str]:
    """All names once, sorted."""
    return sorted({name for some in names for name in some})


def _is_at(state: State, step: str) -> bool:
    return bool(state["rotation"]) and state["rotation"]["step"] == step
