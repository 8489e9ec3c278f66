"""The kernel's parameters are as declared, now and after a boot, and IPv6 for containers leaves the host its router."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import reach

HOST = "trixie"
FILE = "/etc/sysctl.d/99-zz-mooring.conf"
DECLARED = {"net.core.somaxconn": 2048}
SIX = {"name": "six", "ipv6": True, "ranges": [{"subnet": "10.77.2.0/24"}, {"subnet": "fd77:2::/64"}]}
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


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    host = reach.over_ssh(HOST)
    assert run().status == 0
    host.run_expect([0], f"{_REMOVE}; sysctl -w net.ipv6.conf.all.forwarding=0 && {_BUILD}")
    found = Upstream(host)
    try:
        found.advertise()
        assert found.is_known()
        yield found
    finally:
        host.run(f"docker network rm hand; {_REMOVE}")
        assert run().status == 0


def run(playbook: str = "site", **variables: Any) -> reach.Run:
    return reach.run(playbook, limit=HOST, **{"docker_network_networks": [], **variables})


def test_ipv6_by_hand_takes_the_hosts_own_router_away(upstream: Upstream) -> None:
    """The control: this is what dockerd does to a host that nobody looks after."""
    upstream.host.run_expect([0], "docker network create --ipv6 --subnet fd77:3::/64 hand")
    assert not upstream.is_known()
    upstream.advertise()
    assert not upstream.is_known()


def test_declared_ipv6_leaves_the_host_its_router(upstream: Upstream) -> None:
    assert run(docker_network_networks=[SIX]).status == 0
    assert upstream.host.check_output("cat /proc/sys/net/ipv6/conf/all/forwarding") == "1"
    assert upstream.is_known()
    assert upstream.host.check_output(f"cat {FILE}") == "net.ipv6.conf.ra0.accept_ra=2"
    upstream.host.run_expect([0], f"ip -6 route delete default dev ra0; ! {ROUTER} | grep .")
    assert run(docker_network_networks=[SIX]).changed == {HOST: 0}
    upstream.advertise()
    assert upstream.is_known()
    # What a boot does.
    upstream.host.run_expect([0], "sysctl -w net.ipv6.conf.ra0.accept_ra=1 && systemctl restart systemd-sysctl")
    assert upstream.host.check_output("cat /proc/sys/net/ipv6/conf/ra0/accept_ra") == "2"

    assert run().status == 0
    assert upstream.host.check_output(f"cat {FILE}") == ""


def test_declared_parameters_are_kept_and_verified() -> None:
    host = reach.over_ssh(HOST)
    live = "cat /proc/sys/net/core/somaxconn"
    before = host.check_output(live)
    try:
        assert run(docker_network_sysctls=DECLARED, check=True).changed == {HOST: 1}
        assert host.check_output(live) == before
        assert run(docker_network_sysctls=DECLARED).changed == {HOST: 1}
        assert host.check_output(live) == "2048"
        assert run(docker_network_sysctls=DECLARED).changed == {HOST: 0}
        reach.pull_the_plug(HOST)
        assert host.check_output(live) == "2048"
        # Waits for the start that the boot has begun.
        host.run_expect([0], "systemctl start docker")
        assert _verified() == ""

        host.run_expect([0], "sysctl -w net.core.somaxconn=77")
        assert "bridge.sysctl: expected: net.core.somaxconn is 2048; found: it is 77" in _verified()
        assert run(docker_network_sysctls=DECLARED).changed == {HOST: 1}
        assert host.check_output(live) == "2048"

        host.run_expect([0], "echo net.core.somaxconn=78 > /etc/sysctl.d/zzz-test.conf")
        assert "net.core.somaxconn is 2048 after a boot; found: it would be 78" in _verified()
    finally:
        host.run(f"rm /etc/sysctl.d/zzz-test.conf; sysctl -w net.core.somaxconn={before}")
        assert run().status == 0
    assert host.check_output(f"cat {FILE}") == ""


def _verified() -> str:
    """What verify.yml fails of."""
    done = run("verify", docker_network_sysctls=DECLARED)
    assert (done.status == 0) == (HOST not in done.failures), done.output
    return done.failures.get(HOST, "")


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (
            {"net.ipv4.ip_forward": True},
            "docker_network_sysctls net.ipv4.ip_forward: write a number or a text, not True",
        ),
        ({"net.ipv4.ip_foward": 1}, "docker_network_sysctls net.ipv4.ip_foward is unknown to the host's kernel"),
    ],
)
def test_nonsense_is_refused_before_anything_is_touched(declared: dict[str, Any], reason: str) -> None:
    done = run(docker_network_sysctls=declared)
    assert reason in done.failures[HOST]
    assert done.failures[HOST].startswith(f"{HOST}: ")
    assert done.changed == {HOST: 0}
