"""Faults of a host's data path: the kernel, or the host, no longer does what the engine believes.

Each is made by hand on the host, is exactly its findings while it is there, and none once it is undone. Those of one
round do not touch each other, and are there at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reach

FUNCTIONS = r"""
pid() { docker inspect --format '{{.State.Pid}}' "$1"; }
of() { docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
inside() { name=$1; shift; nsenter --target "$(pid "$name")" --net "$@"; }
port() {
    index=$(inside "$1" ip -oneline link show eth0 | sed -E 's/.*@if([0-9]+):.*/\1/')
    ip -oneline link | sed -nE "s/^$index: ([^@:]+).*/\1/p"
}
"""
"""In shell: a container's process, its IPv4 address, a command in its network namespace, its port of the bridge."""

RULES = {
    "iptables": r"""
delete() { "$1-save" --table "$2" | grep -E -e "$3" | sed 's/^-A/-D/' | while read -r rule; do
    eval "$1 --table $2 $rule"; done; }
keep() { for program in iptables ip6tables; do "$program-save" > "/root/kept-$program"; done; }
restore() { for program in iptables ip6tables; do "$program-restore" < "/root/kept-$program"; done; }
""",
    "nftables": r"""
delete() { nft --handle list table "$1" docker-bridges | awk -v chain="$2" -v wanted="$3" '
    $1 == "chain" { here = $2 } / # handle [0-9]+$/ && here ~ chain && $0 ~ wanted && $1 != "chain" { print here, $NF }
' | while read -r here handle; do nft delete rule "$1" docker-bridges "$here" handle "$handle"; done; }
keep() { for family in ip ip6; do nft --stateless list table "$family" docker-bridges > "/root/kept-$family"; done; }
restore() { for family in ip ip6; do nft delete table "$family" docker-bridges; nft --file "/root/kept-$family"; done; }
""",
}
"""In shell, by the engine's packet filter: delete its rules by family, table or chain, and a pattern; keep all of them,
and put them back."""

NETWORK = "docker network create --opt com.docker.network.bridge.name=br-{0} --subnet 10.77.{1}.0/24 {2} {0}"
RUN = "docker run --detach --init --name {} --network {} {} busybox:lab /bin/busybox httpd -f -p 80"
SETUP = "\n".join(
    [
        NETWORK.format("back", 1, ""),
        NETWORK.format("six", 2, "--ipv6 --subnet fd77:2::/64"),
        NETWORK.format("apart", 4, "--opt com.docker.network.bridge.enable_icc=false"),
        RUN.format("front", "bridge", "--publish 8080:80"),
        RUN.format("local", "bridge", "--publish 127.0.0.1:8084:80"),
        RUN.format("back1", "back", "--publish 8081:80"),
        RUN.format("back2", "back", ""),
        RUN.format("six1", "six", "--publish 8082:80"),
        RUN.format("apart1", "apart", ""),
        "ip -6 route replace default via {gateway6} dev host0",
        "mkdir -p /root/kept",
    ]
)
TEARDOWN = """
docker rm --force front local back1 back2 six1 apart1; docker network rm back six apart
ip -6 route delete default via {gateway6} dev host0; rm -rf /root/kept*
"""


@dataclass(frozen=True)
class Fault:
    """What somebody did, how it is undone, and its findings: each an id, and a pattern of what is said of it.

    ``nftables`` is what they did where that is the engine's packet filter, None for the same, and ``nftables_undone``
    how that is undone. ``since`` is the first engine on which it is one.
    """

    name: str
    did: str
    undone: str
    findings: Sequence[tuple[str, str]]
    nftables: str | None = None
    nftables_undone: str | None = None
    since: tuple[int, int] = (0, 0)

    def on(self, backend: str, undo: bool = False) -> str:
        """What somebody did, or how it is undone, by the engine's packet filter."""
        same, other = (self.undone, self.nftables_undone) if undo else (self.did, self.nftables)
        return same if backend == "iptables" or other is None else other


ROUNDS: dict[str, list[Fault]] = {
    "links": [
        # docker0 would keep an MTU that was set by hand whatever the engine wants later.
        Fault(
            "MTU of a bridge",
            "cat /sys/class/net/br-six/mtu > /root/kept/mtu; ip link set br-six mtu 1300",
            'ip link set br-six mtu "$(cat /root/kept/mtu)"',
            [("networks.mtu", "br-six has the MTU .* found: 1300")],
        ),
        Fault(
            "bridge down",
            "ip link set br-back down",
            "ip link set br-back up",
            [("networks.down", "br-back is up")],
        ),
        Fault(
            "container without its default route",
            "inside six1 ip route delete default",
            "inside six1 ip route add default via 10.77.2.1",
            [("networks.no_gateway", "six1")],
        ),
        Fault(
            "container's loopback down",
            "inside apart1 ip link set lo down",
            "inside apart1 ip link set lo up",
            [("networks.loopback_down", "apart1")],
        ),
        Fault(
            "port isolated",
            'bridge link set dev "$(port front)" isolated on',
            'bridge link set dev "$(port front)" isolated off',
            [("bridge.port_closed", "isolated")],
        ),
        Fault(
            "docker-proxy killed",
            "pkill --full '[d]ocker-proxy .*-host-port 8084 '",
            "docker restart --time 0 local",
            [("published.proxy", "127.0.0.1:8084/tcp of local")],
        ),
        Fault(
            "file system without inodes",
            "mount --types tmpfs --options nr_inodes=20 tmpfs /var/lib/containerd",
            "umount /var/lib/containerd",
            [("engine.storage", "/var/lib/containerd.* inodes are free")],
        ),
        Fault(
            "file system read-only",
            "mount --bind /var/lib/docker /var/lib/docker; mount --options remount,bind,ro /var/lib/docker",
            "umount /var/lib/docker",
            [("engine.storage", "/var/lib/docker.* read-only")],
        ),
    ],
    "addresses and routes": [
        Fault(
            "address of a bridge removed",
            "ip address delete 10.77.1.1/24 dev br-back",
            "ip address add 10.77.1.1/24 dev br-back",
            [("networks.address", "br-back has 10.77.1.1/24")],
        ),
        Fault(
            "route of a network removed",
            "ip route delete 10.77.2.0/24 dev br-six",
            "ip route add 10.77.2.0/24 dev br-six proto kernel scope link src 10.77.2.1",
            [("networks.route", "10.77.2.0/24 leads by br-six")],
        ),
        Fault(
            "rule of routing that refuses a container's packets",
            'ip rule add to "$(of front)" blackhole priority 77',
            "ip rule delete priority 77",
            [("bridge.route", "the host's packets to front .* found: the kernel refuses them")],
        ),
        Fault(
            "another's link-layer address",
            'ip neighbour replace "$(of local)" lladdr 02:00:00:00:00:66 dev docker0 nud permanent',
            'ip neighbour delete "$(of local)" dev docker0',
            [("bridge.neighbour", "for local .* found: somebody has told it 02:00:00:00:00:66")],
        ),
        Fault(
            "interface in a container down",
            "inside apart1 ip link set eth0 down",
            "inside apart1 sh -c 'ip link set eth0 up; ip route add default via 10.77.4.1'",
            [("networks.port_closed", "eth0 in the container is down")],
        ),
        Fault(
            "no ARP on a bridge",
            "ip link set br-apart arp off",
            "ip link set br-apart arp on",
            [("networks.arp_off", "br-apart")],
        ),
        Fault(
            "handle of a network namespace lost",
            "umount \"$(docker inspect --format '{{.NetworkSettings.SandboxKey}}' back2)\"",
            "docker restart --time 0 back2",
            [("networks.sandbox_lost", "back2")],
        ),
        Fault(
            "no runtime",
            "mv /usr/sbin/runc /root/kept/runc",
            "mv /root/kept/runc /usr/sbin/runc",
            [("engine.program_missing", "runc")],
        ),
    ],
    "policy routing and resolvers": [
        Fault(
            "rule of routing that leads a network nowhere",
            "ip rule add from 10.77.1.0/24 unreachable priority 77",
            "ip rule delete priority 77",
            [("networks.no_way_out", "packets of back. .*back. .* found: the kernel refuses them")],
        ),
        Fault(
            "strict rp_filter on an asymmetric path",
            "ip route add default via 10.77.2.9 dev br-six table 78; "
            'ip rule add from "$(of front)" lookup 78 priority 78; '
            "sysctl --write net.ipv4.conf.host0.rp_filter=1",
            "sysctl --write net.ipv4.conf.host0.rp_filter=0; ip rule delete priority 78; ip route flush table 78",
            [("published.not_routed", "come in by host0 .* rp_filter is strict")],
        ),
        Fault(
            "IPv6 off on a bridge",
            "sysctl --write net.ipv6.conf.br-six.disable_ipv6=1",
            "sysctl --write net.ipv6.conf.br-six.disable_ipv6=0; ip address add fd77:2::1/64 dev br-six nodad",
            [("networks.ipv6_off", "br-six has IPv6")],
        ),
        Fault(
            "port down",
            'ip link set "$(port local)" down',
            'ip link set "$(port local)" up',
            [("bridge.port_closed", "carries packets of local; found: it is down")],
        ),
        Fault(
            "rules of a container's resolver gone",
            "inside back2 sh -c 'iptables --table nat --flush; nft flush ruleset'",
            "docker restart --time 0 back2",
            [("networks.no_resolver", "back2 .* they are refused")],
        ),
        Fault(
            "resolv.conf of a container empty",
            "file=$(docker inspect --format '{{.ResolvConfPath}}' six1); cp $file /root/kept/resolv.conf; : > $file",
            "cat /root/kept/resolv.conf > $(docker inspect --format '{{.ResolvConfPath}}' six1)",
            [("networks.no_nameserver", "six1")],
        ),
        Fault(
            "packets between ports of a bridge not filtered",
            "sysctl --write net.bridge.bridge-nf-call-iptables=0",
            "sysctl --write net.bridge.bridge-nf-call-iptables=1",
            [("networks.not_apart", "network apart .* iptables does not see")],
        ),
    ],
    "rules of the engine": [
        Fault(
            "translation of a port gone",
            "delete iptables nat 'dport 8081 '",
            "restore",
            [("published.not_sent", "0.0.0.0:8081/tcp to back1.*no rule")],
            nftables="delete ip nat-prerouting 'dport 8081 '",
        ),
        Fault(
            "translation of a port to another address",
            "iptables --table nat --insert PREROUTING -p tcp --dport 8082 -j DNAT --to-destination 10.77.2.99:80",
            "restore",
            [("published.not_sent", "0.0.0.0:8082/tcp .* found: it sends it to 10.77.2.99:80")],
            nftables="nft insert rule ip docker-bridges nat-prerouting-and-output tcp dport 8082 dnat to 10.77.2.99:80",
        ),
        Fault(
            "masquerading gone",
            "delete iptables nat 's 10.77.1.0/24 .*MASQUERADE'",
            "restore",
            [("networks.masquerade", "network back .*address; found")],
            nftables="delete ip nat-postrouting 'saddr 10.77.1.0/24 .*masquerade'",
        ),
        Fault(
            "masquerading over IPv6 gone",
            "delete ip6tables nat 's fd77:2::/64 .*MASQUERADE'",
            "restore",
            [("networks.masquerade", "network six .*over IPv6")],
            nftables="delete ip6 nat-postrouting 'saddr fd77:2::/64 .*masquerade'",
            since=(27, 0),
        ),
        Fault(
            "nothing lets a port pass",
            'delete iptables filter "-A DOCKER -d $(of front)/32 .*--dport 80 .*ACCEPT"',
            "restore",
            [("filter.engine_rules", "to 0.0.0.0:8080/tcp of front")],
            nftables='delete ip filter-forward-in__docker0 "daddr $(of front) .*dport 80 .*accept"',
            # Before, FORWARD drops only where dockerd itself has switched forwarding on.
            since=(28, 0),
        ),
        Fault(
            "rule of enable_icc gone",
            "delete iptables filter '-i br-apart -o br-apart -j DROP'",
            "restore",
            [("networks.not_apart", "network apart .* no rule keeps them")],
            nftables="nft insert rule ip docker-bridges filter-forward-in__br-apart iifname br-apart accept",
        ),
    ],
    "rules of others": [
        Fault(
            "rules of DOCKER-USER bypassed",
            "iptables --insert DOCKER-USER -s 192.0.2.0/24 -j DROP; iptables --delete FORWARD -j DOCKER-USER",
            "iptables --insert FORWARD -j DOCKER-USER; iptables --delete DOCKER-USER -s 192.0.2.0/24 -j DROP",
            [("filter.bypassed", "DOCKER-USER")],
            nftables="iptables --new-chain DOCKER-USER; iptables --insert DOCKER-USER -s 192.0.2.0/24 -j DROP",
            nftables_undone="iptables --flush DOCKER-USER; iptables --delete-chain DOCKER-USER",
        ),
        Fault(
            "DROP in mangle",
            "iptables --table mangle --insert FORWARD -i docker0 -j DROP",
            "iptables --table mangle --delete FORWARD -i docker0 -j DROP",
            [("filter.blocks", "from front.*iptables -t mangle -A FORWARD -i docker0 -j DROP")],
        ),
        Fault(
            "DROP between ports of a bridge",
            "nft add table bridge a; nft 'add chain bridge a x { type filter hook forward priority 0; }'; "
            "nft add rule bridge a x ip saddr 10.77.1.0/24 drop",
            "nft delete table bridge a",
            [("filter.blocks", "between containers of network back; .*chain bridge a x")],
        ),
        Fault(
            "DROP where packets of a bridge come in",
            "nft add table netdev b; "
            "nft 'add chain netdev b x { type filter hook ingress device br-six priority 0; }'; "
            "nft add rule netdev b x drop",
            "nft delete table netdev b",
            [("filter.blocks", "from six1.*chain netdev b x")],
        ),
        Fault(
            "DROP before addresses are translated",
            "nft add table inet c; nft 'add chain inet c x { type filter hook prerouting priority -300; }'; "
            "nft add rule inet c x iif host0 tcp dport 8081 drop",
            "nft delete table inet c",
            [("filter.blocks", "to 0.0.0.0:8081/tcp of back1.*chain inet c x")],
        ),
        Fault(
            "forwarding off by the uplink",
            "sysctl --write net.ipv4.conf.host0.forwarding=0",
            "sysctl --write net.ipv4.conf.host0.forwarding=1",
            [("bridge.forwarding_off", "net.ipv4.conf.host0.forwarding is 1")],
        ),
        Fault(
            "forwarding off by a bridge",
            "sysctl --write net.ipv4.conf.br-apart.forwarding=0",
            "sysctl --write net.ipv4.conf.br-apart.forwarding=1",
            [("networks.forwarding_off", "net.ipv4.conf.br-apart.forwarding is 1")],
        ),
        Fault(
            "forwarding of IPv6 off",
            "sysctl --write net.ipv6.conf.all.forwarding=0",
            "sysctl --write net.ipv6.conf.all.forwarding=1",
            [("bridge.forwarding_off", "net.ipv6.conf.all.forwarding is 1")],
        ),
    ],
}


def script(backend: str, faults: Sequence[Fault], undo: bool = False) -> str:
    """What makes the faults, or undoes them in turn."""
    words = [FUNCTIONS, RULES[backend], "set -e" if not undo else ""]
    if undo:
        return "\n".join([*words, *dict.fromkeys(fault.on(backend, undo=True) for fault in reversed(faults))])
    return "\n".join([*words, "keep", *(fault.on(backend) for fault in faults)])


def verify(*hosts: str, inventory: Path = reach.INVENTORY, **variables: Any) -> dict[str, list[tuple[str, str]]]:
    """The findings of a verification of hosts, each with its line, by host."""
    done = reach.findings(reach.command("verify", limit=",".join(hosts), inventory=inventory, **variables))
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in hosts}
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(\w+): (?:error|warning) (\S+): (.*)", line)
        assert match, done.stdout + done.stderr
        found[match[1]].append((match[2], match[3]))
    return found


def differences(found: list[tuple[str, str]], faults: Sequence[Fault], version: tuple[int, int]) -> list[str]:
    """What is found and is no fault's, and what is a fault's and not found."""
    left = list(found)
    missing = []
    for fault in faults:
        for finding, pattern in fault.findings if version >= fault.since else ():
            match = next((one for one in left if one[0] == finding and re.search(pattern, one[1])), None)
            if match:
                left.remove(match)
            else:
                missing.append(f"not found: {fault.name} ({finding})")
    return [*missing, *(f"found: {finding}: {line}" for finding, line in left)]
