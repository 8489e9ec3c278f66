# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses docker0 and the pools get, and which declared ones would cut the host off. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._config.options import OPTIONS
from .._engine import daemon
from .._network import address_plan, addresses, mtu
from .._system.observed import Host
from .packages import ENGINE
from .selection import NETWORK_FRAGMENT

if TYPE_CHECKING:
    from .declaration import Declaration, NetworkDeclaration


def explicit(network: NetworkDeclaration) -> dict[str, Any]:
    """The declared options without those that the plan chooses."""
    return {key: value for key, value in network["options"].items() if value != address_plan.AUTO}


def own_bridges(network: NetworkDeclaration) -> list[str]:
    """The bridges of the declared networks, which are Docker's own and collide with nothing."""
    options = [entry.get("driver_options") or {} for entry in network["networks"]]
    names = [option.get("com.docker.network.bridge.name") for option in options]
    return [str(name) for name in names if name]


def around(declaration: Declaration, network: NetworkDeclaration, host: Host) -> addresses.Around:
    """What the host must still reach, as far as the host, the controller and the operator know."""
    return {
        "checked": network["check_addresses"],
        "network": host["network"],
        "docker": host["engine"]["networks"] or [],
        "controller": declaration["controller"],
        "fleet": network["fleet"],
        "reserved": network["reserved"],
        "networks": network["networks"],
        "own_bridges": own_bridges(network),
    }


def choose(declaration: Declaration, network: NetworkDeclaration, host: Host) -> dict[str, Any]:
    """The ``options`` of daemon.json that are left to the plan, and the ``problems`` that prevent it.

    Among them is the MTU of new networks, which not every engine knows.
    """
    place = {"name": declaration["name"], "fragment": NETWORK_FRAGMENT, "address_block": network["address_block"]}
    chosen: dict[str, Any] = address_plan.plan(
        network["options"], around(declaration, network, host), host["configuration"], place
    )
    return {**chosen, "options": {**chosen["options"], **_network_defaults(network, host)}}


def _network_defaults(network: NetworkDeclaration, host: Host) -> dict[str, Any]:
    """What gives new networks the declared MTU, on the engine that is there or will be installed.

    Where apt has not told yet which that will be, the step leaves it out for an engine that does not know it.
    """
    declared = network["options"].get("mtu")
    if declared is None:
        return {}
    coming = host["packages"].get(ENGINE, {"candidate": None})["candidate"]
    version = daemon.version(host["engine"]["version"] or coming or "")
    return mtu.defaults(declared) if version is None or version >= OPTIONS[mtu.DEFAULTS].since else {}


def refusals(declaration: Declaration, network: NetworkDeclaration, host: Host, chosen: dict[str, Any]) -> list[str]:
    """Why no address could be chosen, and which declared ranges would cut off what the host must reach.

    A ``bip`` inside the controller's network is refused here.
    """
    collisions = addresses.collisions(explicit(network), around(declaration, network, host))
    return [*chosen["problems"], *collisions]
