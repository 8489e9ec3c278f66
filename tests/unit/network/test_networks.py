"""A network is what was declared, or the difference has a name; what is not Mooring's, or is used, stays."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import addresses, networks

MTU = "com.docker.network.driver.mtu"
DECLARED = {
    "name": "back",
    "ranges": [{"subnet": "10.1.0.0/24", "iprange": "10.1.0.128/25"}],
    "driver_options": {MTU: 1400},
    "labels": {"tier": "back"},
}


def listed(**more: Any) -> dict[str, Any]:
    """The declared network as GET /networks tells it."""
    return {
        "Name": "back",
        "Id": "0123456789abcdef",
        "Driver": "bridge",
        "Scope": "local",
        "IPAM": {"Config": [{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.129", "IPRange": "10.1.0.128/25"}]},
        "Options": {MTU: "1400"},
        "Labels": {"mooring.docker": "managed", "mooring.docker.options": MTU, "tier": "back"},
        **more,
    }


def container(name: str, *network_names: str) -> dict[str, Any]:
    return {
        "Id": name * 8,
        "Names": [f"/link/to-{name}", f"/{name}"],
        "NetworkSettings": {"Networks": {network: {"NetworkID": ""} for network in network_names}},
    }


def host(*answer: dict[str, Any], containers: Any = (), **engine: Any) -> dict[str, Any]:
    """What host_info says."""
    return {
        "network": {"interfaces": ["lo", "eth0"]},
        "engine": {
            "version": "28.5.2",
            "networks": networks.described(list(answer), list(containers)),
            "swarm_manager": False,
            **engine,
        },
    }


def differences(declared: dict[str, Any], **observed: Any) -> list[str]:
    (network,) = networks.described([listed(**observed)], [])
    return networks.differences(declared, network)


def test_declared_network_does_not_differ() -> None:
    assert differences(DECLARED) == []
    assert networks.plan([DECLARED], host(listed())) == {"problems": [], "remove": [], "make": []}


@pytest.mark.parametrize(
    ("declared", "difference"),
    [
        ({"driver": "macvlan"}, "driver bridge instead of macvlan"),
        ({"internal": True}, "internal false instead of true"),
        ({"attachable": True}, "attachable false instead of true"),
        ({"ipv6": True}, "ipv6 false instead of true"),
        ({"ranges": [{"subnet": "10.2.0.0/24"}]}, "ranges 10.1.0.0/24 from 10.1.0.128/25 instead of 10.2.0.0/24"),
        ({"ranges": [{"subnet": "10.1.0.0/24"}]}, "ranges 10.1.0.0/24 from 10.1.0.128/25 instead of 10.1.0.0/24"),
        (
            {"ranges": [{"subnet": "10.1.0.0/24", "iprange": "10.1.0.128/25", "gateway": "10.1.0.1"}]},
            "ranges 10.1.0.0/24 by 10.1.0.129 from 10.1.0.128/25 instead of 10.1.0.0/24 by 10.1.0.1 from 10.1.0.128/25",
        ),
        ({"driver_options": {MTU: 1500}}, f"option {MTU} 1400 instead of 1500"),
        ({"driver_options": {}}, f"option {MTU} 1400 instead of none"),
        ({"driver_options": {MTU: 1400, "a": True}}, "option a none instead of true"),
        ({"labels": {}}, "label tier back instead of none"),
        ({"labels": {"tier": "back", "a": 1}}, "label a none instead of 1"),
    ],
)
def test_difference_has_a_name(declared: dict[str, Any], difference: str) -> None:
    assert differences({**DECLARED, **declared}) == [difference]


@pytest.mark.parametrize("declared", [{"ranges": []}, {"ranges": None}])
def test_what_is_not_declared_is_the_engines_to_choose(declared: dict[str, Any]) -> None:
    assert differences({**DECLARED, **declared}, Options={MTU: "1400", "of.the.engine": "1"}) == []


def test_network_without_an_mtu_has_the_kernels() -> None:
    assert differences({**DECLARED, "driver_options": {MTU: 1500}}, Options={}, Labels={"tier": "back"}) == []
    assert differences(DECLARED, Options={}, Labels={"tier": "back"}) == [f"option {MTU} 1500 instead of 1400"]
    lan = {"name": "back", "driver": "macvlan", "driver_options": {MTU: 1500}}
    seen = {"Driver": "macvlan", "Options": {}, "Labels": {}, "IPAM": {}}
    # Its parent decides.
    assert differences(lan, **seen) == [f"option {MTU} none instead of 1500"]


def test_ranges_are_compared_by_what_they_mean() -> None:
    six = {"name": "back", "ipv6": True, "ranges": [{"subnet": "FD00:0::/64", "gateway": "fd00::0001"}]}
    config = [{"Subnet": "172.20.0.0/16", "Gateway": "172.20.0.1"}, {"Subnet": "fd00::/64", "Gateway": "fd00::1/64"}]
    assert differences(six, EnableIPv6=True, IPAM={"Config": config}, Options={}, Labels={}) == []


def test_missing_network_is_made_with_the_label() -> None:
    (made,) = networks.plan([DECLARED], host())["make"]
    assert made["labels"] == {"tier": "back", "mooring.docker": "managed", "mooring.docker.options": MTU}
    (made,) = networks.plan([{"name": "x"}], host(networks=None))["make"]
    assert made["labels"] == {"mooring.docker": "managed"}


def test_unused_network_that_differs_is_made_again() -> None:
    plan = networks.plan([{**DECLARED, "internal": True}], host(listed()))
    assert plan["problems"] == []
    assert [(one["name"], one["id"]) for one in plan["remove"]] == [("back", "0123456789abcdef")]
    assert [one["name"] for one in plan["make"]] == ["back"]


@pytest.mark.parametrize("reference", ["back", "0123456789abcdef"])
def test_network_that_is_used_stays(reference: str) -> None:
    seen = host(listed(), containers=[container("web", reference), container("db", "other")])
    for declared in ([{**DECLARED, "internal": True}], []):
        plan = networks.plan(declared, seen)
        assert (plan["remove"], plan["make"]) == ([], [])
        (problem,) = plan["problems"]
        assert "and web would lose it" in problem


def test_network_of_somebody_else_stays() -> None:
    foreign = host(listed(Labels={"com.docker.compose.project": "x"}))
    assert networks.plan([], foreign) == {"problems": [], "remove": [], "make": []}
    plan = networks.plan([{**DECLARED, "labels": {}, "internal": True}], foreign)
    assert (plan["remove"], plan["make"]) == ([], [])
    assert "not Mooring's" in plan["problems"][0]
    assert networks.plan([{**DECLARED, "labels": {}}], foreign) == {"problems": [], "remove": [], "make": []}


def test_network_that_is_declared_no_more_is_removed() -> None:
    assert [one["reason"] for one in networks.plan([], host(listed()))["remove"]] == ["declared no more"]


def test_network_of_a_swarm_is_not_removed_by_a_manager_that_does_not_declare_it() -> None:
    assert networks.plan([], host(listed(Scope="swarm", Driver="overlay")))["remove"] == []


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"driver": "macvlan", "driver_options": {"parent": "eth1"}}, "it has lo, eth0"),
        ({"driver": "ipvlan", "driver_options": {"parent": "eth1.7"}}, "eth1.7 is no interface"),
        ({"driver": "macvlan", "driver_options": {"parent": "eth0"}}, None),
        ({"driver": "macvlan", "driver_options": {"parent": "eth0.7"}}, None),
        ({"driver": "macvlan"}, None),
        ({"driver": "overlay"}, "docker swarm init"),
        ({"ipv6": True}, None),
    ],
)
def test_what_the_host_cannot_carry_is_told(declared: dict[str, Any], problem: str | None) -> None:
    problems = networks.plan([{"name": "x", **declared}], host())["problems"]
    assert problem in problems[0] if problem else problems == []


def test_manager_of_a_swarm_carries_an_overlay() -> None:
    assert networks.plan([{"name": "x", "driver": "overlay"}], host(swarm_manager=True))["problems"] == []


def test_older_engine_has_no_ipv6_range_of_its_own() -> None:
    older = host(version="26.1.5+dfsg1")
    assert "engine 26.1" in networks.plan([{"name": "x", "ipv6": True}], older)["problems"][0]
    declared = {"name": "x", "ipv6": True, "ranges": [{"subnet": "fd00::/64"}]}
    assert networks.plan([declared], older)["problems"] == []


def test_ipv6_range_without_ipv6_is_refused() -> None:
    declared = {"name": "x", "ranges": [{"subnet": "fd00::/64"}]}
    assert "needs ipv6: true" in "; ".join(addresses.network_problems([declared]))
    assert addresses.network_problems([{**declared, "ipv6": True}]) == []


def test_published_tcp_ports_are_written_as_endpoints() -> None:
    ports = [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ]
    containers = [{**container("web"), "Ports": ports}, container("idle")]
    assert networks.published(containers) == ["tcp://0.0.0.0:8080", "tcp://[::]:8080"]
