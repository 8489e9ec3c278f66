"""The declared MTU is that of networks of the role too, and nothing else says another."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import mtu

MTU = "com.docker.network.driver.mtu"


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (None, False),
        ({}, False),
        ({"bridge": {"x": "1"}}, False),
        ({"overlay": {MTU: "1500"}}, False),
        ({"bridge": {MTU: "1400"}}, False),
        ({"bridge": {MTU: "1500"}}, True),
        # Not this rule's to tell.
        ({"bridge": "1500"}, False),
    ],
)
def test_contradiction_names_the_variable_and_both_values(options: Any, refused: bool) -> None:
    found = list(mtu.contradictions(1400, {"docker_engine_options default-network-opts": options}))
    assert bool(found) == refused
    for sentence in found:
        assert sentence.startswith("docker_network_mtu 1400 ")
        assert "docker_engine_options default-network-opts" in sentence
        assert "'1500'" in sentence
    assert list(mtu.contradictions(None, {"x": options})) == []


def test_networks_of_the_role_get_it_unless_they_say_otherwise() -> None:
    declared = [
        {"name": "plain"},
        {"name": "own", "driver": "bridge", "driver_options": {MTU: 1300, "x": "y"}},
        {"name": "other", "driver_options": {"x": "y"}},
        {"name": "lan", "driver": "macvlan"},
    ]
    assert mtu.with_mtu(declared, 1400) == [
        {"name": "plain", "driver_options": {MTU: 1400}},
        {"name": "own", "driver": "bridge", "driver_options": {MTU: 1300, "x": "y"}},
        {"name": "other", "driver_options": {MTU: 1400, "x": "y"}},
        {"name": "lan", "driver": "macvlan"},
    ]
    assert mtu.with_mtu(declared, None) == declared


def test_engine_that_has_no_defaults_of_networks_is_told_none() -> None:
    """Only what Mooring has added goes; an operator's own is refused by name elsewhere."""
    ours = {"mtu": 1400, **mtu.defaults(1400)}
    assert mtu.known(ours, has_defaults=True) == ours
    assert mtu.known(ours, has_defaults=False) == {"mtu": 1400}
    others = {"mtu": 1400, mtu.DEFAULTS: {"bridge": {"com.example": "1"}}}
    assert mtu.known(others, has_defaults=False) == others
    assert mtu.known({"mtu": 1400}, has_defaults=False) == {"mtu": 1400}
