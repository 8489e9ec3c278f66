"""docker0 and the pools go where nothing is, and stay there."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import address_plan
from hypothesis import given, settings
from hypothesis import strategies as st
from situation import DOCKERS_OWN, Situation, pools

LAN = "eth0 192.0.2.7/24"
NO_172_17 = pools("172.18.0.0/16:16", "172.19.0.0/16:16", "172.20.0.0/14:16", "172.24.0.0/14:16", "172.28.0.0/14:16",
                  "192.168.0.0/16:20")  # fmt: skip
NO_172 = pools("192.168.0.0/16:20")
AT_172_17, AT_172_18, AT_172_19 = "172.17.0.1/16", "172.18.0.1/16", "172.19.0.1/16"
NONE = None

# What is there, where docker0 ends up ("=" before it where dockerd is told so), and the pools that dockerd is told;
# NONE where it does right by itself.
SITUATIONS: dict[str, tuple[list[str], str | None, list[dict[str, Any]] | None]] = {
    # Nothing in the way, or nothing that dockerd would not see.
    "a bare host": ([LAN], AT_172_17, NONE),
    "a LAN in the default bridge's range": (["eth0 172.17.4.7/24"], AT_172_18, NONE),
    "a LAN in the last pool": (["eth0 192.168.1.7/24", "route default via 192.168.1.1 dev eth0"], AT_172_17, NONE),
    "a resolver in it": ([LAN, "resolver 172.17.0.53"], AT_172_18, NONE),
    "a LAN as wide as can be": (["eth0 172.16.9.7/12"], "192.168.0.1/20", NONE),
    "a neighbour on the LAN": (["eth0 192.168.1.7/24", "neighbour 192.168.1.9 eth0"], AT_172_17, NONE),
    # What dockerd would cut off.
    "the controller behind a gateway": ([LAN, "route default via 192.0.2.1 dev eth0", "client 172.17.5.5"],
                                        AT_172_18, NO_172_17),
    "the controller as it sees itself": ([LAN, "client 192.0.2.1", "controller 172.17.5.5"], AT_172_18, NO_172_17),
    "a controller shown as IPv4 in IPv6": ([LAN, "client ::ffff:172.17.5.5"], AT_172_18, NO_172_17),
    "a controller with a zone": ([LAN, "client fe80::1%eth0"], AT_172_17, NONE),
    "a host of the fleet": ([LAN, "fleet 172.17.0.40", "fleet web-2"], AT_172_18, NO_172_17),
    "a reserved range": ([LAN, "reserved 172.17.0.0/24"], AT_172_18, NO_172_17),
    "a reserved range between two pools": ([LAN, "reserved 172.16.0.0/13"], "172.24.0.1/16",
                                           pools("172.24.0.0/14:16", "172.28.0.0/14:16", "192.168.0.0/16:20")),
    "one host reserved in a wide pool": ([LAN, "reserved 172.21.3.4/32"], AT_172_17,
                                         pools("172.17.0.0/16:16", "172.18.0.0/16:16", "172.19.0.0/16:16",
                                               "172.20.0.0/16:16", "172.22.0.0/15:16", "172.24.0.0/14:16",
                                               "172.28.0.0/14:16", "192.168.0.0/16:20")),
    "a route by a gateway": ([LAN, "route 172.17.8.0/22 via 192.0.2.9 dev eth0"], AT_172_18, NO_172_17),
    "a route of another table": ([LAN, "route 172.17.8.0/22 dev eth1 table 100"], AT_172_18, NO_172_17),
    "a gateway of another table": ([LAN, "route default via 172.17.0.1 dev eth1 table 100"], AT_172_18, NO_172_17),
    "a route over two gateways": ([LAN, "route 203.0.113.0/24 via 172.17.0.1,172.18.0.1 dev eth1"],
                                  AT_172_19, NO_172_17[1:]),
    "a network behind IPv6": ([LAN, "route 172.17.0.0/16 via fe80::1 dev eth0"], AT_172_18, NO_172_17),
    "an address without a route": ([LAN, "eth1 172.17.0.7/32"], AT_172_18, NO_172_17),
    "a neighbour beyond the LAN": ([LAN, "neighbour 172.17.0.9 eth0"], AT_172_18, NO_172_17),
    # VPNs
    "a VPN that takes everything in halves": ([LAN, "tun0 10.8.0.6/24", "route 0.0.0.0/1 via 10.8.0.1 dev tun0",
                                               "route 128.0.0.0/1 via 10.8.0.1 dev tun0"], AT_172_17, NONE),
    "a VPN that takes everything in pieces": ([LAN, "route 64.0.0.0/2 dev wg0", "route 192.0.0.0/3 dev wg0"],
                                              AT_172_17, NONE),
    "a VPN with the company's range": ([LAN, "tun0 10.8.0.6/24", "route 172.16.0.0/12 via 10.8.0.1 dev tun0"],
                                       "192.168.0.1/20", NO_172),
    "a VPN with all of RFC 1918 but a corner": (
        [LAN, "route 172.16.0.0/12 via 192.0.2.9 dev eth0", "route 192.168.0.0/16 via 192.0.2.9 dev eth0",
         "route 10.0.0.0/9 via 192.0.2.9 dev eth0"],
        "10.128.0.1/20", pools("10.128.0.0/16:20")),
    "a peer-to-peer VPN": ([LAN, "tun0 172.17.0.6/32", "route 172.17.0.5/32 dev tun0"], AT_172_18, NO_172_17),
    "tailscale's table": ([LAN, "route 100.100.100.100/32 dev tailscale0 table 52"], AT_172_17, NONE),
    # Links of two addresses, of one, and of none
    "a link of two addresses": (["eth0 172.17.255.254/31", "route default via 172.17.255.255 dev eth0"],
                                AT_172_18, NONE),
    "a cloud's address of its own": (["eth0 172.17.1.2/32", "route 172.17.0.1/32 dev eth0",
                                      "route default via 172.17.0.1 dev eth0"], AT_172_18, NO_172_17),
    "link-local and multicast": ([LAN, "eth0 169.254.7.7/16", "route 224.0.0.0/4 dev eth0"], AT_172_17, NONE),
    "a local range of the host itself": ([LAN, "route 172.17.0.0/24 type local dev lo table local"],
                                         AT_172_18, NO_172_17),
    # Routes to nowhere
    "a range that goes nowhere": ([LAN, "route 172.17.0.0/16 type blackhole"], AT_172_18, NO_172_17),
    "nothing private gets out": ([LAN, "route 10.0.0.0/8 type unreachable", "route 172.16.0.0/12 type blackhole",
                                  "route 192.168.0.0/16 type prohibit"], "=172.17.0.1/16", NONE),
    # Docker's own
    "docker0 is where it was": ([LAN, "docker bridge docker0 172.17.0.0/16"], AT_172_17, NONE),
    "a network was made from the pools": ([LAN, "docker bridge docker0 172.17.0.0/16",
                                           "docker app br-0123456789ab 172.18.0.0/16"], AT_172_17, NONE),
    "a network with a bridge of another name": ([LAN, "docker bridge docker0 172.17.0.0/16",
                                                 "docker app apps 172.18.0.0/16"], AT_172_17, NONE),
    "a network took docker0's default": ([LAN, "docker app br-0123456789ab 172.17.0.0/16"], AT_172_18, NONE),
    "docker0 was moved by its plan": ([LAN, "docker bridge docker0 172.18.0.0/16", f"ours bip {AT_172_18}"],
                                      f"={AT_172_18}", NONE),
    "docker0 lies on a VPN that came later": ([LAN, "docker bridge docker0 172.17.0.0/16",
                                               "route 172.17.4.0/22 via 192.0.2.9 dev eth0"],
                                              f"={AT_172_18}", NO_172_17),
    "the controller came past docker0": ([LAN, "docker bridge docker0 172.17.0.0/16", "client 192.0.2.1",
                                          "controller 172.17.0.2"], AT_172_17, NONE),
    "a container is the controller": ([LAN, "docker bridge docker0 172.17.0.0/16", "client 172.17.0.2"],
                                      AT_172_17, NONE),
    "a declared network takes the default": ([LAN, "declared_network app 172.17.0.0/16"], f"={AT_172_18}", NONE),
    # Pools and addresses of others
    "declared pools": ([LAN, "declare default-address-pools 10.9.0.0/16:24"], "10.9.0.1/24", NONE),
    "declared pools, the first in use": ([LAN, "declare default-address-pools 10.9.0.0/16:24", "client 10.9.0.77"],
                                         "=10.9.1.1/24", NONE),
    "declared pools, the controller itself in the first": (
        [LAN, "declare default-address-pools 10.9.0.0/16:24", "controller 10.9.0.77"], "=10.9.1.1/24", NONE),
    "room for a few networks only": (
        [LAN, "reserved 172.16.0.0/12", "reserved 192.168.0.0/17", "reserved 192.168.128.0/18"],
        "192.168.192.1/20", pools("192.168.192.0/18:20", "10.0.0.0/16:20")),
    "docker0 was there before the pools": ([LAN, "docker bridge docker0 172.17.0.0/16",
                                            "declare default-address-pools 10.9.0.0/16:24"], "=172.17.0.1/16", NONE),
    "an operator's docker0": ([LAN, "foreign bip 172.17.9.1/24", "client 172.17.5.5"], "172.17.9.1/24", NO_172_17),
    "an operator's docker0, and a network in the default": (
        [LAN, "foreign bip 172.30.9.1/24", "declared_network app 172.17.0.0/16"], "172.30.9.1/24", NONE),
    "an operator's pools": ([LAN, "foreign default-address-pools 10.9.0.0/16:24"], "10.9.0.1/24", NONE),
    "no docker0 at all": ([LAN, "declare bridge none", "client 172.17.5.5"], NONE, NO_172_17),
    # Ranges of the host's own
    "block 0": ([LAN, "block 0"], "172.16.0.1/24", pools("172.16.0.0/20:24")),
    "block 3": ([LAN, "block 3"], "172.16.48.1/24", pools("172.16.48.0/20:24")),
    "block 3 in use": ([LAN, "block 3", "reserved 172.16.0.0/12"], "192.168.48.1/24", pools("192.168.48.0/20:24")),
    "block 3000": ([LAN, "block 3000"], "10.187.128.1/24", pools("10.187.128.0/20:24")),
    "block 3 with a network made from it": (
        [LAN, "block 3", "docker bridge docker0 172.16.48.0/24", "docker app br-0123456789ab 172.16.49.0/24",
         "ours bip 172.16.48.1/24", "ours default-address-pools 172.16.48.0/20:24"],
        "=172.16.48.1/24", pools("172.16.48.0/20:24")),
    "a block given to a host that was elsewhere": ([LAN, "block 3", "docker bridge docker0 172.17.0.0/16"],
                                                  "=172.16.48.1/24", pools("172.16.48.0/20:24")),
}  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS)
def test_plan_of_a_situation(situation: str) -> None:
    lines, docker0, wanted = SITUATIONS[situation]
    host = Situation(*lines)
    found = host.plan()
    options = found["options"]
    assert found["problems"] == []
    assert options.get("default-address-pools") == wanted
    told = "=" if "bip" in options else ""
    assert (f"{told}{host.docker0(options)}" if host.docker0(options) else None) == docker0


def test_blocks_have_no_address_in_common() -> None:
    hosts = [Situation(LAN, f"block {number}").plan()["options"] for number in range(address_plan.BLOCKS)]
    blocks = sorted(ipaddress.ip_network(options["default-address-pools"][0]["base"]) for options in hosts)
    assert len(blocks) == 4096
    assert not any(one.overlaps(other) for one, other in zip(blocks, blocks[1:]))


def test_block_without_room_says_what_is_in_the_way() -> None:
    (problem,) = Situation(LAN, "block 300", "reserved 10.0.0.0/8").plan()["problems"]
    assert "docker_network_address_block 300" in problem
    assert "docker_network_reserved" in problem


def test_no_private_range_left_is_told() -> None:
    full = Situation(LAN, *(f"reserved {wide}" for wide in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
    assert len(full.plan()["problems"]) == 2


def test_unchecked_addresses_leave_dockerds_choice() -> None:
    host = Situation(LAN, "client 172.17.5.5")
    host.around["checked"] = False
    assert host.plan()["options"] == {}


def test_ipv6_is_a_unique_local_network_of_the_hosts_own() -> None:
    host = Situation(LAN, "declare bip6 auto", "declare fixed-cidr-v6 auto")
    options = host.plan()["options"]
    network = ipaddress.ip_network(options["fixed-cidr-v6"])
    assert network.prefixlen == 64
    assert network.subnet_of(ipaddress.ip_network("fd00::/8"))  # type: ignore[arg-type]
    assert options["bip6"] == f"{network[1]}/64"
    taken = Situation(LAN, "declare fixed-cidr-v6 auto", f"route {network} dev eth1").plan()["options"]
    assert not network.overlaps(ipaddress.ip_network(taken["fixed-cidr-v6"]))
    assert host.applied(options).plan()["options"] == options
    other = Situation(LAN, "declare fixed-cidr-v6 auto")
    other.host["name"] = "web-2"
    assert not network.overlaps(ipaddress.ip_network(other.plan()["options"]["fixed-cidr-v6"]))


# Properties ----------------------------------------------------------------------------------------

_octet = st.integers(0, 255)
_private = st.one_of(
    st.builds("172.{}.{}.{}".format, st.integers(16, 31), _octet, _octet),
    st.builds("192.168.{}.{}".format, _octet, _octet),
    st.builds("10.{}.{}.{}".format, _octet, _octet, _octet),
)
_network = st.builds(lambda address, prefix: ipaddress.ip_network(f"{address}/{prefix}", strict=False), _private,
                     st.integers(9, 32)).map(str)  # fmt: skip
_line = st.one_of(
    st.builds("eth{} {}/{}".format, st.integers(0, 3), _private, st.integers(9, 32)),
    st.builds("route {} via 192.0.2.9 dev eth9".format, _network),
    st.builds("route {} dev eth9".format, _network),
    st.builds("route {} dev eth9 table 100".format, _network),
    st.builds("route {} type blackhole".format, _network),
    st.builds("route default via {} dev eth0 table 7".format, _private),
    st.builds("reserved {}".format, _network),
    *(st.builds((word + " {}").format, _private) for word in ("client", "controller", "fleet", "resolver")),
    st.builds("neighbour {} eth0".format, _private),
)
# There is one session, and it comes from one address.
_lines = st.lists(_line, max_size=12, unique_by=lambda line: line if not line.startswith("client") else "client")


def _used(lines: list[str], nowhere: bool) -> list[Any]:
    """What the lines say is in use, read from them without the code under test."""
    found = []
    for line in lines:
        words = line.split()
        if "blackhole" in words and not nowhere:
            continue
        texts = [word for word in words[1:] if "." in word and word not in ("192.0.2.9",)]
        found += [ipaddress.ip_network(text, strict=False) for text in texts]
    return found


def _same_end(host: Situation, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one["problems"] == other["problems"]
    assert one["options"].get("default-address-pools") == other["options"].get("default-address-pools")
    assert host.docker0(one["options"]) == host.docker0(other["options"])


@settings(max_examples=300, deadline=None)
@given(_lines)
def test_docker0_and_the_pools_cover_nothing_in_use(lines: list[str]) -> None:
    host = Situation(*lines)
    found = host.plan()
    if found["problems"]:
        return
    docker0 = ipaddress.ip_interface(str(host.docker0(found["options"]))).network
    assert not [used for used in _used(lines, nowhere=False) if used.overlaps(docker0)]
    # dockerd itself keeps off its resolvers and what is on-link.
    unseen = [line for line in lines if not line.startswith(("resolver", "eth")) and not line.endswith("dev eth9")]
    unseen += [line for line in lines if " via " in line]
    seen = [ipaddress.ip_network(route["destination"]) for route in host.network["routes"]
            if (route["scope"], route["table"], route["type"]) == ("link", "main", "unicast")]  # fmt: skip
    seen += [ipaddress.ip_network(address) for address in host.network["resolvers"]]
    for used in _used(unseen, nowhere=False):
        if any(used.subnet_of(network) for network in seen if network.version == 4):
            continue
        for pool in found["options"].get("default-address-pools") or pools(*DOCKERS_OWN):
            assert not used.overlaps(ipaddress.ip_network(pool["base"])), used


@settings(deadline=None)
@given(_lines, st.randoms())
def test_order_of_what_is_seen_makes_no_difference(lines: list[str], random: Any) -> None:
    shuffled = random.sample(lines, len(lines))
    assert Situation(*shuffled).plan() == Situation(*lines).plan()


@settings(max_examples=300, deadline=None)
@given(_lines)
def test_plan_that_was_carried_out_is_the_plan(lines: list[str]) -> None:
    host = Situation(*lines)
    first = host.plan()
    if first["problems"]:
        return
    after = host.applied(first["options"])
    _same_end(after, after.plan(), first)
    # dockerd cuts networks for others from the pools, with bridges of their own.
    cut = first["options"].get("default-address-pools") or pools(*DOCKERS_OWN)
    base, size = ipaddress.ip_network(cut[-1]["base"]), cut[-1]["size"]
    docker0 = ipaddress.ip_interface(str(host.docker0(first["options"]))).network
    subnet = next((one for one in base.subnets(new_prefix=size) if not one.overlaps(docker0)), None)
    if subnet is not None:
        after.docker("app", "apps", str(subnet))
        _same_end(after, after.plan(), first)


@settings(deadline=None)
@given(_lines, st.sampled_from(["203.0.113.0/24", "100.64.0.0/10", "8.0.0.0/8", "2001:db8::/32", "0.0.0.0/1"]))
def test_route_far_away_moves_nothing(lines: list[str], far: str) -> None:
    host, more = Situation(*lines), Situation(*lines, f"route {far} via 192.0.2.9 dev eth9")
    assert more.plan() == host.plan()
