"""An endpoint on loopback takes nothing from a container, which can send packets to 127.0.0.1 by its bridge."""

from __future__ import annotations

import concurrent.futures
from pathlib import Path
from typing import Any

import pytest
import reach
from clients import HOSTS, converge, everywhere

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
    run = "docker run -d --name {} --network {} busybox:lab /bin/busybox sleep 3600"
    everywhere(" && ".join(["docker network create other", *(run.format(*one) for one in NETWORKS.items())]))
    yield
    everywhere(f"docker rm --force {' '.join(NETWORKS)}; docker network rm other")
    converge()


def answered(container: str, address: str) -> dict[str, bool]:
    """Where the daemon answers the container."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = pool.map(lambda name: knock(name, container, address), HOSTS)
        return {name: "ApiVersion" in answer for name, answer in zip(HOSTS, answers)}


@pytest.mark.usefixtures("attackers")
def test_containers_do_not_reach_an_endpoint_on_loopback() -> None:
    nowhere = dict.fromkeys(HOSTS, False)
    assert set(everywhere("sysctl -n net.ipv4.conf.docker0.route_localnet").values()) == {"1"}
    # The control: the host itself reaches it.
    everywhere("docker --host tcp://127.0.0.1:2375 version")
    for container in NETWORKS:
        assert answered(container, "127.0.0.1") == nowhere
        assert answered(container, "::1") == nowhere
    try:
        everywhere("nft delete table inet mooring_endpoint")
        # The control: without the filter each of them is root on the host.
        for container in NETWORKS:
            assert answered(container, "127.0.0.1") == dict.fromkeys(HOSTS, True)
    finally:
        everywhere("systemctl restart mooring-nftables")
    assert answered("attacker", "127.0.0.1") == nowhere
