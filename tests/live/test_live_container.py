"""A new container gets its place on docker0, and its published port is reached by whom the policy lets (--active).

Its image needs no registry: it is nothing but the links by which Debian's root leads into /usr, and that of the host is
mounted. The container ends by itself should nobody come to remove it.
"""

from __future__ import annotations

import ipaddress
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

_ANSWER = b"moored"
_SERVE = f"""
import socket
listener = socket.create_server(("", 3000))
listener.settimeout(120)
print("ready", flush=True)
while True:
    listener.accept()[0].sendall({_ANSWER!r})
"""
_START = """
set -e
cd /
find bin lib* -maxdepth 0 -type l | tar -c -T - | docker import - {name}
docker run --detach --rm --name {name} --read-only --cap-drop ALL --user 65534:65534 --log-driver json-file \\
    --volume /usr:/usr:ro --publish 3000 {name} /usr/bin/python3 -c %s
timeout 60 sh -c 'until docker logs {name} | grep ready; do sleep 0.2; done'
"""
_INVENTORY = "docker ps --all --quiet; docker images --all --quiet; docker network ls --quiet; docker volume ls --quiet"


@pytest.fixture(scope="module")
def throwaway(host: Any, default_bridge: None) -> Iterator[Any]:
    """What bridge_info says while a container runs that publishes its port 3000 on one that the engine chooses."""
    name = f"mooring-live-{uuid.uuid4().hex[:8]}"
    before = host.check_output(_INVENTORY)
    try:
        host.run_expect([0], _START.format(name=name), _SERVE)
        found = host.ansible("mooring.docker.bridge_info", check=False)
        found["container"] = next(one for one in found["containers"] if one["name"] == name)
        yield found
    finally:
        host.run(f"docker rm --force --volumes {name}; docker rmi {name}")
    assert host.check_output(_INVENTORY) == before, "something was left behind"


def _on_docker0(seen: Any) -> tuple[Any, Any]:
    """docker0, and the port of it that the container is behind."""
    bridge = next(one for one in seen["bridges"] if one["name"] == "docker0")
    behind = {port["container"]["name"]: port for port in bridge["ports"] if port["container"]}
    return bridge, behind[seen["container"]["name"]]


def test_daemon_runs_a_container_with_its_own_defaults(throwaway: Any, seen: Any) -> None:
    assert {**seen["test"], "path": None} == {"problem": None, "obstacle": None, "path": None}


def test_connections_to_a_container_and_from_it_come_up(throwaway: Any, seen: Any) -> None:
    assert seen["test"]["path"] == dict.fromkeys(("to_container", "published", "outward", "obstacle"))


def test_container_is_behind_a_veth_of_docker0(throwaway: Any) -> None:
    _bridge, port = _on_docker0(throwaway)
    assert port["interface"].startswith("veth")
    assert port["container"]["interface"] == "eth0"
    assert port["container"]["mac"] == throwaway["container"]["networks"]["bridge"]["mac"]


def test_container_has_an_address_of_docker0(throwaway: Any) -> None:
    bridge, port = _on_docker0(throwaway)
    networks = [ipaddress.ip_interface(address).network for address in bridge["addresses"]]
    assert any(ipaddress.ip_interface(port["container"]["addresses"][0]).ip in network for network in networks)


def test_container_has_the_declared_mtu(throwaway: Any, declared: Any) -> None:
    _bridge, port = _on_docker0(throwaway)
    assert port["container"]["mtu"] == declared["bridge"].get("mtu", 1500)


def test_published_port_is_reached_by_whom_the_policy_lets(throwaway: Any, seen: Any, declared: Any) -> None:
    if declared["published"] not in ("open", "closed"):
        pytest.skip("whom a list lets in, from where, is for the policy's own tests")
    # The userland proxy may listen for the other family too.
    published = [one for one in throwaway["container"]["published"] if ":" not in one["host_address"]]
    assert published
    for one in published:
        outward = declared["published"] == "open" and not ipaddress.ip_address(one["host_address"]).is_loopback
        assert _answer(seen["address"], one["host_port"]) == (_ANSWER if outward else b"")


def _answer(address: str, port: int) -> bytes:
    """What a connection from here is told; nothing where none comes up."""
    try:
        with socket.create_connection((address, port), timeout=5) as connection:
            return connection.recv(len(_ANSWER))
    except OSError:
        return b""
