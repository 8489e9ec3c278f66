# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: by all its rules and tables, the kernel leads packets to containers, and theirs to others."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, NamedTuple

from ._finding import ERROR, WARNING, Finding
from .links import has_no_address, has_route, subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...module_utils._system.observed import Bridge, Container, DockerNetwork, Lookup, Network, Uplink, Way


class _Problem(NamedTuple):
    """What is alike for several containers: the finding in parts, between which their names belong.

    Between those of ``remedy`` belongs the address of one of them.
    """

    id: str
    severity: str
    expected: tuple[str, str]
    found: str
    remedy: tuple[str, ...]


def routes(seen: dict[str, Any], around: Network, forwards: bool) -> Iterator[Finding]:
    """Findings on ``bridge_info``'s ``seen``; ``around`` is ``host_info``'s network.

    ``forwards`` tells whether the engine is to have the kernel forward packets.
    """
    uplink = next((one for one in seen["uplinks"] if one["family"] == "inet"), None)
    forwards = forwards and around["forwarding"]["inet"] is True
    problems: dict[_Problem, list[str]] = {}
    is_open = False
    for container, network, bridge, lookup in _looked_up(seen, around):
        goes_on = forwards and not network["internal"] and bridge["forwarding"] is not False
        is_open = is_open or goes_on
        for problem in _problems(container, network, bridge, lookup, uplink if goes_on else None):
            problems.setdefault(problem, []).append(f"{container['name']} ({lookup['address']})")
    if is_open and uplink and uplink["forwarding"] is False:
        parameter = f"net.ipv4.conf.{uplink['interface'].translate(str.maketrans('.', '/'))}.forwarding"
        found = "it is 0: nothing that comes in by it gets to a container, not even answers"
        yield Finding("bridge.forwarding_off", ERROR, f"{parameter} is 1", found, f"sysctl {parameter}=1")
    for problem, whose in problems.items():
        names = ", ".join(whose[:4]) + (f" and {len(whose) - 4} more" if len(whose) > 4 else "")
        address = whose[0].rpartition("(")[2].rstrip(")")
        yield Finding(
            problem.id,
            problem.severity,
            names.join(problem.expected),
            problem.found,
            address.join(problem.remedy),
        )


def _looked_up(seen: dict[str, Any], around: Network) -> Iterator[tuple[Container, DockerNetwork, Bridge, Lookup]]:
    """Each address of a running container whose bridge has what other findings are about."""
    by_name = {one["name"]: one for one in seen["networks"]}
    bridges = {one["name"]: one for one in seen["bridges"]}
    for container in seen["containers"]:
        for name, attached in container["networks"].items() if container["interfaces"] else ():
            network = by_name.get(name)
            bridge = bridges.get(network["bridge"]) if network else None
            if network and bridge and bridge["up"] and not has_no_address(network):
                for lookup in attached["routes"]:
                    if _is_near(lookup["address"], bridge, around):
                        yield container, network, bridge, lookup


def _is_near(address: str, bridge: Bridge, around: Network) -> bool:
    """Whether the bridge itself has an address in the network of this one, and table main the route."""
    found = ipaddress.ip_address(address)
    near = [one.network for one in map(ipaddress.ip_interface, bridge["addresses"]) if found in one.network]
    return any(one.version == 6 or has_route(str(one), bridge["name"], around) for one in near)


def _problems(
    container: Container, network: DockerNetwork, bridge: Bridge, lookup: Lookup, uplink: Uplink | None
) -> Iterator[_Problem]:
    """What is wrong with the ways of one address. Without an ``uplink`` the host keeps it to itself."""
    about, name = subject(bridge["name"]), bridge["name"]
    problem = _strays(lookup["from_host"], name)
    if problem:
        yield _Problem(
            f"{about}.route",
            ERROR,
            ("the host's packets to ", f" go out by {name}"),
            problem,
            ("see `ip route get ", "`, ip rule, and ip route show table all: delete what leads elsewhere"),
        )
        return
    if uplink is None:
        return
    if lookup["outward"] and lookup["outward"]["error"]:
        yield _Problem(
            f"{about}.no_way_out",
            WARNING,
            ("packets of ", " to other machines have a route, as the host's own have"),
            f"the kernel refuses them: {lookup['outward']['error']}",
            ("see `ip rule`, `ip -6 rule`, and ip route show table all: delete what leads ", " nowhere"),
        )
        return
    is_published = any(port["outside"] for port in container["published"])
    problem = _strays(lookup["inward"], name)
    if problem and is_published and not (":" not in lookup["address"] and uplink["forwarding"] is False):
        incoming, strict = uplink["interface"], ":" not in lookup["address"] and uplink["strict"]
        yield _Problem(
            "published.not_routed",
            WARNING,
            (f"packets that come in by {incoming} for published ports of ", f" go out by {name}"),
            problem + (f": rp_filter is strict, and answers would not leave by {incoming}" if strict else ""),
            (f"sysctl net.ipv4.conf.{incoming}.rp_filter=2, or lead what comes from ", f" out by {incoming} (ip rule)")
            if strict
            else ("see ip rule, and ip route show table all: delete what leads ", " elsewhere"),
        )


def _strays(way: Way | None, bridge: str) -> str | None:
    """What becomes of packets that should leave by a bridge; None where they do, or where nobody can tell."""
    if way is None or way["interface"] == bridge:
        return None
    if way["error"]:
        return f"the kernel refuses them: {way['error']}"
    return f"they go out by {way['interface']}" if way["interface"] else None
