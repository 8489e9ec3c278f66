"""The declared MTU is that of new networks too, as far as the engine knows how."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import mtu
from ansible_collections.mooring.docker.plugins.module_utils._plan import addresses, configuration
from planned_host import Planned

MTU = "com.docker.network.driver.mtu"
DEFAULTS = {"bridge": {MTU: "1450"}}


def chosen(planned: Planned) -> Any:
    declaration = planned.declaration
    network = declaration["network"]
    assert network
    return addresses.choose(declaration, network, planned.host)["options"].get("default-network-opts")


@pytest.mark.parametrize(
    ("version", "candidate", "expected"),
    [
        ("28.5.2+dfsg3", "28.5.2", DEFAULTS),
        ("24.0.0", "24.0.0", DEFAULTS),
        ("23.0.6", "28.5.2", None),
        ("20.10.24+dfsg1", "20.10.24", None),
        (None, "26.1.5+dfsg1", DEFAULTS),
        (None, "20.10.24+dfsg1", None),
        (None, None, DEFAULTS),
    ],
)
def test_new_networks_get_it_where_the_engine_knows_how(
    version: str | None, candidate: str | None, expected: Any
) -> None:
    planned = Planned()
    planned.host["engine"]["version"] = version
    planned.host["packages"]["docker.io"]["candidate"] = candidate
    assert chosen(planned) == expected


def test_an_engine_whose_package_nobody_looked_up_is_known_by_itself() -> None:
    planned = Planned("network")
    del planned.host["packages"]["docker.io"]
    assert chosen(planned) == DEFAULTS


def test_without_a_declared_mtu_nothing_is_said() -> None:
    planned = Planned()
    del planned.network["options"]["mtu"]
    assert chosen(planned) is None


def content(planned: Planned, name: str = "20-network") -> Any:
    there = {"bip": "172.30.0.1/24", **mtu.defaults(1450)}
    return configuration.content(planned.declaration, there, [])[name].get("default-network-opts")


def test_declared_options_of_networks_stay_beside_it() -> None:
    planned = Planned()
    assert content(planned) == DEFAULTS
    planned.network["options"]["default-network-opts"] = {"bridge": {"x": "1"}, "overlay": {MTU: "1300"}}
    assert content(planned) == {"bridge": {"x": "1", MTU: "1450"}, "overlay": {MTU: "1300"}}
    # What is declared is not changed by that.
    assert planned.network["options"]["default-network-opts"]["bridge"] == {"x": "1"}


def test_what_the_engines_options_say_already_is_said_once() -> None:
    planned = Planned()
    planned.engine["options"]["default-network-opts"] = {"bridge": {MTU: "1450"}}
    assert content(planned) is None
    assert content(planned, "10-engine") == DEFAULTS
    planned.engine["options"]["default-network-opts"] = {"bridge": {"x": "1"}}
    assert content(planned) == DEFAULTS
