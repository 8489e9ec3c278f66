"""The newest engine with nftables as its packet filter, and the way to iptables and back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import reach
from conftest import LAB, NAME, PORT, converge, run

_ASK = """
import json, sys, urllib.request
def ask(url):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as response:
            return response.read() == b"moored\\n"
    except OSError:
        return False
print(json.dumps([url for url in sys.argv[1:] if ask(url)]))
"""
_HOST = LAB.address(15), LAB.address6(15)
PUBLISHED = {f"http://{_HOST[0]}:{PORT}/", f"http://[{_HOST[1]}]:{PORT}/"}
IPTABLES = {
    "docker_network_firewall_backend": "iptables",
    # dockerd switches forwarding on.
    "docker_network_sysctls": {},
}


def reached(urls: set[str], *prefix: str) -> set[str]:
    """Those of the URLs at which the container answers this machine, or whoever a command after ``prefix`` runs as."""
    words = [*prefix, sys.executable, "-c", _ASK, *urls]
    return set(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))


def assert_policy_holds(host: Any, stranger: list[str]) -> None:
    """Who may gets in, by IPv4 and IPv6; who may not does not, nor to the containers' own addresses."""
    ends = json.loads(host.check_output("docker inspect web"))[0]["NetworkSettings"]["Networks"]["bridge"]
    own = {"-4": ends["IPAddress"], "-6": ends["GlobalIPv6Address"]}
    for (family, address), way in zip(own.items(), map(str, _HOST)):
        line = ["ip", "netns", "exec", stranger[-1], "ip", family, "route", "replace", address, "via", way]
        subprocess.run(line, check=True)
    direct = {f"http://{own['-4']}/", f"http://[{own['-6']}]/"}
    assert reached(PUBLISHED) == PUBLISHED
    assert reached(PUBLISHED | direct, *stranger) == set()


def policies(host: Any) -> dict[str, str]:
    """What becomes of packets that no rule of iptables decides about."""
    listed = {program: host.check_output(f"{program} -S FORWARD") for program in ("iptables", "ip6tables")}
    return {program: re.findall(r"^-P FORWARD (\w+)$", text, re.MULTILINE)[0] for program, text in listed.items()}


def assert_as_declared(**variables: Any) -> None:
    """Another run changes nothing, and verification finds nothing."""
    again = run(**variables)
    assert (again.status, again.changed, again.steps) == (0, {NAME: 0}, {NAME: {}}), again.failures or again.output
    verified = run("verify", **variables)
    assert (verified.status, verified.failures) == (0, {}), verified.failures


def test_it_comes_up_with_nftables_and_is_as_declared(web: Any, stranger: list[str]) -> None:
    info = json.loads(web.check_output("docker info --format '{{json .}}'"))
    assert (info["ServerVersion"], info["FirewallBackend"]["Driver"]) == ("29.7.2", "nftables")
    assert_policy_holds(web, stranger)
    assert_as_declared()


def test_what_iptables_leaves_drops_nothing_that_nftables_lets_in(web: Any, stranger: list[str]) -> None:
    web.run_expect([0], "docker network create back")
    for name in ("one", "two"):
        line = f"docker run -d --name {name} --network back --stop-timeout 1 busybox:lab /bin/busybox sleep 100000"
        web.run_expect([0], line)
    # Rules for name resolution that dockerd leaves in containers would count after the way back.
    refused = run(**IPTABLES)
    assert "live-restore keeps one, two running, and names of other containers" in refused.failures[NAME]
    converge(docker_network_containers="drain", **IPTABLES)
    web.run_expect([0], "docker exec one /bin/busybox ping -c 1 two")
    web.run_expect([0], "docker rm --force one two; docker network rm back")
    assert "docker-bridges" not in web.check_output("nft list tables")
    # As on a host that nobody else has told to forward: dockerd does, and drops what is not its containers'.
    web.run_expect([0], "sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0; systemctl restart docker")
    assert policies(web) == {"iptables": "DROP", "ip6tables": "DROP"}
    assert_policy_holds(web, stranger)
    pid = web.check_output("docker inspect --format '{{.State.Pid}}' web")
    # Forwarding is on, and Mooring keeps it on over a boot, which this backend's daemon does not.
    kept = {"docker_network_sysctls": {}}
    done = converge(**kept)
    assert {"sysctls", "configuration", "apply"} <= set(done.steps[NAME])
    assert "let the chain FORWARD of iptables and ip6tables accept" in done.steps[NAME]["apply"]
    assert policies(web) == {"iptables": "ACCEPT", "ip6tables": "ACCEPT"}
    rules = web.check_output("iptables-save; ip6tables-save")
    assert not re.search(r"^-A (?!FORWARD -j DOCKER-USER$)", rules, re.MULTILINE), rules
    assert_policy_holds(web, stranger)
    assert_as_declared(**kept)
    # live-restore kept the container, which is reached through the new rules.
    assert web.check_output("docker inspect --format '{{.State.Pid}}' web") == pid


def test_a_policy_that_drops_all_is_found(web: Any) -> None:
    web.run_expect([0], "ip6tables -P FORWARD DROP")
    try:
        verified = run("verify")
    finally:
        web.run_expect([0], "ip6tables -P FORWARD ACCEPT")
    assert verified.status != 0
    assert "the chain FORWARD of ip6tables accepts what dockerd's nftables rules let through" in verified.failures[NAME]


# What is done on the host, and undone, and the reason for which nftables are refused then.
OBSTACLES = {
    "takes the program nft": ("mv /usr/sbin/nft /usr/sbin/away", "mv /usr/sbin/away /usr/sbin/nft"),
    # As moby's daemon/cluster keeps it.
    "does not go with a swarm": (
        "mkdir -p /var/lib/docker/swarm; echo '{}' > /var/lib/docker/swarm/docker-state.json",
        "rm /var/lib/docker/swarm/docker-state.json",
    ),
    "leaves containers without packets: the chain FORWARD of iptables has the policy DROP and rules of others": (
        "iptables -P FORWARD DROP; iptables -A FORWARD -i lo -j ACCEPT",
        "iptables -D FORWARD -i lo -j ACCEPT; iptables -P FORWARD ACCEPT",
    ),
}
FORWARDING = {"docker_network_sysctls": {"net.ipv4.ip_forward": 0}}
_FILES = "find /etc/docker /etc/systemd/system /etc/sysctl.d -type f -exec sha256sum {} + | sort; pidof dockerd"


def test_where_it_cannot_be_it_is_refused_and_nothing_touched(web: Any) -> None:
    before = web.check_output(_FILES)
    try:
        for do, _undo in OBSTACLES.values():
            web.run_expect([0], do)
        refused: reach.Run = run(**FORWARDING)
    finally:
        for _do, undo in OBSTACLES.values():
            web.run_expect([0], undo)
    assert refused.status != 0
    for reason in (*OBSTACLES, "takes net.ipv4.ip_forward = 1"):
        assert f"docker_network_firewall_backend: nftables {reason}" in refused.failures[NAME], refused.failures
    assert web.check_output(_FILES) == before
