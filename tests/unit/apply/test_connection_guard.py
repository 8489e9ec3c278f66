"""Which starts of the daemon can lose the connection to its host."""

from __future__ import annotations

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import connection_guard
from ansible_collections.mooring.docker.plugins.module_utils._config.options import Config


@pytest.mark.parametrize(
    ("action", "old", "new", "loses"),
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
def test_what_moves_addresses_or_filters_packets_can_lose_the_connection(
    action: str, old: Config | None, new: Config, loses: bool
) -> None:
    assert connection_guard.affects_connectivity(action, old, new) is loses
