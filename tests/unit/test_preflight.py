"""Hosts that cannot carry an engine, and ranges that would cut one off, are told before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils import _addresses, _platform

LINUX = {"kernel": "Linux", "systemd": True, "apt": True, "root": True, "distribution": "debian"}
NETWORK = {
    "addresses": [
        {"interface": "eth0", "address": "192.0.2.10/24"},
        {"interface": "docker0", "address": "172.30.0.1/24"},
    ],
    "routes": [
        {"destination": "default", "interface": "eth0", "gateway": "192.0.2.1"},
        {"destination": "10.8.0.0/16", "interface": "tun0", "gateway": None},
    ],
    "resolvers": ["198.51.100.53"],
    "client": "172.17.0.9",
}


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
    assert reason in (_platform.problem(LINUX | change) or "")


def test_fit_host_is_let_through() -> None:
    assert _platform.problem(LINUX) is None


def test_windows_is_told_before_it_is_asked_anything() -> None:
    assert "docker0" in (_platform.connection_problem("winrm", "powershell") or "")
    assert _platform.connection_problem("ssh", "sh") is None


@pytest.mark.parametrize(
    ("bip", "what"),
    [
        ("172.17.0.1/16", "the controller"),
        ("192.0.2.129/25", "eth0"),
        ("10.8.3.1/24", "tun0"),
        ("198.51.100.1/24", "the resolver"),
        ("203.0.113.1/24", "reserved"),
    ],
)
def test_range_that_cuts_something_off_is_refused(bip: str, what: str) -> None:
    found = _addresses.collisions({"bip": bip}, NETWORK, ["203.0.113.0/24"], [], [])
    assert what in "; ".join(found)


def test_own_bridge_is_no_collision() -> None:
    assert _addresses.collisions({"bip": "172.30.0.1/24"}, NETWORK, [], [], []) == []


def test_dockerds_default_is_checked_where_nothing_is_declared() -> None:
    bare = NETWORK | {"addresses": NETWORK["addresses"][:1]}  # type: ignore[index]
    assert "default" in "; ".join(_addresses.collisions({}, bare, [], [], []))
