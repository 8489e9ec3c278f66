"""Each deliberate fault on a live host turns exactly the right finding red, and undoing it turns verification green.

Faults are made the way people make them, by hand on the host and behind Mooring's back: one on each host at a time. The
next faults prove that they are undone: the findings are exactly their own.
"""

from __future__ import annotations

import base64
import itertools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forge
import pytest
import reach
from ansible_collections.mooring.docker.plugins.plugin_utils.controller import addresses_towards
from clients import HOSTS, Client, command, converge, everywhere, per_host

DAEMON_JSON, TLS = "/etc/docker/daemon.json", "/etc/docker/tls/server"
SERVICE_DROP_IN = "/etc/systemd/system/docker.service.d/50-mooring.conf"
SSH_KEYS = "/var/lib/mooring-ssh/.ssh/authorized_keys"
# Of ed25519; nobody has the other half.
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
# All that can go wrong is declared, and a container runs.
DECLARED: dict[str, Any] = {
    "docker_network_bridge_address": "172.31.0.1/24",
    "docker_network_mtu": 1400,
    "docker_network_ipv6": True,
    "docker_network_fixed_cidr_v6": "fd4d:6f6f:7269::/64",
    "docker_network_published": "closed",
    "docker_engine_ssh_clients": {"nobody": f"ssh-ed25519 {KEY[:-4]}BBBB"},
    "docker_network_networks": [{"name": "backend", "ranges": [{"subnet": "172.31.8.0/24"}]}],
}
DEFAULTS: dict[str, Any] = {"docker_engine_options": {}, "docker_engine_probe_hosts": []}
"""What is declared of a variable on a host whose fault declares nothing."""
# Not counted by systemd as one that fails too often.
RESTART = (
    "systemctl stop docker.socket docker.service; systemctl reset-failed docker.service; "
    "systemctl start docker.socket docker.service"
)


@dataclass(frozen=True)
class Fault:
    """What somebody did, as shell commands on the host, how it is undone, and the findings with their remedies.

    ``declared`` are further variables of the host.
    """

    name: str
    did: str
    undone: str
    findings: dict[str, str]
    declared: dict[str, Any] = field(default_factory=dict)


APPLY = "playbooks/site.yml"
PORT = "$(ip -o link show master docker0 | sed -E 's/^[0-9]+: ([^@:]+).*/\\1/')"
BACKEND = "br-$(docker network inspect --format '{{slice .Id 0 12}}' backend)"
INSIDE = "nsenter --target $(docker inspect --format '{{.State.Pid}}' web) --net"

# Those that restart the daemon by hand are the last of their host: what such a daemon has read can be told as long as
# no file changes afterwards.
FAULTS = {
    "bookworm": [
        Fault(
            "hand-edited daemon.json",
            f"cp -a {DAEMON_JSON} /root/kept; sed -i '1a \"debug\": true,' {DAEMON_JSON}",
            f"cp -a /root/kept {DAEMON_JSON}",
            {"configuration.edited": "declare the change"},
        ),
        Fault(
            "world-writable socket",
            "chmod 0666 /run/docker.sock",
            "chmod 0660 /run/docker.sock",
            {"sockets.mode": APPLY},
        ),
        Fault(
            "drop-in of sshd removed",
            "mv /etc/ssh/sshd_config.d/00-mooring.conf /root/kept",
            "mv /root/kept /etc/ssh/sshd_config.d/00-mooring.conf; systemctl reload ssh",
            {"ssh.drop_in": APPLY},
        ),
        Fault(
            "published port beyond policy",
            "nft insert rule inet mooring_published outside accept",
            "systemctl restart mooring-nftables.service",
            {"filter.not_live": "systemctl restart mooring-nftables.service", "published.reached": APPLY},
        ),
        Fault(
            "docker0 address changed by hand",
            "ip address add 172.31.77.1/24 dev docker0; ip address delete 172.31.0.1/24 dev docker0",
            "ip address add 172.31.0.1/24 dev docker0; ip address delete 172.31.77.1/24 dev docker0",
            {"bridge.address": "restart the daemon"},
        ),
        Fault(
            "network missing",
            "docker network rm backend",
            "docker network create --subnet 172.31.8.0/24 --opt com.docker.network.driver.mtu=1400 backend",
            {"networks.missing": APPLY},
        ),
        Fault(
            "IPv6 off",
            "sysctl -w net.ipv6.conf.all.disable_ipv6=1",
            "sysctl -w net.ipv6.conf.all.disable_ipv6=0; networkctl reconfigure host0; "
            "ip address add fd4d:6f6f:7269::1/64 dev docker0",
            {"bridge.ipv6_off": "sysctl net.ipv6.conf.all.disable_ipv6=0"},
        ),
        Fault(
            "links, loopback and routes changed by hand",
            f"ip link set docker0 mtu 1300; ip link set {BACKEND} down; "
            f"{INSIDE} ip link set lo down; {INSIDE} ip route delete default",
            f"ip link set docker0 mtu 1400; ip link set {BACKEND} up; "
            f"{INSIDE} ip link set lo up; {INSIDE} ip route add default via 172.31.0.1",
            {
                "bridge.mtu": "ip link set docker0 mtu 1400",
                "networks.down": "ip link set br-",
                "networks.loopback_down": "docker restart web",
                "networks.no_gateway": "docker restart web",
            },
        ),
        Fault(
            "disk full",
            "mount --types tmpfs --options size=1m tmpfs /var/lib/docker",
            "umount /var/lib/docker",
            # It hides the files in which containers have their name servers.
            {"engine.storage": "docker system df", "bridge.unobserved": "verify again"},
        ),
        Fault(
            "engine disabled at boot",
            "systemctl disable docker.service",
            "systemctl enable docker.service",
            {"engine.disabled": APPLY},
        ),
        Fault(
            "extra endpoint",
            "mkdir -p /etc/systemd/system/docker.socket.d; "
            "printf '[Socket]\\nListenStream=/run/extra.sock\\n' > /etc/systemd/system/docker.socket.d/90-extra.conf; "
            f"systemctl daemon-reload; {RESTART}",
            f"rm /etc/systemd/system/docker.socket.d/90-extra.conf; systemctl daemon-reload; {RESTART}",
            {"endpoints.undeclared": "docker_engine_endpoints"},
        ),
    ],
    "trixie": [
        Fault(
            "translation of addresses flushed, and all that is forwarded dropped",
            "iptables-save > /root/kept-rules; iptables --table nat --flush; nft add table inet blocker; "
            "nft 'add chain inet blocker forward { type filter hook forward priority -10; policy drop; }'",
            "iptables-restore < /root/kept-rules; nft delete table inet blocker",
            {"published.not_sent": "restart the daemon", "filter.blocks": "delete that rule"},
        ),
        Fault(
            "removed drop-in",
            f"mv {SERVICE_DROP_IN} /root/kept; systemctl daemon-reload",
            f"mv /root/kept {SERVICE_DROP_IN}; systemctl daemon-reload",
            {"configuration.differs": APPLY},
        ),
        Fault("weak key mode", f"chmod 0644 {TLS}/key.pem", f"chmod 0600 {TLS}/key.pem", {"files.key": "chmod 0600"}),
        Fault(
            "account of clients over SSH changed, a key of somebody's, a run that was cut, a session from before",
            f"usermod --append --groups users docker-remote; echo 'ssh-ed25519 {KEY} x' >> {SSH_KEYS}; "
            "echo {} > /var/lib/mooring/ssh.json; touch /etc/ssh/sshd_config.d/00-mooring.conf; "
            "setsid setpriv --reuid nobody --regid docker --clear-groups sleep 4000 > /dev/null 2>&1 &",
            f"gpasswd --delete docker-remote users; sed -i '$d' {SSH_KEYS}; rm /var/lib/mooring/ssh.json; "
            "systemctl reload ssh; pkill -x sleep",
            {
                "ssh.account": APPLY,
                "ssh.keys": APPLY,
                "ssh.pending": APPLY,
                "ssh.not_loaded": APPLY,
                "sockets.holders": "docker_engine_users_exclusive",
            },
        ),
        Fault(
            "filter rules flushed",
            "nft flush table inet mooring_endpoint",
            "systemctl restart mooring-nftables.service",
            {"filter.not_live": "systemctl restart mooring-nftables.service", "endpoints.reached": APPLY},
            declared={"docker_engine_probe_hosts": ["bookworm"]},
        ),
        Fault(
            "MTU mismatch",
            f"{INSIDE} ip link set eth0 mtu 1300",
            f"{INSIDE} ip link set eth0 mtu 1400",
            {"bridge.mtu": "docker restart web"},
        ),
        Fault(
            "containerd stopped",
            "systemctl stop containerd",
            "systemctl start containerd",
            {"engine.containerd_stopped": "systemctl start containerd"},
        ),
        Fault(
            "wrong version",
            "mount --bind /root/other-dockerd /usr/sbin/dockerd",
            "umount /usr/sbin/dockerd",
            {"engine.version_differs": "dpkg --verify"},
        ),
        Fault(
            "plaintext endpoint",
            f'cp -a {DAEMON_JSON} /root/kept; sed -i \'s/"tlsverify": true/"tls": false/\' {DAEMON_JSON}; {RESTART}',
            f"cp -a /root/kept {DAEMON_JSON}; {RESTART}",
            {
                "configuration.edited": "declare the change",
                "configuration.untested": APPLY,
                "endpoints.plaintext": APPLY,
            },
        ),
        Fault(
            "expired certificate",
            f"cp -a {TLS}/. /root/kept-tls; cp /root/expired/*.pem {TLS}/; {RESTART}",
            f"cp -a /root/kept-tls/. {TLS}; {RESTART}",
            {"certificates.expired": APPLY},
        ),
    ],
    "forky": [
        Fault(
            "daemon not restarted after a change",
            f"cp -a {DAEMON_JSON} /root/kept; cp -a /etc/docker/daemon.d/10-engine.json /root/kept-10; sed -i "
            f"'/live-restore/a \\  \"max-concurrent-downloads\": 7,' {DAEMON_JSON} /etc/docker/daemon.d/10-engine.json",
            f"cp -a /root/kept {DAEMON_JSON}; cp -a /root/kept-10 /etc/docker/daemon.d/10-engine.json",
            {"configuration.pending": APPLY},
            declared={"docker_engine_options": {"max-concurrent-downloads": 7}},
        ),
        Fault(
            "user too many in the docker group",
            "usermod --append --groups docker nobody",
            "gpasswd --delete nobody docker",
            {"sockets.members": "gpasswd --delete"},
        ),
        Fault(
            "setting of sshd that goes before the drop-in",
            "printf 'Match Address 203.0.113.0/24\\n  PermitTTY yes\\n' > /etc/ssh/sshd_config.d/00-a.conf",
            "rm /etc/ssh/sshd_config.d/00-a.conf",
            {"ssh.settings": "reload sshd"},
        ),
        Fault(
            "container cut off from its bridge",
            f"ip link set {PORT} nomaster",
            "ip link set $(ip -o link show type veth | sed -nE 's/^[0-9]+: (veth[^@:]+).*/\\1/p') master docker0",
            {"bridge.cut_off": "docker network disconnect bridge web"},
        ),
        Fault(
            "network with another range",
            "docker network rm backend; docker network create --subnet 172.31.9.0/24 backend",
            "docker network rm backend; docker network create --subnet 172.31.8.0/24 backend",
            {"networks.range": "docker network rm backend"},
        ),
        Fault(
            "forwarding off",
            "sysctl -w net.ipv4.ip_forward=0",
            "sysctl -w net.ipv4.ip_forward=1",
            {"bridge.forwarding_off": "sysctl net.ipv4.ip_forward=1"},
        ),
        Fault(
            "CLI missing",
            "mv /usr/bin/docker /root/kept",
            "mv /root/kept /usr/bin/docker",
            {"engine.cli_missing": "docker-cli"},
        ),
        Fault(
            "overlapping route added",
            "ip route add 172.31.0.128/25 dev host0",
            "ip route delete 172.31.0.128/25 dev host0",
            {"bridge.collision": "another range"},
        ),
        Fault(
            "engine stopped",
            "systemctl stop docker.socket docker.service",
            "systemctl start docker.socket docker.service",
            {"engine.stopped": "journalctl -u docker"},
        ),
        Fault(
            "certificate without the needed name",
            f"cp -a {TLS}/. /root/kept-tls; cp /root/nameless/*.pem {TLS}/; {RESTART}",
            f"cp -a /root/kept-tls/. {TLS}; {RESTART}",
            {"certificates.lacks_name": APPLY},
        ),
    ],
}


ROUNDS = [
    {name: fault for name, fault in zip(FAULTS, faults) if fault} for faults in itertools.zip_longest(*FAULTS.values())
]
"""Faults that are there at the same time, by host."""


def declared(**hosts: dict[str, Any]) -> dict[str, Any]:
    """The declaration, with whom the packet filter lets in: this machine. ``hosts`` have further variables each."""
    found = {**DECLARED, "docker_engine_allowed_clients": addresses_towards(reach.declared(HOSTS[0])["address"])}
    for variable in {variable for variables in hosts.values() for variable in variables}:
        values = {name: variables[variable] for name, variables in hosts.items() if variable in variables}
        found[variable] = per_host(values, DEFAULTS[variable])
    return found


@pytest.fixture(scope="module")
def faultless(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Hosts on which all is as declared, each with a running container and what some faults need."""
    everywhere("docker rm --force web || true")
    converge(**declared())
    everywhere("docker run --detach --name web --publish 8080:80 busybox:lab /bin/busybox httpd -f -p 80")
    # The next release's, as after an upgrade that has restarted nothing.
    root = reach.machine("trixie").root
    shutil.copy(reach.machine("forky").root / "usr/sbin/dockerd", root / "root/other-dockerd")
    issuer = reach.authority("server", tmp_path_factory.mktemp("issued"))
    names = ["localhost", "127.0.0.1", reach.declared("trixie")["address"], "trixie"]
    put("trixie", "expired", issuer.issue("expired", forge.SERVER, names=names, since=-9, until=-3))
    names = ["localhost", "127.0.0.1", reach.declared("forky")["address"]]
    put("forky", "nameless", issuer.issue("nameless", forge.SERVER, names=names, until=300))
    yield client
    everywhere("docker rm --force web; docker network rm backend; rm -rf /root/kept* /root/expired /root/nameless")
    reach.over_ssh("trixie").run("rm /root/other-dockerd")
    converge()
    # One that was set by hand stays, whatever the engine has.
    everywhere("ip link set docker0 mtu 1500")


def put(name: str, directory: str, pair: forge.Pair) -> None:
    """Leave a certificate and its key on a host, in a directory of root's home."""
    host = reach.over_ssh(name)
    host.run_expect([0], f"install -d -m 0700 /root/{directory}")
    for path in map(Path, pair):
        text = base64.b64encode(path.read_bytes()).decode()
        host.run_expect([0], f"umask 077; echo {text} | base64 -d > /root/{directory}/{path.name}")


def verify(
    client: Client, prefix: tuple[str, ...] = (), **hosts: dict[str, Any]
) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status of a verification, and the remedy of each finding by host."""
    done = reach.findings([*prefix, *command("verify", verify_client=str(client.directory), **declared(**hosts))])
    lines = done.stdout.splitlines()
    found: dict[str, dict[str, str]] = {name: {} for name in HOSTS}
    for line in lines:
        match = re.fullmatch(r"(\w+): (?:error|warning) (\S+): expected: .*; remedy: (.*)", line)
        assert match, done.stdout + done.stderr
        found[match[1]][match[2]] = match[3]
    return done.returncode, found


ALL_IS_WELL: tuple[int, dict[str, dict[str, str]]] = (0, {name: {} for name in HOSTS})


def test_all_is_well(faultless: Client) -> None:
    assert verify(faultless, trixie={"docker_engine_probe_hosts": ["bookworm"]}) == ALL_IS_WELL


@pytest.mark.parametrize("faults", ROUNDS, ids=lambda faults: ", ".join(fault.name for fault in faults.values()))
def test_fault_is_the_finding(faultless: Client, faults: dict[str, Fault]) -> None:
    try:
        everywhere({name: fault.did for name, fault in faults.items()})
        status, found = verify(faultless, **{name: fault.declared for name, fault in faults.items()})
    finally:
        everywhere({name: fault.undone for name, fault in faults.items()})
    assert {name: set(of_host) for name, of_host in found.items()} == {
        name: set(faults[name].findings if name in faults else ()) for name in HOSTS
    }
    for name, fault in faults.items():
        for finding, remedy in fault.findings.items():
            assert remedy in found[name][finding]
    assert status != 0


def test_skewed_clock_is_a_finding(faultless: Client) -> None:
    """This machine's clock is everybody's: the controller's alone is ahead. Nothing is left of the last faults."""
    status, found = verify(faultless, ("faketime", "-m", "-f", "+10m"))
    assert status != 0
    assert {name: list(of_host) for name, of_host in found.items()} == {name: ["host.clock"] for name in HOSTS}
    assert all("timedatectl set-ntp true" in of_host["host.clock"] for of_host in found.values())


def test_all_is_well_again(faultless: Client) -> None:
    assert verify(faultless) == ALL_IS_WELL
