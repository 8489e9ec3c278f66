"""bridge_info knows whose end each of many veths is, and what carries each published port, within 2 seconds."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import reach

THOROUGH = bool(os.environ.get("MOORING_THOROUGH"))
HOSTS = ["bookworm", "trixie", "forky"] if THOROUGH else ["bookworm", "forky"]
NUMBER, PUBLISHED = (200, 20) if THOROUGH else (40, 8)
NETWORKS = {"many-one": "10.77.21.0/24", "many-two": "10.77.22.0/24"}
SECONDS = 2.0


@pytest.fixture(scope="module")
def _containers() -> Iterator[None]:
    """That many containers on each host, on docker0 and two networks."""
    script = (Path(__file__).parent / "many.py").read_text()

    def make(name: str) -> None:
        host = reach.over_ssh(name)
        image = "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        host.run_expect([0], image)
        host.run_expect([0], "cat > /root/many.py <<'EOF'\n" + script + "\nEOF")
        for network, subnet in NETWORKS.items():
            host.run_expect([0], f"docker network create --subnet {subnet} {network}")
        host.run_expect([0], f"python3 /root/many.py make {NUMBER} {PUBLISHED} bridge {' '.join(NETWORKS)}")

    def remove(name: str) -> None:
        host = reach.over_ssh(name)
        host.run_expect([0], "python3 /root/many.py remove")
        host.run_expect([0], f"docker network rm {' '.join(NETWORKS)}")
        host.run_expect([0], "rm /root/many.py")

    with ThreadPoolExecutor() as pool:
        try:
            list(pool.map(make, HOSTS))
            yield
        finally:
            list(pool.map(remove, HOSTS))


@pytest.fixture(scope="module", params=HOSTS)
def name(request: pytest.FixtureRequest, _containers: None) -> str:
    """A host with that many containers."""
    return str(request.param)


@pytest.fixture(scope="module")
def seen(name: str) -> dict[str, Any]:
    found: dict[str, Any] = reach.managed(name).ansible("mooring.docker.bridge_info", check=False)
    return found


def test_every_veth_leads_to_its_container(name: str, seen: dict[str, Any]) -> None:
    host = reach.over_ssh(name)
    # What the containers themselves say: the index of their eth0's other end, and where the host has it.
    said = host.check_output(
        "docker ps --filter label=mooring.test=many --format '{{.Names}}' | xargs -P 4 -I {} sh -c"
        " 'echo {} $(docker exec {} /bin/busybox cat /sys/class/net/eth0/iflink /sys/class/net/eth0/address)'"
    )
    indices = dict(
        line.split(":") for line in host.check_output("cd /sys/class/net; grep . veth*/ifindex").splitlines()
    )
    by_index = {index: path.partition("/")[0] for path, index in indices.items()}
    ends = {}
    for line in said.splitlines():
        container, index, mac = line.split()
        ends[by_index[index]] = (container, "eth0", mac)
    assert len(ends) == NUMBER
    found = {
        port["interface"]: (port["container"]["name"], port["container"]["interface"], port["container"]["mac"])
        for bridge in seen["bridges"]
        for port in bridge["ports"]
        if port["container"] and port["container"]["name"].startswith("many")
    }
    assert found == ends
    assert seen["error"] is None


def test_port_is_on_the_bridge_of_its_network(seen: dict[str, Any]) -> None:
    networks = {one["name"]: set(one["networks"]) for one in seen["containers"]}
    on = {
        port["container"]["name"]: bridge["network"]
        for bridge in seen["bridges"]
        for port in bridge["ports"]
        if port["container"]
    }
    assert {name: {network} for name, network in on.items()} == {name: networks[name] for name in on}
    assert {"bridge", *NETWORKS} <= set(on.values())


def test_published_port_has_its_rules_and_its_proxy(name: str, seen: dict[str, Any]) -> None:
    host = reach.over_ssh(name)
    listed = host.check_output("iptables-save; ip6tables-save; nft list ruleset || true")
    saved = re.sub(r"counter packets \d+ bytes \d+ ", "", listed)
    proxies = dict(line.split(maxsplit=1) for line in host.check_output("pgrep -a docker-proxy").splitlines())
    checked = 0
    for one in seen["containers"]:
        (address,) = [ip for network in one["networks"].values() for ip in network["addresses"]] or [None]
        for port in one["published"]:
            assert f"-host-port {port['host_port']} " in proxies[str(port["proxy"])]
            if port["host_address"] == "::":
                # IPv6 on the host, and none in the container: docker-proxy alone carries it.
                assert (port["nat"], port["filter"]) == ([], [])
                continue
            checked += 1
            end = f"{address.partition('/')[0]}:{port['container_port']}"
            (nat,) = port["nat"]
            assert re.search(rf" (--)?dport {port['host_port']} (-j DNAT --to-destination|dnat to) {end}\b", nat)
            assert any(rule.endswith(("-j ACCEPT", " accept")) for rule in port["filter"])
            for rule in [nat, *port["filter"]]:
                # "iptables -t nat -A DOCKER ...", "nft add rule ip docker-bridges CHAIN ..."
                words = rule.split(" -A ", 1)[1] if " -A " in rule else rule.split(" ", 6)[6]
                assert words in saved
    assert checked == PUBLISHED


def test_it_takes_less_than_two_seconds(name: str) -> None:
    """The module's whole run on the host, Python's start included; one of five, for others work here too."""
    line = ["ansible", "-i", str(reach.INVENTORY), name, "-m", "mooring.docker.bridge_info"]
    keep = {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_PIPELINING": "0", "ANSIBLE_SSH_PIPELINING": "0"}
    subprocess.run(line, check=True, capture_output=True, cwd=reach.PROJECT, env={**os.environ, **keep})
    host = reach.over_ssh(name)
    module = host.check_output("ls -t /home/admin/.ansible/tmp/*/AnsiballZ_bridge_info.py").split()[0]
    runs = []
    for _again in range(5):
        done = host.run_expect([0], f"bash -c 'time -p python3 {module}'")
        assert len(json.loads(done.stdout)["containers"]) == NUMBER
        runs.append({word: float(value) for word, value in re.findall(r"(real|user|sys) ([0-9.]+)", done.stderr)})
        if runs[-1]["real"] < SECONDS:
            break
    host.run_expect([0], f"rm -r {Path(module).parent}")
    print(f"bridge_info with {NUMBER} containers on {name}: {runs}")
    assert min(run["real"] for run in runs) < SECONDS
