# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's certificate authorities on the controller: their generations, who signs, who is trusted.

A directory holds ``authorities.json`` (the state below) and ``authorities/KIND-N.pem`` and ``KIND-N-key.pem`` of each
generation N; KIND is "server" or "client". A rotation replaces a generation by the next, in steps that are each one
write of the state, so that it can be cut anywhere and goes on where it was:

1. begun: the next generation exists and is trusted beside the old one. Servers get certificates of the next one at
   once, with ``authorities/server-NEXT-by-OLD.pem`` behind them: the next authority's key, signed by the old one, so
   that a client that knows only one of the two verifies them. Client certificates still come from the old one.
2. promoted: every daemon trusts both, so client certificates come from the next one.
3. retired: every client has one of these, so the old generation is trusted no more.

State: {"server": {"signer": N, "trusted": [N, ...]}, "client": {...}, "rotation": None or {"step": one of STEPS,
"kinds": [KIND, ...]}}.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils._certificates import describe

KINDS = ("server", "client")
STEPS = ("begun", "promoted", "retired")

State = dict[str, Any]


class RotationError(ValueError):
    """This step cannot be taken now; the message says why."""


def load(directory: str) -> State:
    """The state in ``directory``, that of a fleet's first authorities where there is none."""
    path = Path(directory) / "authorities.json"
    if path.exists():
        state: State = json.loads(path.read_text(encoding="utf-8"))
        return state
    return {**{kind: {"signer": 1, "trusted": [1]} for kind in KINDS}, "rotation": None}


def view(directory: str) -> dict[str, Any]:
    """What the roles need to know.

    Keys: rotation (as in the state), and each KIND with signer (a generation), trusted (a list of generations),
    bundle (PEM text of all trusted certificates, "" while one is still to be made), fingerprints (their sha256),
    chain (PEM text that goes behind a certificate it signs, mostly ""). A generation has the keys kind, number,
    name, certificate, key and cross (paths; cross may not exist) and key_id (hex, None while it is still to be made).
    """
    state = load(directory)
    found: dict[str, Any] = {"rotation": state["rotation"]}
    for kind in KINDS:
        trusted = [generation(directory, kind, number) for number in state[kind]["trusted"]]
        signer = generation(directory, kind, state[kind]["signer"])
        texts = [_text(one["certificate"]) for one in trusted]
        bundle = "".join(texts) if all(texts) else ""
        found[kind] = {
            "signer": signer,
            "trusted": trusted,
            "bundle": bundle,
            "fingerprints": describe(bundle.encode())["bundle"] if bundle else [],
            "chain": _text(signer["cross"]) if kind == "server" else "",
        }
    return found


def generation(directory: str, kind: str, number: int) -> dict[str, Any]:
    """Where a generation lives, and its key's id."""
    base = Path(directory) / "authorities"
    certificate = base / f"{kind}-{number}.pem"
    return {
        "kind": kind,
        "number": number,
        "name": f"Mooring {kind} CA {number}",
        "certificate": str(certificate),
        "key": str(base / f"{kind}-{number}-key.pem"),
        "cross": str(base / f"{kind}-{number}-by-{number - 1}.pem"),
        "key_id": describe(certificate.read_bytes())["key_id"] if certificate.exists() else None,
    }


def upcoming(directory: str, kinds: list[str]) -> list[dict[str, Any]]:
    """The generations that a rotation of ``kinds`` begins with, each with the one it follows as "old"."""
    state = load(directory)
    return [
        {**generation(directory, kind, number + 1), "old": generation(directory, kind, number)}
        for kind in kinds
        for number in [state[kind]["signer"]]
    ]


def step(state: State, to: str, kinds: list[str] | None = None) -> State:
    """The state after a step of the rotation, or as it was where that step has been taken.

    ``to`` is one of STEPS or "finished", ``kinds`` what a rotation that begins replaces. Raises RotationError where
    a rotation of other kinds is under way.
    """
    after = copy.deepcopy(state)
    order = [None, *STEPS]
    now = (state["rotation"] or {}).get("step")
    if to == "begun" and now is not None:
        if sorted(kinds or []) != state["rotation"]["kinds"]:
            raise RotationError(
                f"a rotation of the {' and '.join(state['rotation']['kinds'])} authority is under way: finish it first"
            )
        return after
    if to == "finished":
        after["rotation"] = None
        return after
    if order.index(to) != order.index(now) + 1:
        return after
    after["rotation"] = {"step": to, "kinds": sorted(kinds or []) if to == "begun" else state["rotation"]["kinds"]}
    for kind in after["rotation"]["kinds"]:
        old, new = min(after[kind]["trusted"]), after[kind]["signer"] + 1
        if to == "begun":
            after[kind] = {"signer": new if kind == "server" else old, "trusted": [new, old]}
        elif to == "promoted":
            after[kind]["signer"] = max(after[kind]["trusted"])
        else:
            after[kind]["trusted"] = [after[kind]["signer"]]
    return after


def issued(directory: str, kind: str) -> list[dict[str, Any]]:
    """The certificates in the index of one kind, by name: name, trusted, and what ``describe`` tells."""
    trusted = {one["key_id"] for one in view(directory)[kind]["trusted"]}
    found = []
    for path in sorted((Path(directory) / "issued" / f"{kind}s").glob("*.pem")):
        certificate = describe(path.read_bytes())
        found.append({"name": path.stem, "trusted": certificate["authority_key_id"] in trusted, **certificate})
    return found


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii") if Path(path).exists() else ""
