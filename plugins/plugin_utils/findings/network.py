# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker0 and the user-defined networks."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def bridge(options: dict[str, Any], seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on docker0. ``options`` are declared, by their names in daemon.json; ``seen`` is ``bridge_info``'s."""
    if options.get("bridge"):
        return  # None at all, or one that somebody else made.
    there = next((one for one in seen["bridges"] if one["name"] == "docker0"), None)
    if there is None:
        yield Finding("bridge.missing", ERROR, "docker0", "there is no such interface", APPLY)
        return
    for option in ("bip", "bip6"):
        if option in options and str(ipaddress.ip_interface(options[option])) not in there["addresses"]:
            yield Finding(
                "bridge.address",
                ERROR,
                f"docker0 has {options[option]}",
                ", ".join(there["addresses"]) or "no address",
                "restart the daemon without running containers, who keep docker0 as it is",
            )
    network = next((one for one in seen["networks"] if one["name"] == "bridge"), None)
    if "mtu" in options and network and _mtu(network) != options["mtu"]:
        yield Finding("bridge.mtu", ERROR, f"containers on docker0 get MTU {options['mtu']}", str(_mtu(network)), APPLY)


def networks(declared: list[dict[str, Any]], seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on user-defined networks, as role docker_network takes them."""
    there = {one["name"]: one for one in seen["networks"]}
    for wanted in declared:
        name = wanted["name"]
        if name not in there:
            yield Finding("networks.missing", ERROR, f"network {name}", "there is none", APPLY)
            continue
        ranges = {ipaddress.ip_network(one["subnet"]) for one in wanted.get("ranges") or []}
        found = {ipaddress.ip_network(one["subnet"]) for one in there[name]["subnets"] if one["subnet"]}
        if ranges and ranges != found:
            yield Finding(
                "networks.range",
                ERROR,
                f"network {name} is {', '.join(sorted(map(str, ranges)))}",
                ", ".join(sorted(map(str, found))),
                f"docker network rm {name} when no container uses it, then {APPLY}",
            )


def collisions(sentences: list[str]) -> Iterator[Finding]:
    """A finding for each range that covers what the host must reach."""
    for sentence in sentences:
        yield Finding("bridge.collision", ERROR, "ranges that cut nothing off", sentence, "declare another range")


def _mtu(network: dict[str, Any]) -> int:
    return int((network["options"] or {}).get("com.docker.network.driver.mtu", 1500))
