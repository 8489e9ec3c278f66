"""A controller behind a router, hosts whose way to it leads by their gateway alone, and hosts without an engine."""

from __future__ import annotations

import concurrent.futures
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import reach

from lab import identity, router

BEHIND = "172.17.5.5"
"""The controller, in the range where dockerd puts docker0 when it is told nothing."""
LAB = identity.identify(reach.INVENTORY, os.environ)


class Controller:
    """The machine behind the router. What Ansible runs there is the checkout's, as on this machine."""

    def __init__(self, way: router.Router) -> None:
        self.way = way

    def reached(self, *names: str) -> list[str]:
        """Which of the hosts are reached from there, tried at the same time."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return [name for name, reached in zip(names, pool.map(self.reaches, names)) if reached]

    def reaches(self, name: str) -> bool:
        """Whether a new connection to a host comes up, within the seconds that a person would wait."""
        host = reach.declared(name)
        # The shared connections are this machine's, not the controller's.
        words = ["ssh", "-F", "none", "-S", "none", "-i", host["key"], *host["options"].split()]
        words += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
        done = subprocess.run(
            [*self.way.command, *words, f"{host['user']}@{host['address']}", "true"], capture_output=True, check=False
        )
        return done.returncode == 0

    def run(self, limit: str, **variables: Any) -> reach.Run:
        """The site's playbook on these hosts, run from there."""
        # All hosts have the same options.
        options = re.sub(r"ControlPath=\S+", "ControlPath=none", reach.declared("trixie")["options"])
        return reach.run(limit=limit, prefix=self.way.command, ansible_ssh_common_args=options, **variables)


def _lead_by(host: Any, gateway: Any) -> None:
    host.run_expect([0], f"ip route replace default via {gateway}")


@pytest.fixture
def behind_router() -> Iterator[Controller]:
    """A controller in 172.17.0.0/16, to which the hosts know no route but the default one."""
    hosts = [reach.over_ssh(name) for name in ("trixie", "forky")]
    with router.built(LAB, f"{BEHIND}/24") as way:
        try:
            for host in hosts:
                _lead_by(host, way.address)
            yield Controller(way)
        finally:
            for host in hosts:
                _lead_by(host, LAB.gateway)


_FORGET = (
    "rm -rf /etc/docker /var/lib/docker /var/lib/mooring /etc/systemd/system/docker.s*; systemctl daemon-reload;"
    " ! ip link show docker0 || ip link delete docker0"
)


def without_engine(name: str) -> Any:
    """The host, bare."""
    host = reach.over_ssh(name)
    host.run_expect([0], f"apt-get purge --yes docker.io containerd runc; {_FORGET}")
    return host


def never_started(name: str) -> Any:
    """The host with the engine's packages, as if its daemon had never run."""
    host = reach.over_ssh(name)
    host.run_expect([0], "systemctl disable --now docker.socket docker.service")
    host.run_expect([0], f"{_FORGET}; systemctl reset-failed")
    return host


def docker0(host: Any) -> str:
    """docker0's network as the kernel has it."""
    return str(host.check_output("ip -4 -brief address show docker0").split()[2])
