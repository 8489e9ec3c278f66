# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the fragments make, and why the host cannot carry them. Pure functions over a dry run."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from .._network import mtu
from . import addresses, apply
from .packages import installs_engine
from .selection import ENGINE_FRAGMENT, NETWORK_FRAGMENT, fragments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .declaration import Declaration
    from .observation import Observation
    from .steps import Step


def content(declaration: Declaration, chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The declared fragments, by name, with the options that the plan has ``chosen``.

    That is where "auto" is declared; and the MTU of new networks, which comes to the declared defaults of networks.
    """
    engine, network = declaration["engine"], declaration["network"]
    content = {ENGINE_FRAGMENT: engine["options"]} if engine else {}
    if network:
        explicit = addresses.explicit(network)
        addressed = {option: value for option, value in chosen.items() if option != mtu.DEFAULTS}
        # A part of daemon.json has one owner; that both say the same, the controller has checked.
        is_elsewhere = engine is not None and mtu.declared_default(engine["options"].get(mtu.DEFAULTS)) is not None
        defaults = mtu.merged(explicit, {} if is_elsewhere else chosen)
        content[NETWORK_FRAGMENT] = {**explicit, **addressed, **defaults}
    return content


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Compose daemon.json and systemd's drop-ins from the fragments."""
    composition = observation.composition
    # An engine that is installed now brings the units that the drop-ins belong to.
    if composition is None or not (composition["files"] or installs_engine(declaration, observation.host)):
        return None
    names = fragments(declaration)
    role, engine = apply.settings(declaration), declaration["engine"]
    paths = [PurePath(path) for path in composition["files"]]
    keys = composition["keys"]
    reasons = [f"options that change: {', '.join(keys)}"] if keys else []
    reasons += [f"{path} differs" for path in paths if path.suffix == ".conf"]
    if composition["adopted"]:
        reasons.append("the daemon.json that is there becomes the fragment 00-adopted")
    files = ", ".join(path.name if path.suffix == ".json" else str(path) for path in paths)
    return {
        "name": "configuration",
        "role": "docker_engine" if ENGINE_FRAGMENT in names else "docker_network",
        "summary": f"write {files or 'the drop-ins of the units that come with the engine'}",
        "reasons": reasons,
        "effects": [],
        "parameters": {
            "fragments": names,
            "chosen": observation.chosen if NETWORK_FRAGMENT in names else {},
            "on_conflict": role["on_conflict"],
            "socket": dict(engine["socket"]) if engine and ENGINE_FRAGMENT in names else {},
            "restart": role["restart"],
            "containers": role["containers"],
            "data_root_change": role["data_root_change"],
            "adopted": composition["adopted"],
            "files": composition["files"],
        },
        "diff": composition["diff"],
    }
