"""A policy says what it means, in rules that every nft reads, or is refused with what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables, published
from ansible_collections.mooring.docker.plugins.plugin_utils.findings.published import closed, reached

REFUSED: list[tuple[Any, str]] = [
    ("shut", "write open, closed"),
    (True, "write open, closed"),
    ({}, "write open, closed"),
    ({"allow": "192.0.2.0/24"}, "write open, closed"),
    ({"allow": [], "deny": []}, "write open, closed"),
    ({"allow": [{}]}, "let everybody in"),
    ({"allow": [{"source": ["192.0.2.0/24"]}]}, "any of sources"),
    ({"allow": ["192.0.2.0/24"]}, "any of sources"),
    ({"allow": [{"sources": []}]}, "at least one"),
    ({"allow": [{"sources": "192.0.2.1"}]}, "at least one"),
    ({"allow": [{"ports": [80]}, {"sources": ["192.0.2.1/24"]}]}, "entry 2: sources: '192.0.2.1/24'"),
    ({"allow": [{"sources": [3232235777]}]}, "no address"),
    ({"allow": [{"interfaces": ['eth0" accept; #']}]}, "no name of an interface"),
    ({"allow": [{"interfaces": ["*"]}]}, "no name of an interface"),
    ({"allow": [{"interfaces": ["a-name-of-17-long"]}]}, "no name of an interface"),
    ({"allow": [{"ports": [0]}]}, "outside 1 to 65535"),
    ({"allow": [{"ports": ["9000-8000"]}]}, "ends before"),
    ({"allow": [{"ports": ["http"]}]}, "no port"),
    ({"allow": [{"ports": [True]}]}, "no port"),
    ({"allow": [{"ports": ["80/icmp"]}]}, "no port"),
]


@pytest.mark.parametrize(("policy", "reason"), REFUSED)
def test_nonsense_is_refused_with_its_reason(policy: Any, reason: str) -> None:
    assert reason in "; ".join(published.problems(policy))


def _allowed(*entries: dict[str, Any]) -> list[str]:
    """The rules for what comes from outside, without those that every policy has."""
    policy = {"allow": list(entries)}
    assert published.problems(policy) == []
    text = published.rules(policy, [], [], [])
    assert text is not None
    lines = text.partition("chain outside {")[2].split("\n")[1:-1]
    assert (lines[0].strip(), lines[-1].strip()) == ("ct original ip daddr 127.0.0.0/8 counter drop", "counter drop")
    return [line.strip() for line in lines[1:-1]]


def test_all_that_an_entry_names_must_be_so() -> None:
    entry = {"sources": ["192.0.2.0/24", "2001:db8::/32"], "interfaces": ["eth1"], "ports": ["80/tcp"]}
    port = "meta l4proto tcp ct original proto-dst 80 accept"
    assert _allowed(entry) == [
        f'iifname "eth1" ip saddr 192.0.2.0/24 {port}',
        f'iifname "eth1" ip6 saddr 2001:db8::/32 {port}',
    ]


def test_one_entry_does_not_narrow_another() -> None:
    assert _allowed({"interfaces": ["wg*"]}, {"sources": ["192.0.2.1"]}) == [
        'iifname "wg*" accept',
        "ip saddr 192.0.2.1/32 accept",
    ]


def test_port_without_protocol_is_meant_for_both_and_overlaps_are_merged() -> None:
    assert _allowed({"ports": [80, "8000-8010/tcp", "8005-8020/tcp", "8021/tcp", "53/udp"]}) == [
        "meta l4proto tcp ct original proto-dst 80 accept",
        "meta l4proto tcp ct original proto-dst 8000-8021 accept",
        "meta l4proto udp ct original proto-dst 53 accept",
        "meta l4proto udp ct original proto-dst 80 accept",
    ]


def test_closed_is_a_list_that_allows_nobody_and_open_is_no_filter() -> None:
    assert published.rules("closed", [], [], []) == published.rules({"allow": []}, [], [], [])
    assert published.rules("open", [], [], []) is None


def test_bridge_that_is_not_dockers_is_outside_before_its_name_can_say_otherwise() -> None:
    text = published.rules("closed", ["hand0"], ["br-lan"], ["2376/tcp"]) or ""
    assert text.index('iifname "br-lan" return') < text.index('iifname "br-*" accept')
    assert 'iifname "hand0" accept' in text
    assert text.index("tcp dport 2376 accept") < text.index("include")
    assert nftables.problem(text) is None


def test_what_nobody_lets_in_is_dropped_forwarded_or_taken_by_docker_proxy() -> None:
    text = published.rules("closed", ["hand0"], ["br-lan"], ["2376/tcp"]) or ""
    lines = [line.strip() for line in text.splitlines()]
    chains = {
        line.split()[1]: lines[number + 1 : lines.index("}", number)]
        for number, line in enumerate(lines)
        if line.startswith("chain ")
    }
    assert set(chains) == {"forward", "input", "containers", "outside"}
    assert chains["forward"][0] == "type filter hook forward priority filter - 10; policy accept;"
    # A neighbour may route to a container's own address, which publishes nothing.
    assert chains["forward"][-3:] == ["jump containers", "ct status dnat goto outside", "counter drop"]
    assert next(line for line in chains["forward"] if line.startswith("oifname")) == 'oifname "br-lan" accept'
    assert chains["input"] == [
        "type filter hook input priority filter - 10; policy accept;",
        "ct state established,related accept",
        'iifname "lo" accept',
        "jump containers",
        "tcp dport 2376 accept",
        'include "/run/mooring/published-engine*.nft"',
    ]
    assert chains["outside"] == ["ct original ip daddr 127.0.0.0/8 counter drop", "counter drop"]


def _host(**changes: Any) -> dict[str, Any]:
    host: dict[str, Any] = {
        "system": {"kernel_version": "6.1.0-40-amd64"},
        "engine": {"installed": True, "networks": [{"name": "bridge"}]},
        "network": {"bridges": ["br-0123456789ab", "docker0", "hand0", "virbr0"], "routes": []},
        "packages": {},
    }
    return {**host, **changes}


def test_host_that_cannot_hold_the_policy_is_refused() -> None:
    old = _host(system={"kernel_version": "5.10.0-33-amd64"})
    assert "6.1" in "; ".join(published.host_problems("closed", old, ["hand0"], []))
    assert published.host_problems("open", old, [], []) == []


@pytest.mark.parametrize(
    ("installed", "candidate", "is_refused"),
    [
        ("0.9.8-3.1+deb11u2", "1.0.6-2", True),
        (None, "0.9.8-3.1+deb11u2", True),
        (None, "0.9.9-1", False),
        ("1.1.3-1", "1.1.3-1", False),
        ("1:1.0-1", None, False),
        (None, None, False),
    ],
)
def test_nft_that_cannot_tell_docker_proxy_is_refused_before_it_is_installed(
    installed: str | None, candidate: str | None, is_refused: bool
) -> None:
    host = _host(packages={"nftables": {"installed": installed, "candidate": candidate}})
    found = published.host_problems("closed", host, ["hand0"], [])
    assert ["nftables 0.9.9" in problem for problem in found] == ([True] if is_refused else [])
    assert published.host_problems("open", host, ["hand0"], []) == []


def test_bridge_that_nobody_explains_is_refused_while_the_engine_can_tell() -> None:
    assert "bridge hand0" in "; ".join(published.host_problems("closed", _host(), [], []))
    assert published.host_problems("closed", _host(), ["hand0"], []) == []
    assert published.host_problems("closed", _host(), [], ["hand*"]) == []
    silent = _host(engine={"installed": True, "networks": None})
    assert published.host_problems("closed", silent, [], []) == []
    bare = _host(engine={"installed": False, "networks": None})
    assert published.host_problems("closed", bare, [], [])


@pytest.mark.parametrize("networks", [None, [{"name": "bridge"}]])
def test_uplink_whose_name_begins_as_dockers_do_is_refused_whether_or_not_the_engine_answers(networks: Any) -> None:
    """The rule for Docker's bridges would let in whoever comes by it."""
    route = {"interface": "br-lan", "destination": "default", "gateways": ["192.0.2.1"]}
    bridges = {"bridges": ["br-lan", "docker0"], "routes": [route]}
    host = _host(engine={"installed": True, "networks": networks}, network=bridges)
    (problem,) = published.host_problems("closed", host, [], [])
    assert "close the bridge br-lan" in problem
    assert "name it in docker_network_other_bridges" in problem
    assert published.host_problems("closed", host, [], ["br-lan"]) == []
    # By another uplink, it may be one of Docker's own, of which a silent engine tells nothing.
    other = _host(engine=host["engine"], network={**bridges, "routes": [{**route, "interface": "eth0"}]})
    assert bool(published.host_problems("closed", other, [], [])) == (networks is not None)


@pytest.mark.parametrize("name", ["br-lan", "br-0123456789ag", "docker1", "br-0123456789abc"])
def test_bridge_that_only_looks_like_dockers_is_not_closed_without_a_word(name: str) -> None:
    host = _host(network={"bridges": ["docker0", name], "routes": []})
    assert f"would close the bridge {name}" in "; ".join(published.host_problems("closed", host, [], []))
    assert published.host_problems("closed", host, [name], []) == []
    assert published.host_problems("closed", host, [], [name]) == []


def test_ports_of_dockerd_itself_are_its_endpoints_and_a_swarms() -> None:
    urls = ["unix:///run/docker.sock", "fd://", "tcp://0.0.0.0:2376", "tcp://[::1]:2375"]
    assert published.service_ports(urls, False) == ["2375/tcp", "2376/tcp"]
    assert "4789/udp" in published.service_ports(urls, True)


def test_bridge_of_dockers_with_anothers_name_or_with_a_way_out_is_refused() -> None:
    assert "bridge virbr7 open" in "; ".join(published.host_problems("closed", _host(), ["hand0", "virbr7"], []))
    assert "bridge hand0 open" in "; ".join(published.host_problems("closed", _host(), ["hand0"], ["hand*"]))
    route = {"interface": "br0", "destination": "default", "gateways": ["192.0.2.1"]}
    uplink = _host(network={"bridges": ["br0"], "routes": [route]})
    assert "route to default" in "; ".join(published.host_problems("closed", uplink, ["br0"], []))


@pytest.mark.parametrize("name", ["docker0", "br-*", "docker*"])
def test_dockers_own_bridges_are_not_anothers(name: str) -> None:
    assert "Docker's own" in "; ".join(published.bridge_problems(["br0", name]))
    assert published.bridge_problems(["br0", "br-lan", "wan*"]) == []


def test_what_an_engine_that_does_not_answer_cannot_tell_is_as_the_filter_has_it() -> None:
    networks = [{"bridge": "docker0"}, {"bridge": "br-0123456789ab"}, {"bridge": "hand0"}, {"bridge": None}]
    running = _host(engine={"networks": networks, "swarm": "active"}, nftables={})
    seen = published.surroundings(running, ["own0"], ["tcp://0.0.0.0:2376"])
    assert seen["containers"] == ["hand0", "own0"]
    assert "4789/udp" in seen["services"]
    assert "2376/tcp" in seen["services"]
    rules = published.rules("closed", seen["containers"], ["br0"], seen["services"])
    tables = {"published": {"text": nftables.script("published", rules)}}
    silent = _host(engine={"networks": None, "swarm": None}, nftables=tables)
    again = published.surroundings(silent, ["own0"], [])
    assert published.rules("closed", again["containers"], ["br0"], again["services"]) == rules
    bare = _host(engine={"networks": None, "swarm": None}, nftables={})
    assert published.surroundings(bare, [], []) == {"containers": [], "services": []}


@pytest.mark.parametrize(
    ("policy", "source", "port", "may"),
    [
        ("open", "192.0.2.7", 80, True),
        ("closed", "192.0.2.7", 80, False),
        ({"allow": [{"sources": ["192.0.2.0/24"], "ports": ["80-90/tcp"]}]}, "192.0.2.7", 90, True),
        ({"allow": [{"sources": ["192.0.2.0/24"], "ports": ["80-90/tcp"]}]}, "192.0.2.7", 91, False),
        ({"allow": [{"sources": ["192.0.2.0/24"], "ports": ["80-90/tcp"]}]}, "192.0.3.7", 80, False),
        ({"allow": [{"sources": ["192.0.2.0/24", "2001:db8::/32"]}]}, "2001:db8::7", 80, True),
        ({"allow": [{"ports": ["80/udp"]}]}, "192.0.2.7", 80, False),
        ({"allow": [{"ports": [80]}]}, "192.0.2.7", 80, True),
        ({"allow": [{"interfaces": ["wg0"], "ports": [80]}]}, "192.0.2.7", 80, True),
        ({"allow": [{"interfaces": ["wg0"], "ports": [80]}, {"ports": [82]}]}, "192.0.2.7", 81, False),
    ],
)
def test_policy_lets_a_client_in(policy: Any, source: str, port: int, may: bool) -> None:
    assert published.may_let_in(policy, source, port) is may


def test_ports_that_the_controller_must_not_reach() -> None:
    urls = ["tcp://0.0.0.0:80", "tcp://[::]:80", "tcp://127.0.0.1:81", "tcp://192.0.2.9:82", "tcp://192.0.2.8:83"]
    assert closed("closed", urls, "192.0.2.9", "192.0.2.7", ["192.0.2.7"]) == [80, 82]
    assert closed({"allow": [{"ports": [80]}]}, urls, "192.0.2.9", "192.0.2.7", ["192.0.2.7"]) == [82]
    # It is the host itself, or the session comes through another machine.
    assert closed("closed", urls, "192.0.2.9", None, ["192.0.2.9"]) == []
    # A host that names every port there is does not keep the controller at it for hours.
    every = [f"tcp://0.0.0.0:{port}" for port in range(1, 65536)]
    assert len(closed("closed", every, "192.0.2.9", "192.0.2.7", ["192.0.2.7"])) == 512
    assert closed("closed", urls, "192.0.2.9", "192.0.2.1", ["192.0.2.7"]) == []
    assert [one.id for one in reached([82])] == ["published.reached"]
