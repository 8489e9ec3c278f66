"""Each fault of a host's data path is the right finding, and hosts without faults have none.

``recorded/`` holds what ``host_info`` saw of hosts with each engine, all with the same containers: ``web`` on docker0
with ports published on all addresses, on one of the host's and on its loopback; ``two`` on docker0 and a network of its
own; others in networks with IPv6, without masquerading, internal ones, and with enable_icc=false; one in the host's
network, one without a network, and one in the network of another.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import daemon
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nft_chains
from ansible_collections.mooring.docker.plugins.module_utils._network import datapath
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import links, network, packets, routes

RECORDED = Path(__file__).parent / "recorded"
ENGINES = sorted(path.stem for path in RECORDED.glob("*.json"))
IPTABLES = [name for name in ENGINES if "nftables" not in name]
PROXIED = [name for name in ENGINES if "without-proxy" not in name]
PROTECTED = [name for name in IPTABLES if name >= "28"]


@functools.cache
def recorded(engine: str) -> Any:
    return json.loads((RECORDED / f"{engine}.json").read_text())


class Host:
    """A recorded host, to be spoilt."""

    def __init__(self, engine: str) -> None:
        self.said = copy.deepcopy(recorded(engine))
        self.seen = self.said["bridge"]
        self.settings = self.said["settings"]
        self.network = self.said["network"]

    def container(self, name: str) -> Any:
        return next(one for one in self.seen["containers"] if one["name"] == name)

    def bridge(self, network: str) -> Any:
        return next(one for one in self.seen["bridges"] if one["network"] == network)

    def docker(self, network: str) -> Any:
        return next(one for one in self.seen["networks"] if one["name"] == network)

    def without(self, pattern: str, program: str = "iptables") -> None:
        """Delete rules, as iptables-save writes them."""
        kept = [line for line in self.said["saved"][program].splitlines() if not re.search(pattern, line)]
        assert len(kept) < len(self.said["saved"][program].splitlines()), pattern
        self.said["saved"][program] = "\n".join(kept)

    def first(self, table: str, rule: str) -> None:
        """Insert a rule before those of its table."""
        head, star, rest = self.said["saved"]["iptables"].partition(f"*{table}\n")
        at = rest.index("-A ")
        self.said["saved"]["iptables"] = f"{head}{star}{rest[:at]}{rule}\n{rest[at:]}"

    def flush(self, table: str) -> None:
        head, star, rest = self.said["saved"]["iptables"].partition(f"*{table}\n")
        rules, commit, after = rest.partition("COMMIT")
        left = "".join(f"{line}\n" for line in rules.splitlines() if line.startswith(":"))
        self.said["saved"]["iptables"] = head + star + left + commit + after

    def nft(self, *entries: dict[str, Any]) -> None:
        """Add to what nft lists."""
        self.said["nft"]["--terse list ruleset"] += entries

    def findings(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What verification tells, with the packets' ways worked out again."""
        monkeypatch.setattr(datapath, "_nft", lambda _timeout, *words: self.said["nft"][" ".join(words)])
        filters = datapath.observe_filters(self.said["saved"], 1)
        datapath.Paths(self.seen, self.said["addresses"], filters).add()
        self.seen["bypassed"] = datapath.bypassed(filters)
        version = daemon.version(self.said["version"])
        assert version
        return [
            *network.ways(self.seen),
            *links.networks(self.seen, self.network, [], True),
            *links.containers(self.seen),
            *routes.routes(self.seen, self.network, True),
            *network.forwarding({}, [], self.seen, self.network["forwarding"]),
            *packets.packets(self.seen, self.settings, version),
        ]


@pytest.mark.parametrize("engine", ENGINES)
def test_host_without_faults_has_no_finding(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(engine)
    assert len(host.seen["containers"]) > 8
    assert host.findings(monkeypatch) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_ways_are_known_and_not_just_unknown(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be told is no finding: so most must be told."""
    host = Host(engine)
    host.findings(monkeypatch)
    (port,) = [
        one for one in host.container("web")["published"] if one["host_port"] == 8080 and "." in one["host_address"]
    ]
    assert (port["outside"]["verdict"], port["outside"]["to"]) == ("accept", "172.17.0.2:80")
    assert port["direct"]["verdict"] == ("drop" if engine >= "28" else "accept")
    outbound = {name: host.container(name)["networks"] for name in ("web", "nm", "inn")}
    assert outbound["web"]["bridge"]["outbound"]["source"] == "translated"
    assert outbound["nm"]["nomasq"]["outbound"]["source"] == "kept"
    assert outbound["inn"]["inner"]["outbound"]["verdict"] == "drop"
    assert {one["verdict"] for one in host.bridge("back")["open_to"].values()} == {"drop"}
    assert host.bridge("bridge")["within"]["verdict"] == "accept"
    assert host.bridge("noicc")["within"]["verdict"] == "drop"


def _set(path: str, value: Any) -> Callable[[Any], None]:
    """Replace what is at the path, words and numbers between slashes."""

    def spoil(found: Any) -> None:
        *way, last = [int(word) if word.isdigit() else word for word in path.split("/")]
        for word in way:
            found = found[word]
        assert found[last] != value
        found[last] = value

    return spoil


def _blocker(host: Host) -> None:
    """A table of somebody's that drops all that is forwarded, before others see it."""
    chain = {"family": "inet", "table": "blocker", "name": "forward", "type": "filter", "hook": "forward"}
    host.nft(
        {"table": {"family": "inet", "name": "blocker"}},
        {"chain": {**chain, "prio": -10, "policy": "accept"}},
        {"rule": {"family": "inet", "table": "blocker", "chain": "forward", "handle": 7, "expr": [{"drop": None}]}},
    )


def _closed_table(host: Host) -> None:
    """The same by the policy of its chain."""
    _blocker(host)
    host.said["nft"]["--terse list ruleset"].pop()
    host.said["nft"]["--terse list ruleset"][-1]["chain"]["policy"] = "drop"


def _bridge(path: str, value: Any, network: str = "bridge") -> Callable[[Host], None]:
    return lambda host: _set(path, value)(host.bridge(network))


def _container(path: str, value: Any, name: str = "web") -> Callable[[Host], None]:
    return lambda host: _set(path, value)(host.container(name))


def _lose_link(host: Host) -> None:
    host.seen["bridges"].remove(host.bridge("nomasq"))


def _lose_route(host: Host) -> None:
    host.network["routes"] = [one for one in host.network["routes"] if one["destination"] != "172.17.0.0/16"]


def _bend_route(host: Host) -> None:
    (route,) = [one for one in host.network["routes"] if one["destination"] == "172.17.0.0/16"]
    route["interface"] = "host0"


def _flush_backend(host: Host) -> None:
    """nft flush table ip docker-bridges: the chains stay."""
    said = host.said["nft"]
    said["list table ip docker-bridges"] = [one for one in said["list table ip docker-bridges"] if "rule" not in one]


def _delete_backend(host: Host) -> None:
    said = host.said["nft"]
    said["--terse list ruleset"] = [
        one for one in said["--terse list ruleset"] if "docker-bridges" not in json.dumps(one)
    ]


def _keep(chain: str) -> Callable[[Host], None]:
    """Delete the rules of the backend's chains whose names match."""

    def spoil(host: Host) -> None:
        said = host.said["nft"]["list table ip docker-bridges"]
        kept = [one for one in said if not ("rule" in one and re.fullmatch(chain, one["rule"]["chain"]))]
        assert len(kept) < len(said)
        host.said["nft"]["list table ip docker-bridges"] = kept

    return spoil


def _port(number: int, **changed: Any) -> Callable[[Host], None]:
    def spoil(host: Host) -> None:
        (port,) = [
            one
            for one in host.container("web")["published"]
            if one["host_port"] == number and ":" not in one["host_address"]
        ]
        port.update(changed)

    return spoil


def _fill_connections(host: Host) -> None:
    host.seen["connections"] = {"count": 262000, "limit": 262144}


def _close_forward(host: Host) -> None:
    """iptables -P FORWARD DROP, and the jumps are gone."""
    host.without(r"-A FORWARD ")
    host.said["saved"]["iptables"] = host.said["saved"]["iptables"].replace(":FORWARD ACCEPT", ":FORWARD DROP")


def _close_and_forget_port(host: Host) -> None:
    """The rule that accepts a published port is gone, and others are dropped."""
    host.without(r"-A DOCKER -d 172.17.0.2/32 .*--dport 80 -j ACCEPT")
    if host.said["version"] < "28":
        host.said["saved"]["iptables"] = host.said["saved"]["iptables"].replace(":FORWARD ACCEPT", ":FORWARD DROP")


def _operators_rules(host: Host) -> None:
    host.without(r"-A FORWARD -j DOCKER-USER")
    if "-A DOCKER-USER" in host.said["saved"]["iptables"]:
        host.without("-A DOCKER-USER")
    host.first("filter", "-A DOCKER-USER ! -s 192.0.2.0/24 -i host0 -j DROP")


def _accept_first(host: Host) -> None:
    host.first("filter", "-A FORWARD -j ACCEPT\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -s 192.0.2.0/24 -j DROP")


def _route(
    way: str, error: str | None = None, interface: str | None = None, name: str = "web"
) -> Callable[[Host], None]:
    """The kernel leads packets of one kind elsewhere, or nowhere."""

    def spoil(host: Host) -> None:
        for attached in host.container(name)["networks"].values():
            for lookup in attached["routes"]:
                lookup[way] = {"interface": interface, "error": error}

    return spoil


def _uplink(**changed: Any) -> Callable[[Host], None]:
    return lambda host: host.seen["uplinks"][0].update(changed)


def _strict_uplink(host: Host) -> None:
    """rp_filter is strict, and answers of containers would leave by another interface."""
    _uplink(strict=True)(host)
    _route("inward", "Invalid argument")(host)


def _wrong_neighbour(host: Host) -> None:
    address = host.container("web")["networks"]["bridge"]["addresses"][0].partition("/")[0]
    neighbour = {"address": address, "interface": "docker0", "mac": "02:00:00:00:00:66", "permanent": True}
    host.network["neighbours"].append(neighbour)


def _lose_ipv6(host: Host) -> None:
    host.network["without_ipv6"] = [host.bridge("six")["name"]]


def _ipv6_uplink(host: Host) -> None:
    """The host itself reaches others over IPv6."""
    uplink = host.seen["uplinks"][0]
    host.seen["uplinks"].append({**uplink, "family": "inet6", "gateway": "fe80::1"})


def _lose_ipv6_masquerade(host: Host) -> None:
    _ipv6_uplink(host)
    host.without(r"-A POSTROUTING -s fd77:2::/64 .*-j MASQUERADE", "ip6tables")


def _lose_ipv6_backend(host: Host) -> None:
    _ipv6_uplink(host)
    host.said["nft"]["list table ip6 docker-bridges"] = []


def _other_table(family: str, hook: str, *expressions: dict[str, Any], **chain: Any) -> Callable[[Host], None]:
    """A table of somebody's with one rule in the chain of a hook."""

    def spoil(host: Host) -> None:
        place = {"family": family, "table": "blocker"}
        host.nft(
            {"table": {"family": family, "name": "blocker"}},
            {"chain": {**place, "name": "x", "type": "filter", "hook": hook, "prio": 0, "policy": "accept", **chain}},
            {"rule": {**place, "chain": "x", "handle": 7, "expr": list(expressions)}},
        )

    return spoil


def _blocked_port(host: Host) -> None:
    """One port of docker0 takes nothing, by its name."""
    (interface,) = [
        port["interface"]
        for port in host.bridge("bridge")["ports"]
        if port["container"] and port["container"]["name"] == "web"
    ]
    _other_table("bridge", "input", _meta("iifname", interface), {"drop": None})(host)


def _meta(key: str, value: str) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": value}}


SIX = "bridge.masquerade", "networks.masquerade", "published.not_sent"
FAULTS: dict[str, tuple[list[str], Callable[[Host], None], set[str]]] = {
    # Links, addresses and routes.
    "docker0 down": (ENGINES, _bridge("up", False), {"bridge.down"}),
    "bridge of a network down": (ENGINES, _bridge("up", False, "back"), {"networks.down"}),
    "MTU of docker0": (ENGINES, _bridge("mtu", 1300), {"bridge.mtu"}),
    "MTU of a bridge": (ENGINES, _bridge("mtu", 9000, "six"), {"networks.mtu"}),
    "address of docker0 removed": (ENGINES, _bridge("addresses", []), {"bridge.address"}),
    "address of docker0 changed": (ENGINES, _bridge("addresses", ["172.17.0.9/16"]), {"bridge.address"}),
    "IPv6 address lost": (ENGINES, _bridge("addresses", ["10.77.2.1/24"], "six"), {"networks.address"}),
    "veth taken out": (ENGINES, _bridge("ports", [], "back"), {"networks.cut_off"}),
    "veth down": (ENGINES, _bridge("ports/0/up", False), {"bridge.port_closed"}),
    "port blocked by STP": (ENGINES, _bridge("ports/0/forwards", False), {"bridge.port_closed"}),
    "port isolated": (ENGINES, _bridge("ports/0/isolated", True, "back"), {"networks.port_closed"}),
    "eth0 down": (ENGINES, _bridge("ports/0/container/up", False, "inner"), {"networks.port_closed"}),
    "eth0 without address": (ENGINES, _bridge("ports/0/container/addresses", [], "back"), {"networks.cut_off"}),
    "container without default route": (ENGINES, _container("gateways", []), {"networks.no_gateway"}),
    "loopback of a container down": (ENGINES, _container("loopback", False), {"networks.loopback_down"}),
    "resolver gone": (ENGINES, _container("resolver", False, "two"), {"networks.no_resolver"}),
    "network namespace lost": (ENGINES, _container("sandboxed", False, "two"), {"networks.sandbox_lost"}),
    "shim gone": (ENGINES, _container("parent", "systemd"), {"engine.shim_missing"}),
    "bridge gone": (ENGINES, _lose_link, {"networks.link_missing", "networks.cut_off"}),
    "route gone": (ENGINES, _lose_route, {"bridge.route"}),
    "route elsewhere": (ENGINES, _bend_route, {"bridge.route"}),
    "forwarding of docker0 off": (ENGINES, _bridge("forwarding", False), {"bridge.forwarding_off"}),
    "connections exhausted": (ENGINES, _fill_connections, {"bridge.connections"}),
    "bridge-nf-call off": (
        ENGINES,
        lambda host: host.seen.update(filters_bridged=False),
        {"networks.not_apart"},
    ),
    "docker0 answers no ARP": (ENGINES, _bridge("arp", False), {"bridge.arp_off"}),
    "another's link-layer address": (ENGINES, _wrong_neighbour, {"bridge.neighbour"}),
    "IPv6 off on a bridge": (ENGINES, _lose_ipv6, {"networks.ipv6_off"}),
    "IPv6 forwarding off": (
        ENGINES,
        lambda host: host.network["forwarding"].update(inet6=False),
        {"bridge.forwarding_off"},
    ),
    "forwarding off by the uplink": (ENGINES, _uplink(forwarding=False), {"bridge.forwarding_off"}),
    "a more specific route, or a rule": (ENGINES, _route("from_host", interface="host0"), {"bridge.route"}),
    "a rule that refuses": (ENGINES, _route("from_host", "Invalid argument"), {"bridge.route"}),
    "a rule that leads containers nowhere": (
        ENGINES,
        _route("outward", "Network is unreachable"),
        {"bridge.no_way_out"},
    ),
    "strict rp_filter": (ENGINES, _strict_uplink, {"published.not_routed"}),
    "rules of the resolver gone": (ENGINES, _container("resolves", False, "inn"), {"networks.no_resolver"}),
    "resolv.conf empty": (ENGINES, _container("nameservers", [], "two"), {"networks.no_nameserver"}),
    "docker-proxy killed": (PROXIED, _port(8080, proxy=None), {"published.proxy"}),
    "route_localnet off": (
        ["28.5-without-proxy"],
        _bridge("route_localnet", False),
        {"published.loopback"},
    ),
    # iptables.
    "nat flushed": (IPTABLES, lambda host: host.flush("nat"), set(SIX)),
    "jump to nat's chain gone": (
        IPTABLES,
        lambda host: host.without(r"-A PREROUTING .*-j DOCKER"),
        {"published.not_sent"},
    ),
    "DNAT to another address": (
        IPTABLES,
        lambda host: host.first(
            "nat", "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.99:80"
        ),
        {"published.not_sent"},
    ),
    "masquerading of a network gone": (
        IPTABLES,
        lambda host: host.without(r"-A POSTROUTING -s 10.77.1.0/24 .*-j MASQUERADE"),
        {"networks.masquerade"},
    ),
    "DROP in DOCKER-USER": (
        IPTABLES,
        lambda host: (
            host.without("^-A FORWARD -j DOCKER-USER"),
            host.first("filter", "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j DROP"),
        )[0],
        {"filter.blocks"},
    ),
    "REJECT of a port in FORWARD": (
        IPTABLES,
        lambda host: host.first("filter", "-A FORWARD -i host0 -p tcp -m tcp --dport 80 -j REJECT --reject-with x"),
        {"filter.blocks"},
    ),
    "DROP in the raw table of all that comes in": (
        IPTABLES,
        lambda host: host.said["saved"].update(
            iptables=host.said["saved"]["iptables"]
            + "\n*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i host0 -j DROP\nCOMMIT\n"
        ),
        {"filter.blocks"},
    ),
    "FORWARD drops and leads nowhere": (IPTABLES, _close_forward, {"filter.engine_rules"}),
    "ACCEPT of a published port gone": (IPTABLES, _close_and_forget_port, {"filter.engine_rules"}),
    "isolation gone": (
        [name for name in IPTABLES if name < "28"],
        lambda host: host.without(r"-A FORWARD -j DOCKER-ISOLATION-STAGE-1"),
        {"networks.not_apart", "bridge.not_apart"},
    ),
    "rule of enable_icc gone": (
        IPTABLES,
        lambda host: (
            host.without(rf"(?<!! )-i ({host.bridge('noicc')['name']}) -o \1 -j DROP"),
            # What comes after it drops all but the bridge's own.
            None,
        )[1],
        {"networks.not_apart"},
    ),
    "raw table flushed": (PROTECTED, lambda host: host.flush("raw"), {"published.direct"}),
    "rules of DOCKER-USER bypassed": (IPTABLES, _operators_rules, {"filter.bypassed"}),
    "all accepted before rules of DOCKER-USER": (
        IPTABLES,
        _accept_first,
        {"filter.bypassed", "networks.not_apart"},
    ),
    "translation over IPv6 gone": (
        [name for name in IPTABLES if name >= "28"],
        _lose_ipv6_masquerade,
        {"networks.masquerade"},
    ),
    # nftables.
    "translation over IPv6 gone, by nftables": (
        ["29.7-nftables"],
        _lose_ipv6_backend,
        {"networks.masquerade", "published.not_sent", "published.direct"},
    ),
    "DROP between ports of bridges": (ENGINES, _other_table("bridge", "forward", {"drop": None}), {"filter.blocks"}),
    "DROP from a bridge": (
        ENGINES,
        _other_table("bridge", "input", _meta("ibrname", "docker0"), {"drop": None}),
        {"filter.blocks"},
    ),
    "DROP from a port of a bridge": (ENGINES, _blocked_port, {"filter.blocks"}),
    "DROP to bridges by policy": (
        ENGINES,
        _other_table("bridge", "output", _meta("obrname", "nobody"), {"accept": None}, policy="drop"),
        {"filter.blocks"},
    ),
    "DROP where packets come in": (
        ENGINES,
        _other_table("netdev", "ingress", {"drop": None}, dev="host0"),
        {"filter.blocks"},
    ),
    "DROP where packets of containers come in": (
        ENGINES,
        _other_table("netdev", "ingress", {"drop": None}, dev=["docker0"]),
        {"filter.blocks"},
    ),
    "DROP before routing": (
        ENGINES,
        _other_table("inet", "prerouting", {"drop": None}, prio=-300),
        {"filter.blocks"},
    ),
    "table with DROP at the hook": (ENGINES, _blocker, {"filter.blocks"}),
    "table whose policy is DROP at the hook": (ENGINES, _closed_table, {"filter.blocks"}),
    "engine's table flushed": (
        ["29.7-nftables"],
        _flush_backend,
        {*SIX, "published.direct", "networks.not_apart", "bridge.not_apart"},
    ),
    "engine's table deleted": (
        ["29.7-nftables"],
        _delete_backend,
        {*SIX, "published.direct", "networks.not_apart", "bridge.not_apart"},
    ),
    "engine's translation gone": (
        ["29.7-nftables"],
        _keep("nat-prerouting-and-output|nat-.*DNAT.*"),
        {"published.not_sent"},
    ),
    "engine's raw chain flushed": (["29.7-nftables"], _keep("raw-PREROUTING"), {"published.direct"}),
    "engine's chain of docker0 flushed": (
        ["29.7-nftables"],
        _keep("filter-forward-in__docker0"),
        {"networks.not_apart"},
    ),
}


@pytest.mark.parametrize(
    ("fault", "engine"), [(fault, engine) for fault, (engines, *_rest) in FAULTS.items() for engine in engines]
)
def test_fault_is_the_finding(fault: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _engines, spoil, expected = FAULTS[fault]
    host = Host(engine)
    spoil(host)
    found = host.findings(monkeypatch)
    assert {one.id for one in found} == expected, found
    assert all(one.remedy and one.severity in ("error", "warning") for one in found)


OPERATORS: dict[str, Callable[[Host], None]] = {
    "no rules of the engine": lambda host: (host.settings.update(iptables=False), host.flush("nat"))[1],
    "a policy in DOCKER-USER": lambda host: host.first(
        "filter", "-A DOCKER-USER -s 192.0.2.0/24 -i host0 -j RETURN\n-A DOCKER-USER -i host0 -j DROP"
    ),
    "a policy by the port that was asked for": lambda host: host.first(
        "filter", "-A DOCKER-USER -i host0 -p tcp -m conntrack --ctorigdstport 8080 -j DROP"
    ),
    "networks let through to each other": lambda host: host.first("filter", "-A DOCKER-USER -i docker0 -j ACCEPT"),
    "ufw": lambda host: host.first(
        "filter",
        ":ufw-before-forward - [0:0]\n:ufw-reject-forward - [0:0]\n"
        "-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT\n"
        '-A ufw-before-forward -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "\n'
        "-A FORWARD -j ufw-before-forward",
    ),
    "fail2ban": lambda host: host.first(
        "filter", "-A DOCKER-USER -m set --match-set f2b-web src -j REJECT\n-A DOCKER-USER -s 192.0.2.9/32 -j DROP"
    ),
    "source translated by another": lambda host: (
        host.without(r"-A POSTROUTING -s 10.77.1.0/24"),
        host.first("nat", "-A POSTROUTING -o host0 -j SNAT --to-source 198.51.100.1"),
    )[1],
}


ANYWHERE: dict[str, Callable[[Host], None]] = {
    "reached over IPv6": _ipv6_uplink,
    "containers by a VPN": _route("outward", interface="wg0"),
    "no way that is known": lambda host: (_route("outward", None)(host), _route("inward", None)(host))[0],
    "strict and symmetric": _uplink(strict=True),
    "a strict way in to what publishes nothing": lambda host: (
        _uplink(strict=True)(host),
        _route("inward", "Invalid argument", name="nm")(host),
    )[0],
    "no way out of an internal network": _route("outward", "Network is unreachable", name="inn"),
    "a resolver that is slow": _container("resolves", None, "two"),
    "filters of other bridges": _other_table("bridge", "forward", _meta("ibrname", "br0"), {"drop": None}),
    "filters of other ports": _other_table("bridge", "forward", _meta("iifname", "vnet0"), {"drop": None}),
    "filters of other devices": _other_table("netdev", "ingress", {"drop": None}, dev="eth9"),
    "a neighbour that was only seen": lambda host: (
        _wrong_neighbour(host),
        host.network["neighbours"][-1].update(permanent=False),
    )[0],
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ANYWHERE)
def test_what_healthy_hosts_have_is_no_finding(name: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(engine)
    ANYWHERE[name](host)
    assert host.findings(monkeypatch) == []


@pytest.mark.parametrize("engine", IPTABLES)
@pytest.mark.parametrize("name", OPERATORS)
def test_what_an_operator_may_want_is_no_finding(name: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(engine)
    OPERATORS[name](host)
    assert host.findings(monkeypatch) == []


@pytest.mark.parametrize(
    ("words", "devices"),
    [
        ('device "host0" priority filter', ["host0"]),
        ('devices = { eth0, "eth1" } priority 0', ["eth0", "eth1"]),
        ("priority 0", []),
    ],
)
def test_devices_that_nft_tells_in_its_own_words_only(
    words: str, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """nft 1.0.6 leaves them out of its JSON."""
    text = f"table netdev b {{\n\tchain x {{\n\t\ttype filter hook ingress {words}; policy accept;\n\t}}\n}}\n"
    said = subprocess.CompletedProcess([], 0, text, "")
    monkeypatch.setattr(datapath.commands, "run", lambda *_words, timeout: said)
    host = Host("20.10")
    _other_table("netdev", "ingress", {"drop": None})(host)
    assert [one.id for one in host.findings(monkeypatch)] == (["filter.blocks"] if "host0" in devices else [])
    assert nft_chains.devices(text) == devices


@pytest.mark.parametrize(
    ("network", "options", "spoil"),
    [
        ("bridge", {"enable_ip_masquerade": "false"}, lambda host: host.without("-s 172.17.0.0/16 ! -o docker0")),
        ("back", {"inhibit_ipv4": "true"}, _bridge("addresses", [], "back")),
        ("back", {"gateway_mode_ipv4": "isolated"}, _bridge("addresses", [], "back")),
        ("back", {"gateway_mode_ipv4": "routed"}, lambda host: host.without("10.77.1.0/24 |--dport 8083")),
    ],
)
def test_options_of_a_network_are_regarded(
    network: str, options: dict[str, str], spoil: Callable[[Host], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host("28.5")
    host.docker(network)["options"].update({f"com.docker.network.bridge.{key}": text for key, text in options.items()})
    spoil(host)
    assert host.findings(monkeypatch) == []


def test_rule_that_names_what_it_drops_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule, severity in (("-i host0 -j DROP", "warning"), ("-j DROP", "error")):
        host = Host("28.5")
        host.first("filter", f"-A FORWARD {rule}")
        (found,) = host.findings(monkeypatch)
        assert (found.id, found.severity) == ("filter.blocks", severity)
        assert f"-A FORWARD {rule}" in found.observed


def test_firewalld_is_told_of_a_bridge_and_not_rid_of_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen with 20.10: bridges of internal networks are in no zone, and their containers do not reach each other."""
    host = Host("20.10")
    _blocker(host)
    listed = json.dumps(host.said["nft"]["--terse list ruleset"]).replace('"blocker"', '"firewalld"')
    host.said["nft"]["--terse list ruleset"] = json.loads(listed)
    (found,) = host.findings(monkeypatch)
    assert "firewall-cmd" in found.remedy
