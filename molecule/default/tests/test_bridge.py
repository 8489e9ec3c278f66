"""docker0 is what was declared, and traffic goes where it should."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import reach


def _docker0(managed: Any) -> dict[str, Any]:
    bridges = managed.ansible("mooring.docker.bridge_info", check=False)["bridges"]
    return next(bridge for bridge in bridges if bridge["name"] == "docker0")


def test_docker0_has_the_declared_address(host: Any, managed: Any, declared: dict[str, Any]) -> None:
    addresses = [ipaddress.ip_interface(text) for text in host.interface("docker0").addresses if "." in text]
    wanted = declared["bridge_address"]
    if wanted:
        assert wanted in _docker0(managed)["addresses"]
    else:
        # The first network of the declared pool.
        assert [str(address.ip) for address in addresses] == ["172.31.0.1"]


def test_container_end_is_behind_a_veth_of_docker0(host: Any, managed: Any, declared: dict[str, Any], web: str) -> None:
    bridge = _docker0(managed)
    inside = {port["container"]["name"]: port for port in bridge["ports"] if port["container"]}
    container = inside[web]["container"]
    network = ipaddress.ip_interface(bridge["addresses"][0]).network
    assert container["interface"] == "eth0"
    assert ipaddress.ip_interface(container["addresses"][0]).ip in network
    assert container["mtu"] == declared["mtu"]
    assert host.interface(inside[web]["interface"]).exists
    said = json.loads(host.check_output(f"docker inspect {web}"))[0]["NetworkSettings"]["Networks"]["bridge"]
    assert said["MacAddress"] == container["mac"]


def test_container_reaches_container(host: Any, image: str, web: str) -> None:
    inspected = json.loads(host.check_output(f"docker inspect {web}"))[0]
    address = inspected["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert reach.in_container(host, image, f"/bin/busybox wget -qO- http://{address}:3000/") == "moored"


def test_container_reaches_its_host(host: Any, image: str, declared: dict[str, Any]) -> None:
    address = declared["address"]
    assert "SSH" in reach.in_container(host, image, f"/bin/busybox nc -w 5 {address} 22 < /dev/null")


def test_published_port_answers_from_the_host_and_from_another(
    host: Any, neighbour: Any, declared: dict[str, Any], web: str
) -> None:
    url = f"http://{declared['address']}:3000/"
    assert host.check_output(f"timeout 5 busybox wget -qO- {url}") == "moored"
    assert neighbour.check_output(f"timeout 5 busybox wget -qO- {url}") == "moored"


def test_declared_network_is_there(managed: Any, name: str) -> None:
    networks = managed.ansible("mooring.docker.bridge_info", check=False)["networks"]
    subnets = {network["name"]: [one["subnet"] for one in network["subnets"]] for network in networks}
    assert subnets.get("backend") == (["172.30.8.0/24"] if name == "forky" else None)
