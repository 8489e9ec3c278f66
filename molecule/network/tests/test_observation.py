"""host_info sees all that Docker's networks could cut off, as the kernel has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import reach

ROUTES = [
    "203.0.113.0/24 via {gateway}",
    "10.77.0.0/16 via {gateway} table 77",
    "blackhole 10.78.0.0/16",
    "10.79.0.0/16 nexthop via {gateway} nexthop via {neighbour}",
    "10.80.0.0/16 via inet6 fe80::1 dev host0",
    "local 10.81.0.0/24 dev lo table local",
]


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    """The network of a host whose routes say more than its addresses."""
    host = reach.over_ssh("trixie")
    network = reach.declared("trixie")["address"].rpartition(".")[0]
    places = {"gateway": f"{network}.1", "neighbour": f"{network}.11"}
    routes = [route.format(**places) for route in ROUTES]
    try:
        for route in routes:
            host.run_expect([0], f"ip route add {route}")
        host.run_expect([0], "ip neighbour replace 10.82.0.9 lladdr 02:00:00:00:00:09 dev host0")
        yield reach.managed("trixie").ansible("mooring.docker.host_info", check=False)["host"]["network"]
    finally:
        for route in routes:
            host.run(f"ip route delete {route}")
        host.run("ip neighbour delete 10.82.0.9 dev host0")


def _route(seen: dict[str, Any], destination: str) -> dict[str, Any]:
    (found,) = [route for route in seen["routes"] if route["destination"] == destination]
    return dict(found)


def test_routes_of_every_kind(seen: dict[str, Any]) -> None:
    network = reach.declared("trixie")["address"].rpartition(".")[0]
    assert _route(seen, "203.0.113.0/24")["gateways"] == [f"{network}.1"]
    assert _route(seen, "10.77.0.0/16")["table"] == "77"
    assert _route(seen, "10.78.0.0/16")["type"] == "blackhole"
    assert _route(seen, "10.79.0.0/16")["gateways"] == [f"{network}.1", f"{network}.11"]
    assert _route(seen, "10.80.0.0/16")["gateways"] == ["fe80::1"]
    assert _route(seen, "10.81.0.0/24")["type"] == "local"
    assert _route(seen, f"{network}.0/24")["scope"] == "link"


def test_neighbours(seen: dict[str, Any]) -> None:
    by_hand = {"address": "10.82.0.9", "interface": "host0", "mac": "02:00:00:00:00:09", "permanent": True}
    assert by_hand in seen["neighbours"]
    assert any(not one["permanent"] for one in seen["neighbours"])


def test_client_and_resolvers(seen: dict[str, Any]) -> None:
    assert seen["client"] == reach.declared("trixie")["address"].rpartition(".")[0] + ".1"
    assert seen["resolvers"]
