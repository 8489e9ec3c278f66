"""What the tests share: declared variables, the image, and certificates that must not open the door."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
import reach


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
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.pem, cert.pem and key.pem of a client of the fleet, made as an operator makes it."""
    directory = tmp_path_factory.mktemp("client")
    subprocess.run(
        ["ansible-playbook", "-i", str(reach.INVENTORY), str(reach.PROJECT / "playbooks" / "client.yml"),
         "-e", f"docker_client_directory={directory} docker_client_cli={reach.docker_cli()}",
         # A lab that was tested before knows another directory by the name of this user.
         "-e", "docker_client_replace=true"],
        check=True, capture_output=True, text=True, cwd=reach.PROJECT,
        env={**os.environ, "DOCKER_CONFIG": str(directory)},
    )  # fmt: skip
    return directory


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with cert.pem and key.pem of a client that another authority vouches for."""
    certificate, _key = forge.self_signed(tmp_path_factory.mktemp("stranger"), "stranger", forge.CLIENT)
    return Path(certificate).parent


@pytest.fixture
def image(host: Any) -> str:
    """An image that needs no registry: the host's static busybox."""
    host.run_expect([0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab")
    return "busybox:lab"


@pytest.fixture
def web(host: Any, image: str) -> Iterator[str]:
    """A container that serves HTTP on port 3000, published on the host's."""
    host.run("docker rm -f web")
    serve = "/bin/busybox mkdir /www; echo moored > /www/index.html; exec /bin/busybox httpd -f -p 3000 -h /www"
    host.run_expect([0], f"docker run -d --name web -p 3000:3000 {image} /bin/busybox sh -c '{serve}'")
    yield "web"
    host.run("docker rm -f web")
