"""An endpoint on loopback takes nothing from a container, which can send packets to 127.0.0.1 by its bridge."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path
from typing import Any

import pytest
import reach
from conftest import HOSTS, converge

LOOPBACK = {
    "docker_engine_endpoints": ["unix:///run/docker.sock", "tcp://127.0.0.1:2375"],
    "docker_engine_tls": False,
    "docker_engine_plaintext_loopback": True,
    # dockerd then has the kernel take packets to 127.0.0.0/8 from its bridges (route_localnet).
    "docker_network_userland_proxy": False,
}
NETWORKS = {"attacker": "bridge", "neighbour": "other"}
# Nobody, with the one capability that each container has.
_AS = "setpriv --reuid 65534 --regid 65534 --clear-groups" + "".join(
    f" --{kind} -all,+net_raw" for kind in ("bounding-set", "inh-caps", "ambient-caps")
)


_SCRIPT = (Path(__file__).parent / "knock.py").read_text()


def knock(name: str, container: str, address: str) -> str:
    """What comes back to a container that asks a port of the host by frames that it made itself."""
    host = reach.over_ssh(name)
    what = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    pid, bridge = host.check_output("docker inspect --format %s %s", what, container).split()
    line = f"nsenter --target {pid} --net {_AS} python3 -c %s {bridge} {address} 2375"
    return str(host.run(line, _SCRIPT).stdout)


@pytest.fixture(scope="module")
def attackers(fleet: None) -> Any:
    """Containers on docker0 and on a network of their own, on every host."""
    converge(**LOOPBACK)
    for name in HOSTS:
        host = reach.over_ssh(name)
        host.run_expect([0], "docker network create other")
        for container, network in NETWORKS.items():
            run = f"docker run -d --name {container} --network {network} busybox:lab /bin/busybox sleep 3600"
            host.run_expect([0], run)
    yield
    for name in HOSTS:
        reach.over_ssh(name).run_expect([0], f"docker rm --force {' '.join(NETWORKS)}; docker network rm other")
    converge()


def everywhere(container: str, address: str) -> dict[str, bool]:
    """Where the daemon answers the container."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = pool.map(lambda name: knock(name, container, address), HOSTS)
        return {name: "ApiVersion" in answer for name, answer in zip(HOSTS, answers)}


@pytest.mark.usefixtures("attackers")
def test_containers_do_not_reach_an_endpoint_on_loopback() -> None:
    nowhere = dict.fromkeys(HOSTS, False)
    for name in HOSTS:
        host = reach.over_ssh(name)
        assert host.check_output("sysctl -n net.ipv4.conf.docker0.route_localnet") == "1"
        # The control: the host itself reaches it.
        host.run_expect([0], "docker --host tcp://127.0.0.1:2375 version")
    for container in NETWORKS:
        assert everywhere(container, "127.0.0.1") == nowhere
        assert everywhere(container, "::1") == nowhere
    try:
        for name in HOSTS:
            reach.over_ssh(name).run_expect([0], "nft delete table inet mooring_endpoint")
        # The control: without the filter each of them is root on the host.
        for container in NETWORKS:
            assert everywhere(container, "127.0.0.1") == dict.fromkeys(HOSTS, True)
    finally:
        for name in HOSTS:
            reach.over_ssh(name).run_expect([0], "systemctl restart mooring-nftables")
    assert everywhere("attacker", "127.0.0.1") == nowhere
