"""Whose end is behind which port, from what the kernel and the engine say of themselves."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from ansible_collections.mooring.docker.plugins.module_utils._network import bridge, networks, resolver
from ansible_collections.mooring.docker.plugins.module_utils._network.bridge import BridgeError
from ansible_collections.mooring.docker.plugins.module_utils._system import namespaces, rtnetlink

BACK_ID = "2099ffdfb623b6f6cf0bb0b8b5a1d2fd3cf1b5a40ab2d0c5a3eaf2f5ac0e1f67"


def link(index: int, name: str, *addresses: str, kind: str | None = "veth", **more: Any) -> dict[str, Any]:
    """One interface as `rtnetlink.links` tells it."""
    return {
        "ifindex": index,
        "ifname": name,
        "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        "mtu": 1500,
        "operstate": "UP",
        "address": f"02:42:00:00:00:{index:02x}",
        "addr_info": [
            {"family": "inet", "local": address.partition("/")[0], "prefixlen": int(address.partition("/")[2])}
            for address in addresses
        ],
        **({"linkinfo": {"info_kind": kind}} if kind else {}),
        **more,
    }


LOOPBACK = link(1, "lo", "127.0.0.1/8", kind=None, flags=["LOOPBACK", "UP", "LOWER_UP"])


def port(index: int, name: str, master: str, peer: int, namespace: int) -> dict[str, Any]:
    """The host's end of a container's veth."""
    return link(index, name, master=master, link_index=peer, link_netnsid=namespace)


def end(index: int, name: str, address: str, peer: int) -> dict[str, Any]:
    """The container's end of it."""
    return link(index, name, address, link_index=peer, link_netnsid=0)


def network(name: str, identity: str, driver: str = "bridge", **more: Any) -> dict[str, Any]:
    """One entry of GET /networks."""
    return {
        "Name": name,
        "Id": identity,
        "Scope": "local",
        "Driver": driver,
        "EnableIPv6": False,
        "Internal": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": []},
        "Options": {},
        **more,
    }


NETWORKS = [
    network("back", BACK_ID, IPAM={"Config": [{"Subnet": "10.77.0.0/24", "IPRange": "10.77.0.128/25"}]}),
    network(
        "bridge",
        "b" * 64,
        IPAM={"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]},
        Options={"com.docker.network.bridge.name": "docker0"},
    ),
    network("host", "c" * 64, "host", IPAM={"Config": None}, Options=None),
    network("lan", "d" * 64, "macvlan", EnableIPv6=True, Internal=True, Options={"parent": "eth0"}),
]


def inspected(name: str, pid: int, mode: str = "bridge", **settings: Any) -> dict[str, Any]:
    """GET /containers/ID/json, its id being its name many times."""
    return {
        "Id": name * 8,
        "Name": f"/{name}",
        "Config": {"Image": "busybox:lab"},
        "State": {"Status": "running" if pid else "exited", "Pid": pid},
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": settings,
    }


HOST = [
    LOOPBACK,
    link(2, "eth0", "192.0.2.7/24"),
    link(3, "docker0", "172.17.0.1/16", kind="bridge"),
    link(4, "br-2099ffdfb623", "10.77.0.1/24", kind="bridge"),
    link(5, "virbr0", kind="bridge", operstate="DOWN", flags=["BROADCAST", "MULTICAST"]),
    port(7, "vethweb", "docker0", peer=2, namespace=1),
    port(9, "vethtwo1", "docker0", peer=2, namespace=2),
    port(11, "vethtwo0", "br-2099ffdfb623", peer=3, namespace=2),
    link(12, "tap0", kind="tun", master="virbr0"),
]
CONTAINERS = [bridge.described(inspected(name, pid)) for name, pid in (("web", 100), ("two", 200))]
INSIDE = {
    "web" * 8: [LOOPBACK, end(2, "eth0", "172.17.0.2/16", peer=7)],
    "two" * 8: [LOOPBACK, end(2, "eth1", "172.17.0.3/16", peer=9), end(3, "eth0", "10.77.0.2/24", peer=11)],
}


LISTED = networks.described(NETWORKS, [])


def behind(host: list[dict[str, Any]], inside: dict[str, Any]) -> dict[str, tuple[str, str] | None]:
    """Port to (container, its interface)."""
    found = bridge.bridges(host, [], bridge.ends(CONTAINERS, inside))
    return {
        one["interface"]: one["container"] and (one["container"]["name"], one["container"]["interface"])
        for shown in found
        for one in shown["ports"]
    }


# --- veths


def test_every_port_leads_to_its_container() -> None:
    assert behind(HOST, INSIDE) == {
        "vethweb": ("web", "eth0"),
        "vethtwo1": ("two", "eth1"),
        "vethtwo0": ("two", "eth0"),
        "tap0": None,
    }


def test_end_is_what_the_container_sees() -> None:
    docker0 = next(one for one in bridge.bridges(HOST, [], bridge.ends(CONTAINERS, INSIDE)) if one["ports"])
    assert docker0["ports"][0] == {
        "interface": "vethweb",
        "ifindex": 7,
        "mac": "02:42:00:00:00:07",
        "state": "UP",
        "up": True,
        "forwards": None,
        "isolated": None,
        "mtu": 1500,
        "container": {
            "id": "web" * 8,
            "name": "web",
            "interface": "eth0",
            "ifindex": 2,
            "addresses": ["172.17.0.2/16"],
            "mac": "02:42:00:00:00:02",
            "mtu": 1500,
            "up": True,
        },
    }


def test_engine_in_a_container_does_not_confuse_indices() -> None:
    """Its own veths point to indices in namespaces below it, which are also indices of ports of the host."""
    inside = {**INSIDE, "web" * 8: [*INSIDE["web" * 8], port(6, "vethinner", "docker0", peer=9, namespace=3)]}
    assert behind(HOST, inside) == behind(HOST, INSIDE)


def test_macvlan_of_the_host_is_no_end_of_a_veth() -> None:
    inside = {"two" * 8: [link(2, "eth0", "192.0.2.9/24", kind="macvlan", link_index=9, link_netnsid=0)]}
    assert behind(HOST, inside)["vethtwo1"] is None


def test_interface_of_the_host_carries_macvlan_and_ipvlan() -> None:
    inside = {
        "web" * 8: [link(8, "eth0", "192.0.2.9/24", kind="macvlan", link_index=2, link_netnsid=0)],
        "two" * 8: [link(9, "eth0", "192.0.2.8/24", kind="ipvlan", link_index=2, link_netnsid=0)],
    }
    (parent,) = bridge.parents(HOST, CONTAINERS, inside)
    assert parent["interface"] == "eth0"
    assert [(one["name"], one["kind"], one["addresses"]) for one in parent["children"]] == [
        ("web", "macvlan", ["192.0.2.9/24"]),
        ("two", "ipvlan", ["192.0.2.8/24"]),
    ]
    assert bridge.parents(HOST, CONTAINERS, INSIDE) == []


def test_pair_of_veths_beside_each_other_leads_to_no_container() -> None:
    """Within one namespace the peer is "link", a name; a reused pid may even show the host to us as a container."""
    pair = link(20, "left", master="docker0", link="right"), link(21, "right", link="left")
    host = [*HOST, *pair]
    assert behind(host, {"web" * 8: host})["left"] is None


def test_container_that_ended_meanwhile_leaves_its_port_to_nobody() -> None:
    found = behind(HOST, {"web" * 8: INSIDE["web" * 8]})
    assert (found["vethweb"], found["vethtwo1"]) == (("web", "eth0"), None)


# --- bridges and networks


def test_bridge_carries_its_docker_network() -> None:
    found = {
        one["name"]: (one["network"], one["network_id"], one["driver"]) for one in bridge.bridges(HOST, LISTED, {})
    }
    assert found == {
        "docker0": ("bridge", "b" * 64, "bridge"),
        "br-2099ffdfb623": ("back", BACK_ID, "bridge"),
        "virbr0": (None, None, None),
    }


def test_bridge_is_what_the_kernel_says() -> None:
    docker0, _back, virbr0 = bridge.bridges(HOST, [], {})
    assert (docker0["addresses"], docker0["mtu"], docker0["mac"]) == (["172.17.0.1/16"], 1500, "02:42:00:00:00:03")
    assert (docker0["state"], docker0["up"]) == ("UP", True)
    assert (virbr0["state"], virbr0["up"]) == ("DOWN", False)


def test_networks_of_every_driver() -> None:
    back, shown, host, lan = networks.described(list(reversed(NETWORKS)), [])
    assert [one["bridge"] for one in (back, shown, host, lan)] == ["br-2099ffdfb623", "docker0", None, None]
    assert back["subnets"] == [{"subnet": "10.77.0.0/24", "gateway": None, "ip_range": "10.77.0.128/25"}]
    assert shown["subnets"] == [{"subnet": "172.17.0.0/16", "gateway": "172.17.0.1", "ip_range": None}]
    assert (host["subnets"], host["options"], host["ipv6"], host["internal"]) == ([], {}, False, False)
    assert (lan["driver"], lan["ipv6"], lan["internal"], lan["options"]) == ("macvlan", True, True, {"parent": "eth0"})


# --- containers


OUTBOUND: dict[str, Any] = {"outbound": None, "outbound_ipv6": None, "routes": []}
"""Nobody has looked at the packet filters yet."""


def test_container_in_two_networks() -> None:
    ends = {
        "bridge": {
            "IPAddress": "172.17.0.3",
            "IPPrefixLen": 16,
            "MacAddress": "02:42:ac:11:00:03",
            "Gateway": "172.17.0.1",
        },
        "back": {
            "IPAddress": "10.77.0.2",
            "IPPrefixLen": 24,
            "GlobalIPv6Address": "fd00::2",
            "GlobalIPv6PrefixLen": 64,
        },
        "none": {"IPAddress": "", "IPPrefixLen": 0, "MacAddress": "", "Gateway": ""},
    }
    found = bridge.described(inspected("two", 200, Networks=ends))
    assert found["networks"] == {
        "bridge": {"addresses": ["172.17.0.3/16"], "mac": "02:42:ac:11:00:03", "gateway": "172.17.0.1", **OUTBOUND},
        "back": {"addresses": ["10.77.0.2/24", "fd00::2/64"], "mac": None, "gateway": None, **OUTBOUND},
        "none": {"addresses": [], "mac": None, "gateway": None, **OUTBOUND},
    }
    assert (found["name"], found["state"], found["pid"], found["image"]) == ("two", "running", 200, "busybox:lab")


def test_published_ports() -> None:
    ports = {
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
        "3000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}],
        "4000/tcp": [{"HostIp": "", "HostPort": "4000"}],
        "9000/tcp": None,
        "9001/tcp": [{"HostIp": "", "HostPort": ""}],
    }
    found = bridge.described(inspected("web", 100, Ports=ports))["published"]
    assert [(port["host_address"], port["host_port"], port["container_port"], port["protocol"]) for port in found] == [
        ("0.0.0.0", 8080, 3000, "tcp"),
        ("::", 8080, 3000, "tcp"),
        ("0.0.0.0", 4000, 4000, "tcp"),
        ("127.0.0.1", 5353, 53, "udp"),
    ]


def test_container_that_does_not_run_has_no_pid() -> None:
    found = bridge.described(inspected("ended", 0, Ports={}, Networks=None))
    assert (found["pid"], found["state"], found["networks"], found["published"]) == (None, "exited", {}, [])


# --- uplinks


def test_uplinks_of_both_families_and_several_ways() -> None:
    host = [*HOST, link(30, "eth1", "198.51.100.7/24", mtu=1400)]
    routes = {
        "inet": [
            {
                "dst": "default",
                "nexthops": [{"gateway": "192.0.2.1", "dev": "eth0"}, {"gateway": "198.51.100.1", "dev": "eth1"}],
            },
            {"dst": "10.0.0.0/8", "gateway": "192.0.2.1", "dev": "eth0"},
        ],
        "inet6": [
            {"dst": "default", "dev": "eth0", "metric": 1024, "via": {"family": "inet6", "host": "fe80::1"}},
            {"type": "unreachable", "dst": "default", "dev": "lo"},
        ],
    }
    assert [(one["interface"], one["family"], one["gateway"], one["mtu"]) for one in bridge.uplinks(host, routes)] == [
        ("eth0", "inet", "192.0.2.1", 1500),
        ("eth1", "inet", "198.51.100.1", 1400),
        ("eth0", "inet6", "fe80::1", 1500),
    ]
    assert bridge.uplinks(host, routes)[1]["addresses"] == ["198.51.100.7/24"]
    assert [one["metric"] for one in bridge.uplinks(host, routes)] == [0, 0, 1024]


# --- gathering


class Machine:
    """A host: its interfaces depend on which namespace the thread that asks has entered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.entered = threading.local()
        self.by_pid = {100: INSIDE["web" * 8], 200: INSIDE["two" * 8]}
        self.visited: list[int] = []
        self.asked: list[tuple[str, str]] = []
        monkeypatch.setattr(bridge, "_ip", self.routes)
        monkeypatch.setattr(rtnetlink, "links", lambda _timeout: self.by_pid.get(getattr(self.entered, "pid", 0), HOST))
        monkeypatch.setattr(namespaces, "enter_network", self.enter)
        monkeypatch.setattr(resolver.Requests, "send", lambda _requests, *asked: self.asked.append(asked))
        monkeypatch.setattr(bridge, "Api", lambda **_how: self)
        # What becomes of packets is tested with the findings on it, on recorded hosts.
        monkeypatch.setattr(bridge, "_add_datapath", lambda *_seen: None)

    def get(self, path: str) -> Any:
        answer = self.answers.get(path, ApiError("No such container", 404))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def enter(self, pid: int) -> None:
        self.visited.append(pid)
        if pid not in self.by_pid:
            raise FileNotFoundError(pid)
        self.entered.pid = pid

    def routes(self, _timeout: float, *words: str) -> str:
        return json.dumps([{"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}] if "-4" in words else [])


def answers(*containers: dict[str, Any]) -> dict[str, Any]:
    """What the API says on a host with these containers."""
    return {
        "/networks": NETWORKS,
        "/containers/json?all=1": [{"Id": one["Id"], "Names": [one["Name"]]} for one in containers],
        **{f"/containers/{one['Id']}/json": one for one in containers},
    }


WEB, TWO = inspected("web", 100), inspected("two", 200)


def ports(found: dict[str, Any]) -> dict[str, Any]:
    return {
        one["interface"]: one["container"] and one["container"]["name"]
        for shown in found["bridges"]
        for one in shown["ports"]
    }


def test_one_look_at_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, answers(WEB, TWO))
    found = bridge.observe("/run/docker.sock", 5)
    assert ports(found) == {"vethweb": "web", "vethtwo1": "two", "vethtwo0": "two", "tap0": None}
    assert [one["name"] for one in found["networks"]] == ["back", "bridge", "host", "lan"]
    assert [one["name"] for one in found["containers"]] == ["web", "two"]
    assert [one["interface"] for one in found["uplinks"]] == ["eth0"]
    assert (found["engine_answers"], found["error"]) == (True, None)


def test_without_an_engine_the_kernel_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, {"/networks": ApiError("Connection refused")})
    found = bridge.observe("/run/docker.sock", 5)
    assert [one["name"] for one in found["bridges"]] == ["docker0", "br-2099ffdfb623", "virbr0"]
    assert ports(found)["vethweb"] is None
    assert (found["engine_answers"], found["networks"], found["containers"]) == (False, [], [])
    assert found["error"] == "Docker's API: Connection refused"
    assert found["uplinks"]


def test_containers_that_die_meanwhile_break_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    removed, ended = inspected("gone", 300), inspected("late", 400)
    said = answers(WEB, removed, ended)
    del said[f"/containers/{removed['Id']}/json"]
    Machine(monkeypatch, said)
    found = bridge.observe("/run/docker.sock", 5)
    assert [one["name"] for one in found["containers"]] == ["web", "late"]
    assert ports(found)["vethweb"] == "web"
    assert found["error"] is None


def test_container_that_cannot_be_inspected_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines answer 500 for one that is just being removed."""
    said = answers(WEB, TWO)
    said[f"/containers/{WEB['Id']}/json"] = ApiError("RWLayer is unexpectedly nil", 500)
    Machine(monkeypatch, said)
    found = bridge.observe("/run/docker.sock", 5)
    assert found["error"] == "container web: RWLayer is unexpectedly nil"
    assert ports(found) == {"vethweb": None, "vethtwo1": "two", "vethtwo0": "two", "tap0": None}


def test_engine_that_gets_stuck_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = answers(WEB, TWO)
    said[f"/containers/{TWO['Id']}/json"] = ApiError("timed out")
    Machine(monkeypatch, said)
    found = bridge.observe("/run/docker.sock", 5)
    assert (found["engine_answers"], found["error"]) == (True, "Docker's API: timed out")
    assert ports(found)["vethweb"] == "web"


def test_only_namespaces_of_their_own_are_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [
        inspected("h", 1, "host"),
        inspected("n", 2, "none"),
        inspected("s", 3, "container:web"),
        inspected("e", 0),
    ]
    machine = Machine(monkeypatch, answers(WEB, *others))
    bridge.observe("/run/docker.sock", 5)
    assert machine.visited == [100]


def test_missing_right_to_enter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, answers(WEB))

    def denied(_pid: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(namespaces, "enter_network", denied)
    found = bridge.observe("/run/docker.sock", 5)
    assert found["error"] == "container web: [Errno 1] Operation not permitted"
    assert ports(found)["vethweb"] is None
    assert machine.visited == []


def test_host_without_ip_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge.commands, "run", lambda *words, timeout: _Failed(f"{words[0]}: not found"))
    with pytest.raises(BridgeError, match="ip: not found"):
        bridge.observe("/nonexistent.sock", 1)


class _Failed:
    returncode = 127
    stdout = ""

    def __init__(self, stderr: str) -> None:
        self.stderr = stderr
