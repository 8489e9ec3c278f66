"""Fragments merge, conflicts are named, an existing daemon.json is adopted or refused."""

from __future__ import annotations

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
