"""Hosts that cannot carry an engine, and ranges that would cut one off, are told before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import addresses
from ansible_collections.mooring.docker.plugins.module_utils._system import platforms
from situation import Situation

LINUX = {"kernel": "Linux", "systemd": True, "apt": True, "root": True, "distribution": "debian"}
HOST = Situation(
    "eth0 192.0.2.10/24",
    "docker bridge docker0 172.30.0.0/24",
    "docker app br-0123456789ab 172.19.0.0/16",
    "route default via 192.0.2.1 dev eth0",
    "route 10.8.0.0/16 dev tun0",
    "route 10.61.0.0/16 via 192.0.2.1 dev eth0 table 77",
    "route 10.62.0.0/16 via 10.63.0.1 dev eth0",
    "route 0.0.0.0/1 dev tun1",
    "neighbour 10.60.0.9 eth0",
    "route 10.99.0.0/16 type blackhole",
    "resolver 198.51.100.53",
    "client 172.17.0.9",
    "controller 172.30.0.9",
    "fleet 10.50.0.7",
    "reserved 203.0.113.0/24",
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kernel": "Darwin"}, "docker0"),
        ({"systemd": False}, "systemd"),
        ({"apt": False}, "apt"),
        ({"root": False}, "become"),
    ],
)
def test_unfit_host_is_refused_with_the_way_out(change: dict[str, Any], reason: str) -> None:
    assert reason in (platforms.problem(LINUX | change) or "")


def test_fit_host_is_let_through() -> None:
    assert platforms.problem(LINUX) is None


def test_windows_is_told_before_it_is_asked_anything() -> None:
    assert "docker0" in (platforms.connection_problem("winrm", "powershell") or "")
    assert platforms.connection_problem("ssh", "sh") is None


@pytest.mark.parametrize(
    ("bip", "what"),
    [
        ("172.17.0.1/16", "the controller 172.17.0.9, as the host sees it"),
        ("172.30.0.1/16", "the controller 172.30.0.9, as it sees itself"),
        ("192.0.2.129/25", "eth0"),
        ("10.8.3.1/24", "tun0"),
        ("10.61.7.1/24", "the route to 10.61.0.0/16"),
        ("10.63.0.1/24", "the gateway 10.63.0.1"),
        ("10.60.0.1/24", "the neighbour 10.60.0.9 on eth0"),
        ("10.50.0.1/24", "10.50.0.7 of the inventory"),
        ("172.19.5.1/24", "Docker's network app"),
        ("198.51.100.1/24", "the resolver"),
        ("203.0.113.1/24", "docker_network_reserved"),
    ],
)
def test_range_that_cuts_something_off_is_refused(bip: str, what: str) -> None:
    assert what in "; ".join(addresses.collisions({"bip": bip}, HOST.around))


def test_pool_that_cuts_something_off_is_refused() -> None:
    found = addresses.collisions({"default-address-pools": [{"base": "10.8.0.0/15", "size": 24}]}, HOST.around)
    assert found == ["default-address-pools 10.8.0.0/15 would cut off 10.8.0.0/16 (the route to 10.8.0.0/16 by tun0)"]


def test_ipv6_range_that_cuts_something_off_is_refused() -> None:
    around = Situation("eth0 2001:db8::7/64", "route fd00:8::/32 via 2001:db8::1 dev eth0").around
    for config in ({"bip6": "fd00:8::1/64"}, {"fixed-cidr-v6": "fd00:8::/64"}):
        (found,) = addresses.collisions(config, around)
        assert "would cut off fd00:8::/32 (the route to fd00:8::/32 by eth0)" in found
    # What bip6 says counts, and the part of it once.
    assert len(addresses.collisions({"bip6": "fd00:8::1/64", "fixed-cidr-v6": "fd00:8::/80"}, around)) == 1


@pytest.mark.parametrize(
    ("subnets", "clash"),
    [
        (["172.30.0.0/16"], "network app0 172.30.0.0/16 overlaps bip 172.30.0.1/24"),
        (["10.77.0.0/16", "10.77.8.0/24"], "network app1 10.77.8.0/24 overlaps network app0 10.77.0.0/16"),
        (["10.77.8.0/24", "10.77.9.0/24"], ""),
    ],
)
def test_networks_that_overlap_each_other_or_docker0_are_refused(subnets: list[str], clash: str) -> None:
    networks = [f"declared_network app{number} {subnet}" for number, subnet in enumerate(subnets)]
    found = addresses.collisions({"bip": "172.30.0.1/24"}, Situation("eth0 192.0.2.7/24", *networks).around)
    assert found == ([clash] if clash else [])


@pytest.mark.parametrize(
    "config",
    [
        {},
        # docker0 as it is, past which the controller came; a range that goes nowhere; one that Docker's network has.
        {"bip": "172.30.0.1/24"},
        {"bip": "10.99.0.1/24"},
        {"default-address-pools": [{"base": "172.19.0.0/16", "size": 24}]},
    ],
)
def test_range_that_cuts_nothing_off_is_let_through(config: dict[str, Any]) -> None:
    assert addresses.collisions(config, HOST.around) == []


def test_unchecked_range_is_let_through() -> None:
    assert addresses.collisions({"bip": "172.17.0.1/16"}, HOST.around | {"checked": False}) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("route 172.18.4.0/24 via 192.0.2.1 dev eth0", "network backend 172.18.0.0/16 cuts off 172.18.4.0/24"),
        ("route 172.17.0.128/25 dev eth0", "docker0 172.17.0.1/16 cuts off 172.17.0.128/25"),
        # Nobody is reached by these, or just maybe.
        ("route 172.18.4.0/24 type blackhole", ""),
        ("fleet 172.18.0.9", ""),
        ("route 10.0.0.0/8 via 192.0.2.1 dev eth0", ""),
    ],
)
def test_ranges_that_are_there_collide_with_what_came_later(line: str, expected: str) -> None:
    lines = ("eth0 192.0.2.7/24", "link docker0 172.17.0.1/16", "docker backend br-0123456789ab 172.18.0.0/16")
    found = addresses.live_collisions(Situation(*lines, line).around)
    assert [sentence.partition(" (")[0] for sentence in found] == ([expected] if expected else [])
