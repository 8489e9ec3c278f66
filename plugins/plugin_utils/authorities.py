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

In an emergency the clients' generation is replaced in one step: no daemon and no client is waited
for. Either way a daemon trusts the old generation until it restarts, so that a retired generation stays on the list of
the distrusted ones with the hosts that were not yet seen to refuse it.

State: {"server": {"signer": N, "trusted": [N, ...]}, "client": {...}, "rotation": None or {"step": one of STEPS,
"kinds": [KIND, ...], "leaving": [NAME of a client that is being removed, ...]}, "distrusted": [{"authority": its name,
"generation": N, "since": ISO 8601, UTC, "clients": [NAME of a client that was removed by it, ...], "hosts": [HOST whose
daemon may trust it, ...] or None for all}, ...]}.

The index of what was issued, ``issued/KINDs``, has up to four kinds of files for a NAME (``index`` lists them all):
NAME.pem is the current certificate, NAME.pem.next one that the machine may not have yet, NAME.pem.SERIAL~ one that was
superseded, and any of these with .removed behind it belongs to a client that was removed.
"""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

from ..module_utils._config.state import write
from ..module_utils._system.observed import Certificate
from ..module_utils._tls.certificates import describe

KINDS = ("server", "client")
STEPS = ("begun", "promoted", "retired")

State = dict[str, Any]

_ENTRY = re.compile(r"(?P<name>[^.].*)\.pem(?P<next>\.next)?(?P<before>\.[0-9a-f]+~)?(?P<removed>\.removed)?")
"""A file of the index. No name ends in what follows it here, for the greedy one takes all up to the last ".pem"."""

STATUSES = ("current", "unconfirmed", "superseded", "removed")
"""What a certificate in the index can be."""


def load(directory: str) -> State:
    """The state in ``directory``, that of a fleet's first authorities where there is none."""
    path = Path(directory) / "authorities.json"
    if not path.exists():
        return {**{kind: {"signer": 1, "trusted": [1]} for kind in KINDS}, "rotation": None, "distrusted": []}
    state: State = json.loads(path.read_text(encoding="utf-8"))
    rotation = state["rotation"]
    if rotation:
        rotation.setdefault("leaving", [])
    if "distrusted" not in state:
        # Written by a version that did not ask the daemons: a rotation that it has not ended may have retired one.
        retired = rotation and rotation["step"] == "retired" and "client" in rotation["kinds"]
        moment = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc)
        before = [state["client"]["signer"] - 1] if retired else []
        state["distrusted"] = [distrusted(number, rotation["leaving"], None, _iso(moment)) for number in before]
    return state


def save(directory: str, state: State) -> None:
    """Make ``directory`` hold the state; at any moment it holds the old or the new one. The caller has its lock."""
    write(Path(directory) / "authorities.json", json.dumps(state, indent=4, sort_keys=True) + "\n")


def distrusted(number: int, clients: list[str], hosts: list[str] | None, since: str = "") -> dict[str, Any]:
    """An entry of the state's "distrusted": generation ``number`` of clients is retired, since now if not told."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "authority": _name("client", number),
        "generation": number,
        "since": since or _iso(now),
        "clients": list(clients),
        "hosts": hosts,
    }


def view(directory: str) -> dict[str, Any]:
    """What the roles need to know.

    Keys: rotation and distrusted (as in the state), and each KIND with signer (a generation), trusted (a list of
    generations), bundle (PEM text of all trusted certificates, "" while one is still to be made), fingerprints (their
    sha256), chain (PEM text that goes behind a certificate it signs, mostly ""). A generation has the keys kind,
    number, name, certificate, key and cross (paths; cross may not exist) and key_id (hex, None while it is still to be
    made).
    """
    state = load(directory)
    found: dict[str, Any] = {"rotation": state["rotation"], "distrusted": state["distrusted"]}
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
        "name": _name(kind, number),
        "certificate": str(certificate),
        "key": str(base / f"{kind}-{number}-key.pem"),
        "cross": str(base / f"{kind}-{number}-by-{number - 1}.pem"),
        "key_id": describe(certificate.read_bytes())["key_id"] if certificate.exists() else None,
    }


def index(directory: str, kind: str) -> list[dict[str, Any]]:
    """All certificates in the index of one kind, by name, those of a name by status and the latest first.

    Keys: name, status (one of STATUSES), files, trusted (by the fleet's authorities), hosts (those that may let it in
    by an authority that is distrusted; None means all), lets_in (whether it is good for anything anywhere), and what
    ``describe`` tells.
    """
    known = view(directory)
    trusted = {one["key_id"] for one in known[kind]["trusted"]}
    distrusted = {
        generation(directory, kind, one["generation"])["key_id"]: one["hosts"]
        for one in (known["distrusted"] if kind == "client" else [])
    }
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in (Path(directory) / "issued" / f"{kind}s").glob("*.pem*"):
        match = _ENTRY.fullmatch(path.name)
        if match is None:
            continue
        certificate = describe(path.read_bytes())
        signer = certificate["authority_key_id"]
        ended = certificate["days_left"] is None or certificate["days_left"] < 0
        one = {
            "name": match["name"],
            "status": _status(match),
            "files": [path.name],
            "trusted": signer in trusted,
            "hosts": distrusted.get(signer, []),
            "lets_in": not ended and (signer in trusted or signer in distrusted),
            **certificate,
        }
        # Who supersedes a certificate copies it before it takes its place.
        copy_of = found.setdefault((one["name"], one["sha256"]), one)
        if copy_of is not one:
            copy_of["files"].append(path.name)
            copy_of["status"] = min(copy_of["status"], one["status"], key=STATUSES.index)
    latest_first = sorted(found.values(), key=lambda one: one["not_before"] or "", reverse=True)
    return sorted(latest_first, key=lambda one: (one["name"], STATUSES.index(one["status"])))


def issued(directory: str, kind: str) -> list[dict[str, Any]]:
    """The certificate of each name in the index of one kind, with the keys of ``index``.

    It is the current one. A name whose first certificate its machine may not have yet has that.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in index(directory, kind):
        if one["status"] in ("current", "unconfirmed"):
            found.setdefault(one["name"], one)
    return list(found.values())


def locked_out(directory: str) -> list[str]:
    """The clients whose certificate is not by the authority that signs now."""
    signer = view(directory)["client"]["signer"]["key_id"]
    return [one["name"] for one in issued(directory, "client") if one["authority_key_id"] != signer]


def outstanding(directory: str) -> list[str]:
    """What a rotation or a removal has still to do, one sentence each."""
    state = load(directory)
    found = []
    for one in state["distrusted"]:
        hosts = "all hosts" if one["hosts"] is None else ", ".join(one["hosts"])
        clients = f", those of {', '.join(one['clients'])} among them" if one["clients"] else ""
        found.append(
            f"{one['authority']} was retired at {one['since']}, but the daemons of {hosts} were not seen to distrust "
            f"it: its certificates may get in there{clients}"
        )
    if state["rotation"]:
        rotation = state["rotation"]
        leaving = f"; until it ends {', '.join(rotation['leaving'])} may get in" if rotation["leaving"] else ""
        found.append(
            f"a rotation of the {' and '.join(rotation['kinds'])} authority is under way ({rotation['step']}){leaving}"
        )
    return found


def name_problem(directory: str, name: str, deployed: Certificate | None, replace: bool) -> str:
    """Why a machine that has the certificate ``deployed`` may not become the client ``name``; empty where it may.

    A name belongs to the machine that has one of its certificates. ``replace`` gives it to another.
    """
    entries = [one for one in index(directory, "client") if one["status"] != "removed"]
    rotation = load(directory)["rotation"]
    if rotation and name in rotation["leaving"]:
        return f"docker_client_name {name}: that client is being removed; see playbooks/list_certificates.yml"
    other = next((one["name"] for one in entries if one["name"].lower() == name.lower() and one["name"] != name), None)
    if other:
        return f"docker_client_name {name}: there is a client {other}, and names must differ by more than their case"
    own = [one for one in entries if one["name"] == name]
    current = next((one for one in own if one["status"] == "current" and one["trusted"] and one["lets_in"]), None)
    if current is None or replace or (deployed and deployed["sha256"] in {one["sha256"] for one in own}):
        return ""
    return (
        f"docker_client_name {name}: another machine has the certificate of that name (serial number "
        f"{current['serial_number']}, valid until {current['not_after']}). Give this one a name of its own by "
        "docker_client_name. If it is the same machine and was installed anew, say -e docker_client_replace=true: the "
        "certificate from before is then listed as superseded, and stays valid until it ends"
    )


def unconfirmed(directory: str, name: str, deployed: Certificate | None) -> bool:
    """Whether a client has the certificate that a run, cut before it could, was to enter as its current one."""
    return any(
        one["name"] == name and one["status"] == "unconfirmed" and deployed and one["sha256"] == deployed["sha256"]
        for one in index(directory, "client")
    )


def _status(match: re.Match[str]) -> str:
    if match["removed"]:
        return "removed"
    return "superseded" if match["before"] else "unconfirmed" if match["next"] else "current"


def _iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(kind: str, number: int) -> str:
    return f"Mooring {kind} CA {number}"


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii") if Path(path).exists() else ""
