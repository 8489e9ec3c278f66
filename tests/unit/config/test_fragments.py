"""Fragments merge, conflicts are named, an existing daemon.json is adopted or refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.fragments import ConfigError, adopt, merge, parse
from hypothesis import given
from hypothesis import strategies as st


def test_conflict_names_the_key_and_both_owners() -> None:
    with pytest.raises(ConfigError, match=r"debug .*10-engine.*20-network"):
        merge({"10-engine": {"debug": True}, "20-network": {"debug": False}})


def test_conflict_is_one_though_both_say_the_same() -> None:
    """The next change of one of them would be another's."""
    with pytest.raises(ConfigError, match="debug is set by two fragments"):
        merge({"10-engine": {"debug": True}, "20-network": {"debug": True}})


MTU, ICC = "com.docker.network.driver.mtu", "com.docker.network.bridge.enable_icc"


def of_networks(**drivers: Any) -> dict[str, Any]:
    return {"default-network-opts": drivers}


def test_defaults_of_networks_have_an_owner_each() -> None:
    ours, theirs = of_networks(bridge={MTU: "1400"}), of_networks(bridge={ICC: "false"}, overlay={MTU: "1300"})
    wanted = of_networks(bridge={MTU: "1400", ICC: "false"}, overlay={MTU: "1300"})
    given = {"10-engine": theirs, "20-network": ours}
    assert merge(given) == wanted
    assert merge({"10-engine": ours, "20-network": theirs}) == wanted
    # The fragments are still what they were.
    assert given == {"10-engine": of_networks(bridge={ICC: "false"}, overlay={MTU: "1300"}), "20-network": ours}
    assert ours == of_networks(bridge={MTU: "1400"})


@pytest.mark.parametrize("value", ["1400", "1500"])
def test_conflict_in_the_defaults_of_networks_names_the_part_and_both_owners(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        merge({"10-engine": of_networks(bridge={MTU: "1400"}), "20-network": of_networks(bridge={MTU: value})})
    for word in (f"default-network-opts bridge {MTU} is set by two fragments", "10-engine", "20-network", value):
        assert word in str(caught.value)


@pytest.mark.parametrize("wrong", [5, "x", [], {"bridge": "x"}])
def test_defaults_of_networks_that_are_no_mapping_conflict_too(wrong: Any) -> None:
    for first, second in ((wrong, {"bridge": {MTU: "1"}}), ({"bridge": {MTU: "1"}}, wrong)):
        with pytest.raises(ConfigError, match="default-network-opts"):
            merge({"a": {"default-network-opts": first}, "b": {"default-network-opts": second}})
    assert merge({"a": {"default-network-opts": wrong}}) == {"default-network-opts": wrong}


@pytest.mark.parametrize("value", [{}, {"bridge": {}}, {"bridge": {}, "overlay": {MTU: "1"}}])
def test_empty_defaults_of_networks_stay_as_they_are(value: Any) -> None:
    assert merge({"00-adopted": {"default-network-opts": value}}) == {"default-network-opts": value}
    assert merge({"a": {"default-network-opts": value}, "b": {"default-network-opts": {}}}) == {
        "default-network-opts": value
    }


def test_an_operators_defaults_of_networks_are_adopted_beside_ours() -> None:
    existing = {"debug": True, **of_networks(bridge={ICC: "false"})}
    ours = {"20-network": of_networks(bridge={MTU: "1400"})}
    adopted, declared = adopt(existing, ours, "refuse")
    assert (adopted, declared) == (existing, ours)
    assert merge({"00-adopted": adopted, **declared}) == {
        "debug": True,
        **of_networks(bridge={ICC: "false", MTU: "1400"}),
    }


def test_an_operators_defaults_of_networks_that_say_the_same_are_ours() -> None:
    ours = {"20-network": of_networks(bridge={MTU: "1400"})}
    assert adopt(of_networks(bridge={MTU: "1400"}), ours, "refuse") == ({}, ours)
    adopted, _declared = adopt(of_networks(bridge={MTU: "1400", ICC: "false"}), ours, "refuse")
    assert adopted == of_networks(bridge={ICC: "false"})


@pytest.mark.parametrize(("wins", "value"), [("declared", "1400"), ("existing", "1500")])
def test_an_operators_defaults_of_networks_that_disagree(wins: str, value: str) -> None:
    existing = of_networks(bridge={MTU: "1500", ICC: "false"})
    ours = {"20-network": {**of_networks(bridge={MTU: "1400"}), "mtu": 1400}}
    with pytest.raises(ConfigError, match=rf'default-network-opts bridge {MTU} \(there "1500", declared "1400"\)'):
        adopt(existing, ours, "refuse")
    adopted, declared = adopt(existing, ours, wins)
    assert merge({"00-adopted": adopted, **declared}) == {"mtu": 1400, **of_networks(bridge={MTU: value, ICC: "false"})}
    assert existing == of_networks(bridge={MTU: "1500", ICC: "false"})
    assert ours == {"20-network": {**of_networks(bridge={MTU: "1400"}), "mtu": 1400}}


@given(st.lists(st.text(min_size=1), unique=True))
def test_merge_keeps_every_key(keys: list[str]) -> None:
    fragments = {str(number): {key: number} for number, key in enumerate(keys)}
    assert merge(fragments) == {key: number for number, key in enumerate(keys)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [('{"debug": true,}', "line 1"), ("[]", "one JSON object"), ('{"bip": "a", "bip": "b"}', "bip twice")],
)
def test_broken_file_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse(text, "/etc/docker/daemon.json")
    assert "/etc/docker/daemon.json" in str(caught.value)


def test_adoption_stops_where_both_disagree() -> None:
    with pytest.raises(ConfigError, match=r"mtu .*1400.*1500"):
        adopt({"mtu": 1400}, {"20-network": {"mtu": 1500}}, "refuse")


@pytest.mark.parametrize(("wins", "value"), [("declared", 1500), ("existing", 1400)])
def test_adoption_lets_the_named_side_win(wins: str, value: int) -> None:
    adopted, declared = adopt({"mtu": 1400, "debug": True}, {"20-network": {"mtu": 1500}}, wins)
    assert merge({"00-adopted": adopted, **declared}) == {"mtu": value, "debug": True}


def test_adoption_of_equal_values_is_no_conflict() -> None:
    adopted, declared = adopt({"mtu": 1400}, {"20-network": {"mtu": 1400}}, "refuse")
    assert merge({"00-adopted": adopted, **declared}) == {"mtu": 1400}
