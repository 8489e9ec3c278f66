"""Hosts that the version before the plan has provisioned, with this machine as a client that it has made."""

from __future__ import annotations

import ipaddress
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reach
from docker_client import DockerClient

HOSTS = ["bookworm", "trixie", "forky"]
VERSION = "433b3067776a6f82e13dd79f0f4f89a5dbd1b4b8"
"""The last commit that decided in its roles, without a plan."""

ADOPTED = "bookworm"
"""The host on which an operator had configured the daemon before."""
WRITTEN = '{"log-driver": "local",\n\t"labels": ["by=hand"]}\n'
"""How, to the byte."""

USER = "deploy"
POOLS = [{"base": "172.31.0.0/16", "size": 24}]


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout of the older version."""
    tree = tmp_path_factory.mktemp("older") / "ansible_collections" / "mooring" / "docker"
    tree.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", VERSION], cwd=reach.PROJECT, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.fail(
            f"commit {VERSION}, which provisions the hosts of this test, cannot be read: "
            f"{archive.stderr.decode().strip()}. A shallow clone lacks it: git fetch --unshallow"
        )
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    return tree


class Client(DockerClient):
    """One with an SSH key and an SSH configuration too."""

    @property
    def variables(self) -> dict[str, Any]:
        """The role's variables for it."""
        return {
            **super().variables,
            "docker_client_ssh_key": True,
            "docker_client_ssh_config": str(self.directory / "config"),
        }

    def docker(self, *words: str) -> str:
        """What the CLI says, standard error included."""
        program = self.directory / "bin" / "ssh"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {self.directory}/config "$@"\n')
        program.chmod(0o755)
        line = [reach.docker_cli(), "--config", str(self.directory), *words]
        environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
        return (done.stdout + done.stderr).strip()


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """This machine, with an SSH key that the hosts are to know."""
    found = Client(tmp_path_factory.mktemp("laptop"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", found.directory / "id_ed25519"], check=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DOCKER_CONFIG", str(found.directory))
        yield found


@pytest.fixture(scope="session")
def declaration(client: Client) -> dict[str, Any]:
    """Something of everything that leaves a trace on a host."""
    variables = reach.declared("trixie")
    lab = [
        str(ipaddress.ip_network(f"{variables[key]}/{length}", strict=False))
        for key, length in (("address", 24), ("address6", 64))
    ]
    return {
        "docker_engine_endpoints": ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"],
        "docker_engine_allowed_clients": lab,
        "docker_engine_ssh_clients": {"laptop": (client.directory / "id_ed25519.pub").read_text()},
        "docker_engine_users": [USER],
        "docker_engine_options": {"max-concurrent-downloads": 5, "log-opts": {"max-size": "10m"}},
        "docker_network_pools": POOLS,
        # The older version applied it to docker0 alone, and this one to all networks.
        "docker_network_mtu": None,
        "docker_network_published": {"allow": [{"sources": lab, "ports": [3000]}]},
        "docker_network_networks": [{"name": "backend", "ranges": [{"subnet": "172.30.8.0/24"}]}],
        "docker_network_sysctls": {"net.core.somaxconn": 1024},
    }


@pytest.fixture(scope="session", autouse=True)
def provisioned(older: Path, client: Client, declaration: dict[str, Any]) -> None:
    """All hosts, by the older version, with containers that run; this machine is their client."""
    for name in HOSTS:
        reach.over_ssh(name).run_expect([0], f"id {USER} || useradd --no-create-home {USER}")
    reach.over_ssh(ADOPTED).run_expect(
        [0],
        "mkdir -p /etc/docker; test -e /etc/docker/daemon.json || printf %s %s > /etc/docker/daemon.json",
        "%s",
        WRITTEN,
    )
    # A lab that was tested before knows another machine by that name.
    joining = {**declaration, **client.variables, "docker_client_replace": True}
    for playbook, variables in (("site", declaration), ("client", joining)):
        done = reach.run(playbook, checkout=older, **variables)
        assert done.status == 0, done.failures or done.output
        # It is the older version's code that has run, and no other.
        assert done.paths
        assert all(path.is_relative_to(older) for path in done.paths), done.paths
    for name in HOSTS:
        host = reach.over_ssh(name)
        image = "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        host.run_expect([0], image)
        for container, options in (("web", "-p 3000:3000"), ("worker", "--network backend")):
            host.run(f"docker rm --force {container}")
            line = f"docker run -d --name {container} {options} busybox:lab /bin/busybox sleep 100000"
            host.run_expect([0], line)


def files(name: str) -> str:
    """All that either version has written on a host, to the byte, and what is loaded of it."""
    return str(
        reach.over_ssh(name).check_output(
            "find /etc/docker /etc/mooring /etc/systemd/system /etc/ssh/sshd_config.d /etc/sysctl.d /etc/modules-load.d"
            " /etc/passwd /etc/group /etc/gshadow /var/lib/mooring /var/lib/mooring-ssh"
            " ! -type d ! -path '*/confirm/*' -printf '%p %l %m %u %g\\n' -type f -exec sha256sum {} + | sort;"
            " nft list tables | grep mooring | while read -r table; do nft -s list $table; done;"
            " sysctl net.core.somaxconn; ip -brief address show docker0; docker network ls --no-trunc;"
            " dpkg-query --show"
        )
    )


def containers(name: str) -> str:
    """The processes of the containers of a host."""
    return str(
        reach.over_ssh(name).check_output("docker inspect --format '{{.Name}} {{.State.Pid}}' $(docker ps --quiet)")
    )


def daemon(name: str) -> str:
    """The process of dockerd, which must run."""
    found = str(reach.over_ssh(name).check_output("systemctl show docker --property MainPID"))
    assert found != "MainPID=0", f"{name}: no daemon runs"
    return found
