# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declared MTU (``docker_network_mtu``) beyond docker0: the default of every network with a bridge. Pure functions.

dockerd's own option ``mtu`` is for docker0 alone. Since 24.0, ``default-network-opts`` has what new networks get that
name nothing else (moby, daemon/config: DefaultNetworkOpts); before, each network must be made with the option.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

OPTION = "com.docker.network.driver.mtu"
"""moby, libnetwork/netlabel: DriverMTU."""
DEFAULT = 1500
"""What a network gets for which nobody says anything."""
DEFAULTS = "default-network-opts"
DRIVER = "bridge"


def defaults(mtu: int) -> dict[str, Any]:
    """The options of daemon.json by which new networks get ``mtu``."""
    return {DEFAULTS: {DRIVER: {OPTION: str(mtu)}}}


def known(options: dict[str, Any], has_defaults: bool) -> dict[str, Any]:
    """Options of daemon.json without those by which new networks get its MTU, unless the engine ``has_defaults``."""
    ours = DEFAULTS in options and {DEFAULTS: options[DEFAULTS]} == defaults(options.get("mtu", DEFAULT))
    return {key: value for key, value in options.items() if has_defaults or not ours or key != DEFAULTS}


def merged(options: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The ``default-network-opts`` of ``options`` with those ``chosen``; nothing where there are none."""
    found = copy.deepcopy(options.get(DEFAULTS, {}))
    for driver, values in chosen.get(DEFAULTS, {}).items():
        found[driver] = {**found.get(driver, {}), **values}
    return {DEFAULTS: found} if found else {}


def declared_default(options: Any) -> str | None:
    """The MTU that a value of ``default-network-opts`` has for bridges; None for none, or for what is no such value."""
    of_driver = options.get(DRIVER) if isinstance(options, dict) else None
    found = of_driver.get(OPTION) if isinstance(of_driver, dict) else None
    return None if found is None else str(found)


def contradictions(mtu: int | None, options: dict[str, Any]) -> Iterator[str]:
    """Where ``docker_network_mtu`` and one of ``options``, values of ``default-network-opts`` by variable, disagree."""
    for variable, value in options.items():
        found = declared_default(value)
        if mtu is not None and found is not None and found != str(mtu):
            yield (
                f"docker_network_mtu {mtu} is the MTU of docker0 and of new networks, and {variable} has another "
                f"for new networks ({DRIVER}, {OPTION}: {found!r}): leave one of them out, or make them agree"
            )


def with_mtu(networks: Iterable[dict[str, Any]], mtu: int | None) -> list[dict[str, Any]]:
    """Declared networks, of which those with a bridge and without an MTU of their own get ``mtu``."""
    return [
        {**entry, "driver_options": {OPTION: mtu, **(entry.get("driver_options") or {})}}
        if mtu is not None and (entry.get("driver") or DRIVER) == DRIVER
        else entry
        for entry in networks
    ]
