"""The packet filter of the endpoints says what is declared, and nothing of any other port."""

from __future__ import annotations

import ipaddress
import re

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables
from ansible_collections.mooring.docker.plugins.module_utils._firewall.endpoint_filter import problems, rules
from hypothesis import given
from hypothesis import strategies as st

EVERYWHERE = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]
networks = st.one_of(
    st.ip_addresses(network="10.0.0.0/24").map(str),
    st.integers(0, 8).map(lambda bits: f"10.0.0.0/{24 + bits}"),
    st.integers(0, 64).map(lambda bits: f"2001:db8::/{64 + bits}"),
)


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [
        ("192.0.2.0/24", "must be a list"),
        (["192.0.2.1/24"], "host bits"),
        (["192.0.2.0/33"], "no network"),
        (["2001:db8::/129"], "no network"),
        (["ci.example.com"], "no network"),
        (["192.0.2.1; accept"], "no network"),
        (["::ffff:192.0.2.0/120"], "write 192.0.2.0/24"),
    ],
)
def test_bad_clients_are_refused(allowed: object, reason: str) -> None:
    assert reason in "; ".join(problems(allowed))


def test_addresses_and_networks_of_both_families_are_clients() -> None:
    assert problems(["192.0.2.0/24", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0"]) == []


@pytest.mark.parametrize(
    ("url", "match"),
    [
        # dockerd opens it for IPv6 too, so the port alone counts.
        ("tcp://0.0.0.0:2376", "tcp dport 2376"),
        ("tcp://[::]:2376", "tcp dport 2376"),
        ("tcp://docker.example:2376", "tcp dport 2376"),
        ("tcp://192.0.2.1:2377", "ip daddr 192.0.2.1 tcp dport 2377"),
        ("tcp://[2001:db8::1]:2376", "ip6 daddr 2001:db8::1 tcp dport 2376"),
    ],
)
def test_only_the_endpoint_is_filtered(url: str, match: str) -> None:
    text = rules(["unix:///run/docker.sock", url], [])
    assert re.findall(r"^ +(.*) goto clients$", text, re.MULTILINE) == [match]
    assert re.findall(r"dport (\d+)", text) == [match.split()[-1]]


@pytest.mark.parametrize("urls", [["unix:///run/docker.sock"], ["fd://"]])
def test_nothing_to_filter_without_an_endpoint(urls: list[str]) -> None:
    assert rules(urls, ["192.0.2.0/24"]) == ""
    assert rules(EVERYWHERE, None) == ""


@pytest.mark.parametrize("allowed", [None, [], ["192.0.2.0/24"]])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_endpoint_on_loopback_takes_nothing_from_elsewhere(host: str, allowed: list[str] | None) -> None:
    text = rules(["fd://", f"tcp://{host}:2375", f"tcp://{host}:2379"], allowed)
    assert [line.strip() for line in text.splitlines()[2:-1]] == [
        'iif "lo" accept',
        "ip daddr 127.0.0.0/8 tcp dport 2375 counter drop",
        "ip6 daddr ::1 tcp dport 2375 counter drop",
        "ip daddr 127.0.0.0/8 tcp dport 2379 counter drop",
        "ip6 daddr ::1 tcp dport 2379 counter drop",
    ]


def test_endpoints_on_loopback_and_beyond_are_filtered_side_by_side() -> None:
    text = rules(["tcp://127.0.0.1:2375", "tcp://0.0.0.0:2376"], ["192.0.2.0/24"])
    assert re.findall(r"(ip\S* daddr \S+) tcp dport 2375 counter drop", text) == [
        "ip daddr 127.0.0.0/8",
        "ip6 daddr ::1",
    ]
    assert re.findall(r"^ +(.*) goto clients$", text, re.MULTILINE) == ["tcp dport 2376"]
    assert nftables.problem(text) is None


def test_all_but_the_allowed_clients_are_dropped_whatever_connection_they_have() -> None:
    lines = [line.strip() for line in rules(EVERYWHERE, ["192.0.2.0/24"]).splitlines()]
    assert lines[lines.index("chain input {") + 1 :] == [
        "type filter hook input priority filter - 10; policy accept;",
        'iif "lo" accept',
        "tcp dport 2376 goto clients",
        "}",
        "chain clients {",
        "ip saddr @allowed4 accept",
        "ip6 saddr @allowed6 accept",
        "counter drop",
        "}",
    ]


@given(st.lists(networks, max_size=6))
def test_sets_hold_all_that_is_allowed_once(allowed: list[str]) -> None:
    text = rules(EVERYWHERE, allowed)
    listed = [
        ipaddress.ip_network(word) for line in re.findall(r"elements = { (.*) }", text) for word in line.split(", ")
    ]
    wanted = [ipaddress.ip_network(entry) for entry in allowed]
    assert all(any(one.version == own.version and one.subnet_of(own) for own in listed) for one in wanted)  # type: ignore[arg-type]
    assert all(any(own.version == one.version and own.overlaps(one) for one in wanted) for own in listed)
    # nft takes no networks of one set that overlap.
    assert not any(
        one is not own and one.version == own.version and one.overlaps(own) for one in listed for own in listed
    )
    assert nftables.problem(text) is None


@given(st.permutations(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "198.51.100.6"]))
def test_order_does_not_matter(allowed: list[str]) -> None:
    assert rules(EVERYWHERE, allowed) == rules(EVERYWHERE, sorted(allowed))
