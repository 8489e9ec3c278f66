"""The controller knows its own addresses towards a host."""

from __future__ import annotations

from ansible_collections.mooring.docker.plugins.plugin_utils import controller


def test_the_way_to_itself_begins_at_itself() -> None:
    assert controller.addresses_towards("127.0.0.1") == ["127.0.0.1"]


def test_there_is_no_way_to_what_is_no_host() -> None:
    assert controller.addresses_towards("no host\0") == []
    assert controller.addresses_towards("a" * 64 + ".invalid") == []
