"""A host with the newest engine, this machine, who may reach its containers, and a stranger, who may not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import reach

from lab import archives, identity, shell

NAME = "newest"
NEWEST = reach.PROJECT / "molecule/backends/newest"
LAB = identity.identify(NEWEST, os.environ)
PORT = 3000
_SERVE = "mkdir /www; echo moored > /www/index.html; exec /bin/busybox httpd -f -p 80 -h /www"
IMAGE = "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"


def run(playbook: str = "site", **variables: Any) -> reach.Run:
    return reach.run(playbook, inventory=NEWEST, **variables)


def converge(**variables: Any) -> reach.Run:
    """A run that must succeed."""
    done = run(**variables)
    assert done.status == 0, "\n".join(done.failures.values()) or done.output
    return done


@pytest.fixture(scope="session")
def host() -> Iterator[Any]:
    """The host, bare; its lab has a network of its own."""
    if not archives.archives():
        pytest.skip(archives.WHY_NONE)
    lab = ["python", "-m", "lab"]
    try:
        subprocess.run([*lab, "up", str(NEWEST)], cwd=reach.PROJECT, check=True)
        yield reach.over_ssh(NAME, NEWEST)
    finally:
        subprocess.run([*lab, "down", str(NEWEST)], cwd=reach.PROJECT, check=True)


@pytest.fixture(scope="session")
def web(host: Any) -> Any:
    """The host with a container that serves HTTP, and publishes it for IPv4 and IPv6."""
    converge()
    host.run_expect([0], IMAGE)
    start = f"docker run -d --name web --stop-timeout 1 -p {PORT}:80 busybox:lab"
    host.run_expect([0], f"{start} /bin/busybox sh -c '/bin/busybox {_SERVE}'")
    return host


@pytest.fixture(scope="session")
def stranger(host: Any) -> Iterator[list[str]]:
    """What to put before a command that a stranger in the host's network runs."""
    namespace, cable = f"stranger-{LAB.id}", f"vs-{LAB.id}"
    shell.run("ip", "netns", "add", namespace)
    try:
        shell.run("ip", "link", "add", cable, "type", "veth", "peer", "name", "lab", "netns", namespace)
        shell.run("ip", "link", "set", cable, "master", LAB.bridge, "up")
        shell.run("ip", "-n", namespace, "address", "add", f"{LAB.address(200)}/24", "dev", "lab")
        shell.run("ip", "-n", namespace, "address", "add", f"{LAB.address6(200)}/64", "dev", "lab", "nodad")
        shell.run("ip", "-n", namespace, "link", "set", "lab", "up")
        yield ["ip", "netns", "exec", namespace]
    finally:
        shell.run("ip", "netns", "delete", namespace)
