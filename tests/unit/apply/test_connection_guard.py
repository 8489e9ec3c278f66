"""Which starts of the daemon can cut the line to its host, and how docker0 gets its addresses back."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import connection_guard
from ansible_collections.mooring.docker.plugins.module_utils._config.options import Config


@pytest.mark.parametrize(
    ("action", "old", "new", "cuts"),
    [
        ("start", None, {}, True),
        ("restart", None, {"bip": "10.9.0.1/24"}, False),
        ("restart", {}, {"bip": "10.9.0.1/24"}, True),
        ("restart", {"iptables": False}, {}, True),
        ("start", {"bip": "10.9.0.1/24"}, {"bip": "10.9.0.1/24"}, False),
        ("restart", {}, {"mtu": 1400, "no-such-option": 1}, False),
        ("reload", {}, {"labels": ["a=b"]}, False),
    ],
)
def test_what_moves_addresses_or_filters_packets_can_cut(
    action: str, old: Config | None, new: Config, cuts: bool
) -> None:
    assert connection_guard.can_cut(action, old, new) is cuts


@pytest.mark.parametrize("addresses", [None, [], ["172.17.0.1/16", "fd00::1/64"]])
def test_bridge_goes_back_by_plain_shell(addresses: list[str] | None) -> None:
    text = connection_guard.bridge_back(addresses)
    assert subprocess.run(["dash", "-n"], input=text, text=True, check=False).returncode == 0
    assert ("ip link delete docker0" in text) is (addresses is None)
