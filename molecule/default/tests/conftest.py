"""What the tests share: the demo with its client, the image, and certificates that must not open the door."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forge
import pytest
import reach

HOSTS = ["bookworm", "trixie", "forky"]
_IMAGE = "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
LAN = "192.0.2.0/24"


@pytest.fixture(scope="module")
def name(_testinfra_host: Any) -> str:
    """The host's name in the inventory."""
    return str(_testinfra_host.backend.host)


@pytest.fixture(scope="module")
def host(name: str) -> Any:
    """The host over SSH, for commands."""
    return reach.over_ssh(name)


@pytest.fixture(scope="module")
def declared(name: str) -> dict[str, Any]:
    """What the inventory declares for this host, as the roles see it."""
    return reach.declared(name)


@pytest.fixture(scope="session")
def neighbour() -> Any:
    """Another machine of the network, where clients come from."""
    return reach.over_ssh("bookworm")


@pytest.fixture(scope="session")
def trixie() -> Iterator[Any]:
    """A host with a container on docker0 that publishes a port, and one on a macvlan network."""
    host = reach.over_ssh("trixie")
    host.run_expect([0], _IMAGE)
    sleep = "busybox:lab /bin/busybox sleep 100000"
    try:
        host.run_expect([0], f"docker run -d --name front -p 3001:3000 {sleep}")
        host.run_expect([0], f"docker network create -d macvlan -o parent=host0 --subnet {LAN} lan")
        host.run_expect([0], f"docker run -d --name beside --network lan {sleep}")
        yield host
    finally:
        host.run("docker rm -f front beside; docker network rm lan")


@dataclass(frozen=True)
class Demo:
    """What ``make demo`` printed, and the directory of its client, with its certificate, contexts and report."""

    output: str
    client: Path


@pytest.fixture(scope="session")
def demo(trixie: Any) -> Demo:
    """``make demo`` on the hosts of this scenario, as an operator runs it, and with more to draw on one of them.

    The output of its playbooks is JSON.
    """
    done = subprocess.run(
        ["make", "demo"],
        cwd=reach.PROJECT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Demo(done.stdout, Path(reach.declared("trixie")["state"]) / "client")


@pytest.fixture(scope="session")
def client(demo: Demo) -> Path:
    """A directory with ca.pem, cert.pem and key.pem of a client of the fleet, made as an operator makes it."""
    return demo.client


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with cert.pem and key.pem of a client that another authority vouches for."""
    certificate, _key = forge.self_signed(tmp_path_factory.mktemp("stranger"), "stranger", forge.CLIENT)
    return Path(certificate).parent


@pytest.fixture(scope="module")
def image(host: Any) -> str:
    """An image that needs no registry: the host's static busybox."""
    host.run_expect([0], _IMAGE)
    return "busybox:lab"


@pytest.fixture(scope="module")
def web(demo: Demo, host: Any) -> str:
    """The container of the demo, which serves HTTP on port 3000, published on the host's."""
    assert host.check_output("docker inspect --format '{{ .State.Running }}' web") == "true"
    return "web"
