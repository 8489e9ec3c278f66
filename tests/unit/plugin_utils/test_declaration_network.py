"""What the variables of docker_network declare, and what of it is refused on the controller."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import network, variables
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.place import Place
from declaring import resolved

PLACE = Place(
    name="trixie",
    address="192.0.2.7",
    fleet={"trixie": ["DNS:trixie", "IP:192.0.2.7"], "2001:db8::8": ["IP:2001:db8::8"]},
)


def _declared(**declared: Any) -> Any:
    declaration, problems = network.declare(resolved("docker_network", **declared), PLACE)
    assert problems == []
    return declaration


def test_a_network_without_declaration_is_chosen() -> None:
    declaration = _declared()
    assert declaration["options"] == {"bip": "auto", "default-address-pools": "auto"}
    assert declaration["published"] == "open"
    assert declaration["endpoints"] is None
    assert declaration["address_block"] is None


def test_every_variable_of_the_bridge_is_an_option_that_dockerd_has() -> None:
    of_options = {f"docker_network_{name}" for name in network._VARIABLES.values()}
    assert of_options <= variables.known("docker_network")
    assert set(network._VARIABLES) <= set(OPTIONS)


def test_what_is_declared_of_the_bridge_goes_by_the_names_of_docker() -> None:
    declaration = _declared(
        docker_network_bridge_address="172.30.0.1/24",
        docker_network_fixed_cidr="172.30.0.128/25",
        docker_network_userland_proxy=False,
        docker_network_mtu="1400",
        docker_network_pools=[{"base": "10.200.0.0/16", "size": 24}],
    )
    assert declaration["options"] == {
        "bip": "172.30.0.1/24",
        "fixed-cidr": "172.30.0.128/25",
        "userland-proxy": False,
        "mtu": 1400,
        "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}],
    }


def test_the_fleet_is_known_by_its_addresses_unless_the_operator_names_them() -> None:
    assert _declared()["fleet"] == ["192.0.2.7", "2001:db8::8"]
    assert _declared(docker_network_fleet=["198.51.100.1"])["fleet"] == ["198.51.100.1"]
    assert _declared(docker_network_fleet=[])["fleet"] == []


def test_the_fleet_is_not_looked_at_where_nothing_keeps_off_it() -> None:
    assert network.looks_at_fleet(resolved("docker_network"))
    assert not network.looks_at_fleet(resolved("docker_network", docker_network_check_addresses=False))
    assert not network.looks_at_fleet(resolved("docker_network", docker_network_fleet=[]))


def test_each_option_has_a_variable_of_its_own() -> None:
    variables = network._VARIABLES
    assert len(set(variables.values())) == len(variables)
    for option in ("icc", "ip", "iptables", "ip6tables", "ipv6", "dns", "mtu", "userland-proxy"):
        assert variables[option] == {"ip": "publish_address"}.get(option, option.replace("-", "_"))


def test_a_policy_is_passed_on() -> None:
    policy = {"allow": [{"sources": ["192.0.2.0/24"], "ports": [8080]}]}
    assert _declared(docker_network_published=policy)["published"] == policy


def test_the_mtu_is_that_of_declared_networks_too() -> None:
    declared = _declared(docker_network_mtu=1400, docker_network_networks=[{"name": "back"}])
    (back,) = declared["networks"]
    assert back["driver_options"] == {"com.docker.network.driver.mtu": 1400}


def test_the_engines_options_may_not_contradict_the_mtu() -> None:
    options = {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1500"}}}
    both = resolved("docker_engine", "docker_network", docker_network_mtu=1400, docker_engine_options=options)
    _nothing, (problem,) = network.declare(both, PLACE)
    assert "docker_engine_options default-network-opts has another" in problem
    both["docker_network_mtu"] = 1500
    assert network.declare(both, PLACE)[1] == []


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"docker_network_bridge_address": "172.30.0.1"}, "docker_network_bridge_address: "),
        ({"docker_network_dns": ["resolver"]}, "docker_network_dns: "),
        (
            {"docker_network_bridge_address": "172.30.0.1/24", "docker_network_fixed_cidr": "172.31.0.0/25"},
            "docker_network_fixed-cidr 172.31.0.0/25 lies outside bip",
        ),
        ({"docker_network_networks": [{"name": "host"}]}, "docker_network_networks 'host' is Docker's own network"),
        ({"docker_network_reserved": ["10.0.0.1/8"]}, "docker_network_reserved '10.0.0.1/8' is no network"),
        (
            {
                "docker_network_mtu": 1400,
                "docker_network_driver_options": {"bridge": {"com.docker.network.driver.mtu": "1500"}},
            },
            "docker_network_mtu 1400 is the MTU of docker0 and of new networks, and docker_network_driver_options has",
        ),
        (
            {"docker_network_address_block": 4096},
            "docker_network_address_block 4096 must be a whole number from 0 to 4095",
        ),
        ({"docker_network_published": "shut"}, "docker_network_published: write open, closed, or {allow: [...]}"),
        ({"docker_network_other_bridges": ["docker0"]}, "docker_network_other_bridges 'docker0' takes in Docker's own"),
        ({"docker_network_sysctls": {"vm": 1}}, "docker_network_sysctls 'vm' is no name of a kernel parameter"),
        (
            {"docker_network_engine_endpoints": ["tcp:2376"]},
            "docker_network_engine_endpoints 'tcp:2376' has no known scheme",
        ),
        (
            {
                "docker_network_published": {"allow": [{"ports": [80]}]},
                "docker_network_bridge": "br0",
                "docker_network_bridge_address": "{{ omit }}",
            },
            "docker_network_published cannot tell what else is on a bridge of your own (docker_network_bridge: br0)",
        ),
        (
            {
                "docker_network_published": "closed",
                "docker_network_bridge": "br0",
                "docker_network_bridge_address": "{{ omit }}",
            },
            "docker_network_published cannot tell what else is on a bridge of your own (docker_network_bridge: br0)",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(declared: dict[str, Any], sentence: str) -> None:
    declaration, (problem,) = network.declare(resolved("docker_network", **declared), PLACE)
    assert declaration is None
    assert problem.startswith(sentence)
