"""Each deliberate fault on a live host turns exactly the right finding red, and undoing it turns verification green.

Faults are made the way people make them, by hand on the host and behind Mooring's back.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forge
import pytest
import reach
from ansible_collections.mooring.docker.plugins.plugin_utils.controller import addresses_towards
from conftest import Client, command, converge

HOST = "trixie"
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
# Not counted by systemd as one that fails too often.
RESTART = (
    "systemctl stop docker.socket docker.service; systemctl reset-failed docker.service; "
    "systemctl start docker.socket docker.service"
)


@dataclass(frozen=True)
class Fault:
    """What somebody did, as shell commands on the host, how it is undone, and the findings with their remedies.

    ``declared`` are further variables for both runs, ``prefix`` is a command to run the faulty one by.
    """

    name: str
    did: str
    undone: str
    findings: dict[str, str]
    declared: dict[str, Any] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()


APPLY = "playbooks/site.yml"
PORT = "$(ip -o link show master docker0 | sed -E 's/^[0-9]+: ([^@:]+).*/\\1/')"
INSIDE = "nsenter --target $(docker inspect --format '{{.State.Pid}}' web) --net"

FAULTS = [
    Fault(
        "hand-edited daemon.json",
        f"cp -a {DAEMON_JSON} /root/kept; sed -i '1a \"debug\": true,' {DAEMON_JSON}",
        f"cp -a /root/kept {DAEMON_JSON}",
        {"configuration.edited": "declare the change"},
    ),
    Fault(
        "removed drop-in",
        f"mv {SERVICE_DROP_IN} /root/kept; systemctl daemon-reload",
        f"mv /root/kept {SERVICE_DROP_IN}; systemctl daemon-reload",
        {"configuration.differs": APPLY},
    ),
    Fault(
        "daemon not restarted after a change",
        f"cp -a {DAEMON_JSON} /root/kept; cp -a /etc/docker/daemon.d/10-engine.json /root/kept-10; sed -i "
        f"'/live-restore/a \\  \"max-concurrent-downloads\": 7,' {DAEMON_JSON} /etc/docker/daemon.d/10-engine.json",
        f"cp -a /root/kept {DAEMON_JSON}; cp -a /root/kept-10 /etc/docker/daemon.d/10-engine.json",
        {"configuration.pending": APPLY},
        declared={"docker_engine_options": {"max-concurrent-downloads": 7}},
    ),
    Fault(
        "world-writable socket",
        "chmod 0666 /run/docker.sock",
        "chmod 0660 /run/docker.sock",
        {"sockets.mode": APPLY},
    ),
    Fault(
        "user too many in the docker group",
        "usermod --append --groups docker nobody",
        "gpasswd --delete nobody docker",
        {"sockets.members": "gpasswd --delete"},
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
        "drop-in of sshd removed",
        "mv /etc/ssh/sshd_config.d/00-mooring.conf /root/kept",
        "mv /root/kept /etc/ssh/sshd_config.d/00-mooring.conf; systemctl reload ssh",
        {"ssh.drop_in": APPLY},
    ),
    Fault(
        "setting of sshd that goes before the drop-in",
        "printf 'Match Address 203.0.113.0/24\\n  PermitTTY yes\\n' > /etc/ssh/sshd_config.d/00-a.conf",
        "rm /etc/ssh/sshd_config.d/00-a.conf",
        {"ssh.settings": "reload sshd"},
    ),
    Fault(
        "filter rules flushed",
        "nft flush table inet mooring_endpoint",
        "systemctl restart mooring-nftables.service",
        {"filter.not_live": "systemctl restart mooring-nftables.service", "endpoints.reached": APPLY},
        declared={"docker_engine_probe_hosts": ["bookworm"]},
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
        "MTU mismatch",
        f"{INSIDE} ip link set eth0 mtu 1300",
        f"{INSIDE} ip link set eth0 mtu 1400",
        {"bridge.mtu": "docker restart web"},
    ),
    Fault(
        "container cut off from its bridge",
        f"ip link set {PORT} nomaster",
        "ip link set $(ip -o link show type veth | sed -nE 's/^[0-9]+: (veth[^@:]+).*/\\1/p') master docker0",
        {"bridge.cut_off": "docker network disconnect bridge web"},
    ),
    Fault(
        "network missing",
        "docker network rm backend",
        "docker network create --subnet 172.31.8.0/24 backend",
        {"networks.missing": APPLY},
    ),
    Fault(
        "network with another range",
        "docker network rm backend; docker network create --subnet 172.31.9.0/24 backend",
        "docker network rm backend; docker network create --subnet 172.31.8.0/24 backend",
        {"networks.range": "docker network rm backend"},
    ),
    Fault(
        "overlapping route added",
        "ip route add 172.31.0.128/25 dev host0",
        "ip route delete 172.31.0.128/25 dev host0",
        {"bridge.collision": "another range"},
    ),
    Fault(
        "IPv6 off",
        "sysctl -w net.ipv6.conf.all.disable_ipv6=1",
        "sysctl -w net.ipv6.conf.all.disable_ipv6=0; networkctl reconfigure host0; "
        "ip address add fd4d:6f6f:7269::1/64 dev docker0",
        {"bridge.ipv6_off": "sysctl net.ipv6.conf.all.disable_ipv6=0"},
    ),
    Fault(
        "forwarding off",
        "sysctl -w net.ipv4.ip_forward=0",
        "sysctl -w net.ipv4.ip_forward=1",
        {"bridge.forwarding_off": "sysctl net.ipv4.ip_forward=1"},
    ),
    Fault(
        # This machine's clock is everybody's: the controller's alone is ahead.
        "clock skewed",
        "true",
        "true",
        {"host.clock": "timedatectl set-ntp true"},
        prefix=("faketime", "-m", "-f", "+10m"),
    ),
    Fault(
        "CLI missing",
        "mv /usr/bin/docker /root/kept",
        "mv /root/kept /usr/bin/docker",
        {"engine.cli_missing": "docker-cli"},
    ),
    Fault(
        "wrong version",
        "mount --bind /root/other-dockerd /usr/sbin/dockerd",
        "umount /usr/sbin/dockerd",
        {"engine.version_differs": "dpkg --verify"},
    ),
    Fault(
        "engine disabled at boot",
        "systemctl disable docker.service",
        "systemctl enable docker.service",
        {"engine.disabled": APPLY},
    ),
    Fault(
        "containerd stopped",
        "systemctl stop containerd",
        "systemctl start containerd",
        {"engine.containerd_stopped": "systemctl start containerd"},
    ),
    # From here on the daemon is restarted by hand. What such a daemon has read can be told as long as no file changes
    # afterwards: faults of files come first.
    Fault(
        "engine stopped",
        "systemctl stop docker.socket docker.service",
        "systemctl start docker.socket docker.service",
        {"engine.stopped": "journalctl -u docker"},
    ),
    Fault(
        "extra endpoint",
        "mkdir -p /etc/systemd/system/docker.socket.d; "
        "printf '[Socket]\\nListenStream=/run/extra.sock\\n' > /etc/systemd/system/docker.socket.d/90-extra.conf; "
        f"systemctl daemon-reload; {RESTART}",
        f"rm /etc/systemd/system/docker.socket.d/90-extra.conf; systemctl daemon-reload; {RESTART}",
        {"endpoints.undeclared": "docker_engine_endpoints"},
    ),
    Fault(
        "plaintext endpoint",
        f'cp -a {DAEMON_JSON} /root/kept; sed -i \'s/"tlsverify": true/"tls": false/\' {DAEMON_JSON}; {RESTART}',
        f"cp -a /root/kept {DAEMON_JSON}; {RESTART}",
        {"configuration.edited": "declare the change", "endpoints.plaintext": APPLY},
    ),
    Fault(
        "expired certificate",
        f"cp -a {TLS}/. /root/kept-tls; cp /root/expired/*.pem {TLS}/; {RESTART}",
        f"cp -a /root/kept-tls/. {TLS}; {RESTART}",
        {"certificates.expired": APPLY},
    ),
    Fault(
        "certificate without the needed name",
        f"cp -a {TLS}/. /root/kept-tls; cp /root/nameless/*.pem {TLS}/; {RESTART}",
        f"cp -a /root/kept-tls/. {TLS}; {RESTART}",
        {"certificates.lacks_name": APPLY},
    ),
]


def declared() -> dict[str, Any]:
    """The declaration, with whom the packet filter lets in: this machine."""
    return {**DECLARED, "docker_engine_allowed_clients": addresses_towards(reach.declared(HOST)["address"])}


@pytest.fixture(scope="module")
def faultless(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A host on which all is as declared, with a running container and what some faults need."""
    host = reach.over_ssh(HOST)
    host.run("docker rm --force web")
    converge(limit=HOST, **declared())
    host.run_expect([0], "docker run --detach --name web --publish 8080:80 busybox:lab /bin/busybox httpd -f -p 80")
    # The next release's, as after an upgrade that has restarted nothing.
    root = reach.machine(HOST).root
    shutil.copy(reach.machine("forky").root / "usr/sbin/dockerd", root / "root/other-dockerd")
    names = ["localhost", "127.0.0.1", HOST, reach.declared(HOST)["address"]]
    issuer = reach.authority("server", tmp_path_factory.mktemp("issued"))
    put(host, "expired", issuer.issue("expired", forge.SERVER, names=names, since=-9, until=-3))
    put(
        host,
        "nameless",
        issuer.issue("nameless", forge.SERVER, names=[name for name in names if name != HOST], until=300),
    )
    yield client
    host.run("docker rm --force web; docker network rm backend")
    host.run("rm -rf /root/kept* /root/expired /root/nameless /root/other-dockerd")
    converge(limit=HOST)


def put(host: Any, directory: str, pair: forge.Pair) -> None:
    """Leave a certificate and its key on the host, in a directory of root's home."""
    host.run_expect([0], f"install -d -m 0700 /root/{directory}")
    for path in map(Path, pair):
        text = base64.b64encode(path.read_bytes()).decode()
        host.run_expect([0], f"umask 077; echo {text} | base64 -d > /root/{directory}/{path.name}")


def verify(client: Client, prefix: tuple[str, ...] = (), **variables: Any) -> tuple[int, dict[str, str]]:
    """The exit status of a verification, and the remedy of each finding."""
    done = subprocess.run(
        [*prefix, *command("verify", limit=HOST, verify_client=str(client.directory), **declared(), **variables)],
        cwd=reach.PROJECT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "mooring.docker.quiet"},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    found = [re.fullmatch(rf"{HOST}: (?:error|warning) (\S+): expected: .*; remedy: (.*)", line) for line in lines]
    assert all(found), done.stdout + done.stderr
    return done.returncode, {match[1]: match[2] for match in found if match}


def test_all_is_well(faultless: Client) -> None:
    assert verify(faultless, docker_engine_probe_hosts=["bookworm"]) == (0, {})


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_the_finding(faultless: Client, fault: Fault) -> None:
    host = reach.over_ssh(HOST)
    try:
        host.run_expect([0], fault.did)
        status, found = verify(faultless, fault.prefix, **fault.declared)
    finally:
        undone = host.run(fault.undone)
    assert undone.rc == 0, undone.stderr
    assert set(found) == set(fault.findings)
    for finding, remedy in fault.findings.items():
        assert remedy in found[finding]
    assert status != 0
    assert verify(faultless) == (0, {})
