# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make and remove user-defined networks over the engine's API, in one trip that looks at the engine itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .._engine.api import Api, ApiError
from .._system.observed import Host
from . import networks


class NetworkError(Exception):
    """The networks cannot be as declared; the message says which and why."""


def ensure(declared: list[dict[str, Any]], api: Api, timeout: float, check_mode: bool) -> dict[str, Any]:
    """Bring the networks of the engine behind ``api`` to the ``declared`` ones; returns what the module does.

    An engine that has just started has ``timeout`` seconds to answer. Nothing is touched where one network cannot be as
    declared. Raises NetworkError.
    """
    todo = networks.plan(declared, _observe(api, timeout))
    if todo["problems"]:
        raise NetworkError("; ".join(f"networks {problem}" for problem in todo["problems"]))
    if not check_mode:
        for entry in todo["remove"]:
            _remove(api, entry)
        for entry in todo["make"]:
            _make(api, entry)
    made, removed = ([entry["name"] for entry in todo[key]] for key in ("make", "remove"))
    return {
        "changed": bool(made or removed),
        "made": made,
        "removed": removed,
        "diff": {
            "before": "".join(f"{entry['name']} ({entry['reason']})\n" for entry in todo["remove"]),
            "after": "".join(f"{name}\n" for name in made),
        },
    }


def _observe(api: Api, timeout: float) -> Host:
    """The host as far as ``networks.plan`` needs it."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            listed = api.get("/networks")
            break
        except ApiError as error:
            # One that answers with an error is up, and stays so.
            if error.status is not None or time.monotonic() > deadline:
                raise NetworkError(f"no engine tells its networks: {error}") from error
            time.sleep(0.2)
    try:
        containers = api.get("/containers/json?all=1")
        version, swarm = api.get("/version"), api.get("/info").get("Swarm") or {}
    except ApiError as error:
        raise NetworkError(f"the engine does not tell about itself: {error}") from error
    return {  # type: ignore[typeddict-item]  # As far as it is needed.
        "network": {"interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir())},
        "engine": {
            "version": version["Version"],
            "networks": networks.described(listed, containers),
            "swarm_manager": bool(swarm.get("ControlAvailable")),
        },
    }


def _remove(api: Api, entry: dict[str, Any]) -> None:
    """The engine refuses to remove a network that a container has joined meanwhile."""
    try:
        api.delete(f"/networks/{entry['id']}")
    except ApiError as error:
        if error.status != 404:
            raise NetworkError(f"network {entry['name']} was not removed: {error}") from error


def _make(api: Api, entry: dict[str, Any]) -> None:
    try:
        api.post("/networks/create", request(entry))
    except ApiError as error:
        raise NetworkError(f"network {entry['name']} was not made: {error}") from error


def request(entry: dict[str, Any]) -> dict[str, Any]:
    """A network of ``networks.plan``'s as the API takes it (Engine API, NetworkCreate)."""
    content: dict[str, Any] = {
        "Name": entry["name"],
        "Driver": entry.get("driver") or "bridge",
        # Engines before 25 make a second network of the same name without it.
        "CheckDuplicate": True,
        "Internal": bool(entry.get("internal")),
        "Attachable": bool(entry.get("attachable")),
        "EnableIPv6": bool(entry.get("ipv6")),
        "Options": {str(key): networks.text(value) for key, value in (entry.get("driver_options") or {}).items()},
        "Labels": entry["labels"],
    }
    if entry.get("ranges"):
        content["IPAM"] = {"Driver": "default", "Config": [_range(range_) for range_ in entry["ranges"]]}
    return content


def _range(range_: dict[str, Any]) -> dict[str, str]:
    names = {"subnet": "Subnet", "gateway": "Gateway", "iprange": "IPRange"}
    return {names[key]: value for key, value in range_.items() if key in names and value}
