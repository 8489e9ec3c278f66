"""The kernel's own bytes, read as `ip` reads them.

The files in rtnetlink/ are what Linux 6.18 answered on a lab host with a container in a network with IPv6, and in that
container.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._system import rtnetlink

CAPTURED = Path(__file__).parent / "rtnetlink"


def captured(name: str) -> tuple[bytes, bytes]:
    return (CAPTURED / f"{name}.links").read_bytes(), (CAPTURED / f"{name}.addresses").read_bytes()


HOST = {link["ifname"]: link for link in rtnetlink.parse(*captured("host"))}
CONTAINER = {link["ifname"]: link for link in rtnetlink.parse(*captured("container"))}


def test_interfaces_of_a_host() -> None:
    assert {name: (link["ifindex"], link["mtu"], link["operstate"]) for name, link in HOST.items()} == {
        "lo": (1, 65536, "UNKNOWN"),
        "host0": (2, 1400, "UP"),
        "docker0": (3, 1500, "DOWN"),
        "br-1717155f0a0a": (406, 1500, "UP"),
        "veth8ca8de3": (408, 1500, "UP"),
    }
    assert HOST["docker0"]["linkinfo"] == {"info_kind": "bridge"}
    assert HOST["docker0"]["flags"] == ["UP", "BROADCAST", "MULTICAST"]
    assert "linkinfo" not in HOST["lo"]


def test_ends_of_a_veth_point_to_each_other() -> None:
    port, end = HOST["veth8ca8de3"], CONTAINER["eth0"]
    assert port["master"] == "br-1717155f0a0a"
    assert (port["ifindex"], port["link_index"]) == (end["link_index"], end["ifindex"]) == (408, 407)
    assert (port["link_netnsid"], end["link_netnsid"]) == (1, 0)
    assert end["address"] == "02:42:0a:4d:07:02"


def test_veth_whose_other_end_is_beside_it_leads_nowhere() -> None:
    """Both ends in one namespace: IFLA_LINK without IFLA_LINK_NETNSID."""
    links, addresses = captured("container")
    elsewhere = struct.pack("=HHI", 8, 37, 0)
    assert links.count(elsewhere) == 1
    beside = links.replace(elsewhere, struct.pack("=HHI", 8, 99, 0))
    assert "link_index" not in rtnetlink.parse(beside, addresses)[1]


def test_addresses_of_both_families() -> None:
    assert CONTAINER["eth0"]["addr_info"] == [
        {"family": "inet", "local": "10.77.7.2", "prefixlen": 24},
        {"family": "inet6", "local": "fd77:7::2", "prefixlen": 64},
        {"family": "inet6", "local": "fe80::42:aff:fe4d:702", "prefixlen": 64},
    ]
    assert [one["local"] for one in HOST["lo"]["addr_info"]] == ["127.0.0.1", "::1"]


def test_own_address_of_a_tunnel_is_not_its_peers() -> None:
    links, _addresses = captured("container")
    body = struct.pack("=BBBBI", 2, 32, 0, 0, 407)
    body += struct.pack("=HH4s", 8, 1, bytes([10, 0, 0, 2])) + struct.pack("=HH4s", 8, 2, bytes([10, 0, 0, 1]))
    message = struct.pack("=IHHII", 16 + len(body), 20, 0, 0, 0) + body
    assert rtnetlink.parse(links, message)[1]["addr_info"] == [{"family": "inet", "local": "10.0.0.1", "prefixlen": 32}]


def test_refusal_of_the_kernel_is_raised() -> None:
    refusal = struct.pack("=IHHIIi", 20, 2, 0, 0, 0, -1)
    with pytest.raises(PermissionError):
        rtnetlink.parse(refusal, b"")


def test_listing_of_two_moments_is_none() -> None:
    interrupted = struct.pack("=IHHIIi", 20, 3, 0x10, 0, 0, 0)
    with pytest.raises(rtnetlink.Interrupted):
        rtnetlink.parse(captured("host")[0] + interrupted, b"")


def test_this_machines_own_interfaces() -> None:
    found = rtnetlink.links(5)
    assert {link["ifname"]: link["ifindex"] for link in found}["lo"] == 1


def test_ways_of_packets_are_the_kernels() -> None:
    """Of this machine: its own loopback, a sender that no packet may have, and an interface that there is not."""
    with rtnetlink.Routes(1) as routes:
        assert routes.way("127.0.0.1") == ("lo", None)
        assert routes.way("192.0.2.1", "127.0.0.5", "lo") == (None, "Invalid argument")
        assert routes.way("127.0.0.1", "192.0.2.1", "nope0") is None


class Kernel:
    """In the place of a socket: answers with rules of policy routing."""

    def __init__(self, *rules: bytes) -> None:
        self.answer = b"".join(
            struct.pack("=IHHII", 28 + len(rule), 32, 2, 0, 0) + struct.pack("=BBBBBBBBI", 2, *[0] * 8) + rule
            for rule in rules
        ) + struct.pack("=IHHIIi", 20, 3, 2, 0, 0, 0)

    def send(self, _request: bytes) -> None:
        pass

    def recv(self, _size: int) -> bytes:
        return self.answer


@pytest.mark.parametrize(
    ("rules", "regards"),
    [
        ([], False),
        ([struct.pack("=HHI", 8, 15, 254)], False),
        ([struct.pack("=HHI", 8, 15, 254), struct.pack("=HHI", 8, 10, 0xCA6C)], True),
    ],
)
def test_rules_that_look_at_marks(rules: list[bytes], regards: bool) -> None:
    with rtnetlink.Routes(1) as routes:
        pass
    routes._socket = Kernel(*rules)  # type: ignore[assignment]
    assert routes.regard_marks(2) is regards
