"""Every network with a bridge has the declared MTU, whoever creates it; one too large for the uplink is found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import reach

HOSTS = ["bookworm", "trixie", "forky"]
KNOW_DEFAULTS = HOSTS[1:]
"""Those whose engine has a default for new networks."""
MTU, UPLINK = 1380, 1360
BINDING = "com.docker.network.bridge.host_binding_ipv4"
OPERATORS = {"default-network-opts": {"bridge": {BINDING: "127.0.0.1"}}}
DECLARED = {
    "docker_network_mtu": MTU,
    "docker_network_networks": [{"name": "back"}],
    "docker_engine_options": reach.by_host(dict.fromkeys(KNOW_DEFAULTS, OPERATORS)),
}


def docker(name: str, line: str) -> str:
    return str(reach.over_ssh(name).check_output(f"docker {line}"))


def inside(name: str, network: str) -> int:
    """The MTU that a container in a network has."""
    line = "/bin/busybox cat /sys/class/net/eth0/mtu"
    return int(reach.in_container(reach.over_ssh(name), f"--network {network} busybox:lab", line))


def warned() -> dict[str, set[str]]:
    """What verification says of the hosts' networks."""
    done = reach.findings(reach.command("verify", limit=",".join(HOSTS), tags="bridge,networks", **DECLARED))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [re.fullmatch(r"(\w+): (.*); remedy: .*", line) for line in done.stdout.splitlines()]
    assert all(lines), done.stdout
    return {name: {line[2] for line in lines if line and line[1] == name} for name in HOSTS}


@pytest.fixture(scope="module", autouse=True)
def declared() -> Iterator[reach.Run]:
    """Hosts with the MTU, a network that an operator has created since, and one that cannot be left."""
    for name in HOSTS:
        image = "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        reach.over_ssh(name).run_expect([0], image)
    done = reach.run(**DECLARED)
    assert done.status == 0, done.failures or done.output
    for name in HOSTS:
        docker(name, "network create shop_default")
        docker(name, "network create --internal closed")
    yield done
    for name in HOSTS:
        reach.over_ssh(name).run("docker rm --force web; docker network rm shop_default closed")
    assert reach.run().status == 0


def test_new_networks_and_declared_ones_have_it() -> None:
    found = {name: {network: inside(name, network) for network in ("back", "shop_default")} for name in HOSTS}
    assert found == {name: {"back": MTU, "shop_default": MTU if name in KNOW_DEFAULTS else 1500} for name in HOSTS}


def test_what_an_operator_wants_of_new_networks_stays() -> None:
    for name in KNOW_DEFAULTS:
        assert json.loads(docker(name, "network inspect shop_default"))[0]["Options"][BINDING] == "127.0.0.1"


def test_second_run_changes_nothing() -> None:
    again = reach.run(**DECLARED)
    assert (again.changed, again.steps) == (dict.fromkeys(HOSTS, 0), {name: {} for name in HOSTS})


def test_network_in_use_keeps_its_mtu_and_the_run_is_refused() -> None:
    docker("trixie", "run --detach --name web --network back busybox:lab /bin/busybox sleep 100000")
    done = reach.run(limit="trixie", **{**DECLARED, "docker_network_mtu": 1390})
    message = f"'back' is there with option com.docker.network.driver.mtu {MTU} instead of 1390, and web would lose it"
    assert message in done.failures["trixie"]
    assert inside("trixie", "back") == MTU


def test_network_that_is_larger_than_the_uplink_is_found() -> None:
    # Nobody said so of these, and they are as large as the engine makes them.
    assert warned() == {name: set() for name in HOSTS}
    for name in HOSTS:
        reach.over_ssh(name).run_expect([0], f"ip link set host0 mtu {UPLINK}")
    try:
        found = warned()
    finally:
        for name in HOSTS:
            reach.over_ssh(name).run_expect([0], "ip link set host0 mtu 1500")
    for name in HOSTS:
        sizes = {"back": MTU, "bridge": MTU, "shop_default": MTU if name in KNOW_DEFAULTS else 1500}
        assert found[name] == {
            f"warning {'bridge' if network == 'bridge' else 'networks'}.uplink_mtu: expected: containers in network "
            f"{network} have at most the MTU of the uplink host0, {UPLINK}; found: {size}: large packets can be lost "
            "on their way"
            for network, size in sizes.items()
        }
