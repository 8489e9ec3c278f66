"""The kernel's parameters are as declared, now and after a boot, and IPv6 for containers leaves the host its router.

The role docker_network is used on its own here, on an engine that the site's playbook has provisioned.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import reach

HOST = "trixie"
FILE = "/etc/sysctl.d/99-zz-mooring.conf"
LIVE = "/proc/sys/net/core/somaxconn"
ALONE = "../molecule/network/alone"
"""A play of the role docker_network and of nothing else."""
SIX = {"name": "six", "ipv6": True, "ranges": [{"subnet": "10.77.2.0/24"}, {"subnet": "fd77:2::/64"}]}
CHANGE = {
    "docker_network_bridge_address": "172.30.6.1/24",
    # It goes with the next ordinary run, while docker0 stays where it is.
    "docker_network_mtu": 1420,
    "docker_network_networks": [SIX],
    "docker_network_sysctls": {"net.core.somaxconn": 2048, "net.ipv4.tcp_keepalive_time": 7100},
}
UNCHANGED = "/etc/docker/daemon.d/10-engine.json"
OTHERS = (UNCHANGED, "/etc/docker/daemon.d/20-network.json", "/etc/docker/daemon.json")
ROUTER = "ip -6 route show default dev ra0 proto ra"

# A router advertisement with one prefix, for half an hour (RFC 4861, 4.2 and 4.6.2).
_ADVERTISE = """
import socket, struct
prefix = socket.inet_pton(socket.AF_INET6, "fd00:5a::")
message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
message += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 1800, 1800, 0) + prefix
index = socket.if_nametoindex("up0")
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as router:
    router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    router.sendto(message, ("ff02::1", 0, 0, index))
"""
# The router has one address, and does not wait for it to be found free.
_BUILD = (
    "ip netns add upstream && ip link add ra0 type veth peer name up0 netns upstream && ip link set ra0 up"
    " && ip -n upstream link set up0 addrgenmode none && ip -n upstream address add fe80::1/64 dev up0 nodad"
    " && ip -n upstream link set up0 up"
)
_REMOVE = "ip netns delete upstream; ip link delete ra0"


class Upstream:
    """A router on an interface of the host, of which the kernel learns by what the router says alone."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.script = base64.b64encode(_ADVERTISE.encode()).decode()

    def advertise(self) -> None:
        self.host.run_expect([0], f"echo {self.script} | base64 -d | ip netns exec upstream python3 -")

    def is_known(self) -> bool:
        return "fe80::1" in self.host.check_output(f"sleep 1; {ROUTER}")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    host = reach.over_ssh(HOST)
    before = "net.ipv6.conf.all.forwarding=0 net.core.somaxconn=4096 net.ipv4.tcp_keepalive_time=7200"
    host.run_expect([0], f"{_REMOVE}; sysctl -w {before} && {_BUILD}")
    try:
        yield Upstream(host)
    finally:
        host.run(_REMOVE)
        assert reach.run(limit=HOST).status == 0


def run(playbook: str = ALONE, **variables: Any) -> reach.Run:
    """A run with further variables, of the role on its own where no playbook is named."""
    # What is declared of the engine is none of its business.
    others = {"docker_engine_options": {"debug": True}} if playbook == ALONE else {}
    return reach.run(playbook, limit=HOST, **{"docker_network_networks": [], **others, **variables})


def test_ipv6_by_hand_takes_the_hosts_own_router_away(upstream: Upstream) -> None:
    """The control: this is what dockerd does to a host that nobody looks after."""
    if reach.BACKEND == "nftables":
        pytest.skip("with nftables dockerd does not switch forwarding on")
    upstream.advertise()
    assert upstream.is_known()
    upstream.host.run_expect([0], "docker network create --ipv6 --subnet fd77:3::/64 hand")
    try:
        assert not upstream.is_known()
        upstream.advertise()
        assert not upstream.is_known()
    finally:
        upstream.host.run_expect([0], "docker network rm hand && sysctl -w net.ipv6.conf.all.forwarding=0")


def test_role_alone_changes_its_part_of_an_engine_that_is_there(upstream: Upstream) -> None:
    """docker0, a network and the kernel's parameters; the host keeps its router, although dockerd now forwards IPv6."""
    upstream.advertise()
    assert upstream.is_known()
    host = upstream.host
    before = {name: host.check_output(f"cat {name}") for name in OTHERS}
    assert before[UNCHANGED]
    foretold = run(**CHANGE, check=True)
    assert host.check_output(f"cat {LIVE}") != "2048"
    assert {name: host.check_output(f"cat {name}") for name in OTHERS} == before

    done = run(**CHANGE)
    assert (done.status, set(done.steps[HOST])) == (0, {"sysctls", "configuration", "apply", "networks"}), done.output
    assert foretold.steps == done.steps
    assert host.check_output(f"cat {UNCHANGED}") == before[UNCHANGED]
    assert host.check_output("ip -4 -brief address show docker0").split()[2] == "172.30.6.1/24"
    assert "fd77:2::/64" in host.check_output("docker network inspect six")
    assert host.check_output("cat /proc/sys/net/ipv6/conf/all/forwarding") == "1"
    assert upstream.is_known()
    assert sorted(host.check_output(f"cat {FILE}").splitlines()) == [
        "net.core.somaxconn=2048",
        "net.ipv4.tcp_keepalive_time=7100",
        "net.ipv6.conf.ra0.accept_ra=2",
    ]
    # Where the router is silent for once, it is still listened to.
    host.run_expect([0], f"ip -6 route delete default dev ra0; ! {ROUTER} | grep .")
    again = run(**CHANGE)
    assert (again.status, again.changed, again.steps) == (0, {HOST: 0}, {HOST: {}})
    upstream.advertise()
    assert upstream.is_known()


def test_parameters_are_set_again_by_a_boot_and_verified(upstream: Upstream) -> None:
    host = upstream.host
    host.run_expect([0], "sysctl -w net.core.somaxconn=77 net.ipv6.conf.ra0.accept_ra=1")
    # What a boot does.
    host.run_expect([0], "systemctl restart systemd-sysctl")
    assert host.check_output(f"cat {LIVE} /proc/sys/net/ipv6/conf/ra0/accept_ra").split() == ["2048", "2"]
    assert _verified() == ""

    host.run_expect([0], "sysctl -w net.core.somaxconn=77")
    host.run_expect([0], "echo net.ipv4.tcp_keepalive_time=7300 > /etc/sysctl.d/zzz-test.conf")
    try:
        found = _verified()
    finally:
        host.run_expect([0], "rm /etc/sysctl.d/zzz-test.conf")
    assert "bridge.sysctl: expected: net.core.somaxconn is 2048; found: it is 77" in found
    assert "net.ipv4.tcp_keepalive_time is 7100 after a boot; found: it would be 7300" in found
    repaired = run(**CHANGE)
    assert repaired.steps == {HOST: {"sysctls": "set net.core.somaxconn"}}, repaired.failures or repaired.output
    assert host.check_output(f"cat {LIVE}") == "2048"

    # What is declared no more leaves the file, and the router's parameter goes with IPv6.
    assert run().status == 0
    assert host.check_output(f"cat {FILE}") == ""


def _verified() -> str:
    """What verify.yml fails of."""
    done = run("verify", **CHANGE)
    assert (done.status == 0) == (HOST not in done.failures), done.output
    return done.failures.get(HOST, "")
