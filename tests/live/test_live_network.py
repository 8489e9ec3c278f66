"""docker0 and the networks are as declared, and behind each of their ends is the container that the engine names."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest


@pytest.mark.parametrize("option", ["bip", "bip6"])
def test_docker0_has_the_declared_address(docker0: Any, declared: Any, option: str) -> None:
    wanted = declared["bridge"].get(option)
    if not wanted:
        pytest.skip(f"{option} is not declared")
    assert str(ipaddress.ip_interface(wanted)) in docker0["addresses"]


def test_docker0_is_of_the_declared_pools(docker0: Any, declared: Any) -> None:
    pools = [ipaddress.ip_network(pool["base"]) for pool in declared["bridge"].get("default-address-pools", [])]
    if "bip" in declared["bridge"] or not pools:
        pytest.skip("has an address of its own, or no pools are declared")
    addresses = [ipaddress.ip_interface(text) for text in docker0["addresses"] if "." in text]
    assert addresses
    assert all(any(address in pool for pool in pools) for address in addresses)


def test_containers_on_docker0_get_the_declared_mtu(docker0: Any, bridge: Any, declared: Any) -> None:
    options = next(one["options"] for one in bridge["networks"] if one["name"] == "bridge")
    assert int(options["com.docker.network.driver.mtu"]) == declared["bridge"].get("mtu", 1500)


def test_kernel_has_the_declared_parameters_and_keeps_them(observed: Any, declared: Any) -> None:
    if not declared["sysctls"]:
        pytest.skip("none is declared or needed")
    assert {name: observed["sysctls"]["live"][name] for name in declared["sysctls"]} == declared["sysctls"]
    assert {name: observed["sysctls"]["boot"][name] for name in declared["sysctls"]} == declared["sysctls"]


@pytest.mark.parametrize("network", ["bridge", "host", "none"])
def test_docker_has_its_own_networks(bridge: Any, network: str) -> None:
    assert network in [one["name"] for one in bridge["networks"]]


def test_declared_networks_are_there_with_their_ranges(bridge: Any, declared: Any) -> None:
    there = {one["name"]: {subnet["subnet"] for subnet in one["subnets"]} for one in bridge["networks"]}
    for wanted in declared["networks"]:
        assert wanted["name"] in there
        ranges = {str(ipaddress.ip_network(one["subnet"])) for one in wanted.get("ranges") or []}
        assert not ranges or there[wanted["name"]] == ranges, wanted["name"]


def test_each_container_is_behind_a_veth_of_its_bridge(bridge: Any) -> None:
    behind = {
        (one["network"], port["container"]["name"]): port["container"]
        for one in bridge["bridges"]
        for port in one["ports"]
        if port["container"]
    }
    carried = {one["network"] for one in bridge["bridges"]}
    for container in bridge["containers"]:
        for network, end in container["networks"].items():
            if container["state"] == "running" and network in carried:
                inside = behind[network, container["name"]]
                assert inside["mac"] == end["mac"]
                assert set(end["addresses"]) <= set(inside["addresses"])


def test_nothing_is_on_the_bridges_that_the_engine_does_not_know(bridge: Any) -> None:
    ports = [port for one in bridge["bridges"] if one["network"] for port in one["ports"]]
    assert [port["interface"] for port in ports if not port["container"]] == []
