"""Parameters of the kernel are set where they differ, now or after a boot, and nonsense is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import sysctls
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import network

RA = "net.ipv6.conf.eth0.accept_ra"


def host(
    live: dict[str, str | None] | None = None,
    boot: dict[str, str | None] | None = None,
    own: list[str] | None = None,
    heard: dict[str, int] | None = None,
    there: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """As ``host_info`` sees it."""
    return {
        "sysctls": {"live": live or {}, "boot": boot or {}, "own": own or []},
        "network": {"router_advertisements": heard or {}},
        "engine": {"networks": there},
    }


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"ip_forward": 1}, "no name"),
        ({"net..ip": 1}, "no name"),
        ({"net.ipv4.ip forward": 1}, "no name"),
        ({"../../etc/passwd": 1}, "no name"),
        ({"net.ipv4.conf.*.rp_filter": 1}, "no name"),
        ({4: 1}, "no name"),
        ({"net/ipv4/ip_forward": 1}, "written with dots"),
        ({"net.ipv4.ip_forward\n": 1}, "no name"),
        (["net.ipv4.ip_forward"], "a mapping"),
        ({"net.ipv4.ip_forward": True}, "a number or a text, not True"),
        ({"net.ipv4.ip_forward": "yes"}, "a number or a text, not 'yes'"),
        ({"net.ipv4.ip_forward": [1]}, "a number or a text"),
        ({"net.ipv4.ip_forward": None}, "a number or a text"),
        ({"net.ipv4.ip_forward": " "}, "one line"),
        ({"net.ipv4.ip_forward": "1\nkernel.panic = 1"}, "one line"),
        ({"kernel.core_pattern": '|/bin/x "%e'}, "without quotes"),
    ],
)
def test_nonsense_is_refused_with_its_reason(declared: Any, reason: str) -> None:
    (problem,) = sysctls.problems(declared)
    assert reason in problem


def test_names_and_values_of_the_kernel_are_taken() -> None:
    declared = {
        "net.ipv4.ip_forward": 1,
        "net.ipv4.tcp_rmem": "4096\t131072\t6291456",
        "net.ipv6.conf.eth0/100.accept_ra": "2",
        "net.ipv6.conf.br-0a1b.accept_ra": 2,
    }
    assert sysctls.problems(declared) == []
    assert sysctls.problems(None) == sysctls.problems({}) == []


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("/net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv6.conf.eth0/100.accept_ra", "net/ipv6/conf/eth0.100/accept_ra"),
        ("net/ipv6/conf/eth0.100/accept_ra", "net/ipv6/conf/eth0.100/accept_ra"),
    ],
)
def test_what_separates_first_separates(name: str, place: str) -> None:
    assert sysctls.proc_name(name) == place


def test_interface_with_a_dot_has_its_own_parameter() -> None:
    assert sysctls.proc_name(sysctls.accept_ra("eth0.100")) == "net/ipv6/conf/eth0.100/accept_ra"


def test_last_assignment_counts_and_patterns_do_not() -> None:
    text = """\
# /etc/sysctl.d/10-one.conf
net.ipv4.ip_forward = 1
; net.ipv4.ip_forward = 7
-net.ipv4.tcp_rmem=4096\t131072  6291456
net.ipv6.conf.*.accept_ra = 1
-net.ipv6.conf.eth1.accept_ra
net.core.somaxconn = 99
# /etc/sysctl.d/20-two.conf
net/ipv4/ip_forward=0
-net.core.somaxconn
"""
    assert sysctls.assignments(text) == {
        "net/ipv4/ip_forward": "0",
        "net/ipv4/tcp_rmem": "4096 131072 6291456",
    }


@pytest.mark.parametrize(
    ("options", "networks", "needed"),
    [
        ({"ipv6": True}, [], {RA: "2"}),
        ({"bip6": "fd00::1/64"}, [], {RA: "2"}),
        ({}, [{"name": "six", "ipv6": True}], {RA: "2"}),
        ({}, [{"name": "six", "ipv6": True, "driver": "macvlan"}], {}),
        ({"ipv6": True, "ip-forward": False}, [], {}),
        ({}, [{"name": "four"}], {}),
    ],
)
def test_routers_are_listened_to_where_ipv6_is_forwarded(
    options: dict[str, Any], networks: list[dict[str, Any]], needed: dict[str, str]
) -> None:
    assert sysctls.wanted({}, options, networks, host(heard={"eth0": 1})) == needed


def test_network_that_is_there_counts_too() -> None:
    there = [{"name": "six", "ipv6": True, "driver": "bridge", "labels": {}}]
    assert sysctls.wanted({}, {}, [], host(heard={"eth0": 1}, there=there)) == {RA: "2"}
    there[0]["labels"] = {"mooring.docker": "managed"}
    assert sysctls.wanted({}, {}, [], host(heard={"eth0": 1}, there=there)) == {}


@pytest.mark.parametrize(
    ("live", "boot", "options", "needed"),
    [
        ("2", "2", {"ipv6": True}, {RA: "2"}),
        ("1", "2", {"ipv6": True}, {RA: "2"}),
        (None, "2", {"ipv6": True}, {}),  # The interface is gone.
        ("0", "0", {"ipv6": True}, {}),  # The operator had switched it off, and withdraws that.
        ("2", "2", {}, {}),
    ],
)
def test_interface_whose_router_is_silent_keeps_listening(
    live: str | None, boot: str, options: dict[str, Any], needed: dict[str, str]
) -> None:
    silent = host({RA: live}, {RA: boot}, [RA, "net.core.somaxconn"])
    assert sysctls.wanted({}, options, [], silent) == needed


def test_operator_has_the_last_word() -> None:
    assert sysctls.wanted({RA: 0}, {"ipv6": True}, [], host(heard={"eth0": 1})) == {RA: "0"}


@pytest.mark.parametrize(
    ("live", "boot", "own", "states"),
    [
        ("2", "2", [RA], []),
        ("2", "2", [], []),  # Somebody else looks after it.
        ("1", "2", [RA], ["present"]),
        ("2", None, [], ["present"]),
        ("2", "1", [RA], ["present"]),
    ],
)
def test_only_what_differs_is_set(live: str, boot: str | None, own: list[str], states: list[str]) -> None:
    planned = sysctls.plan({RA: "2"}, host({RA: live}, {RA: boot}, own))
    assert [one["state"] for one in planned] == states


def test_what_is_wanted_no_more_leaves_the_file() -> None:
    assert sysctls.plan({}, host({RA: "2"}, {RA: "2"}, [RA])) == [{"name": RA, "state": "absent"}]


def test_unknown_parameter_is_refused() -> None:
    there = host(live={"net.ipv4.ip_forward": "1", "net.ipv4.ip_foward": None})
    (problem,) = sysctls.host_problems({"net.ipv4.ip_forward": 1, "net.ipv4.ip_foward": 1}, there)
    assert problem.startswith("net.ipv4.ip_foward is unknown")


@pytest.mark.parametrize(
    ("live", "boot", "observed"),
    [
        ("2", "2", None),
        ("1", "2", "it is 1"),
        (None, None, "the kernel has none"),
        ("2", None, "no file sets it"),
        ("2", "0", "it would be 0"),
    ],
)
def test_findings_tell_now_and_after_a_boot(live: str | None, boot: str | None, observed: str | None) -> None:
    seen = {"file": sysctls.FILE, "live": {RA: live}, "boot": {RA: boot}}
    found = list(network.sysctls({RA: "2"}, seen))
    assert [(one.id, one.observed) for one in found] == ([("bridge.sysctl", observed)] if observed else [])
