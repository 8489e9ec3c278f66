"""What passes every check and fails at the start is taken back: the daemon answers, containers never noticed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import HOSTS, Daemon, converge, run

pytestmark = pytest.mark.usefixtures("web", "squatter", "routes")


@pytest.fixture(scope="module", autouse=True)
def _inventory() -> None:
    converge()


@pytest.fixture
def squatter(daemons: list[Daemon]) -> Iterator[None]:
    """Another process on a port."""
    for daemon in daemons:
        daemon.host.run_expect([0], "systemd-run --unit squatter python3 -m http.server 2399")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "systemctl stop squatter")


@pytest.fixture
def routes(daemons: list[Daemon]) -> Iterator[None]:
    """A way to everything that a pool has."""
    for daemon in daemons:
        daemon.host.run_expect([0], "ip route add 10.99.0.0/16 dev host0")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "ip route del 10.99.0.0/16 dev host0")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "port taken": ({"docker_engine_endpoints": ["fd://", "tcp://0.0.0.0:2399"]}, "2399"),
    "no such storage driver": ({"docker_engine_options": {"storage-driver": "zfs"}}, "initializing graphdriver"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_fault_is_taken_back(daemons: list[Daemon], fault: str) -> None:
    variables, cause = FAULTS[fault]
    _taken_back(daemons, variables, cause)


def test_exhausted_pools_are_taken_back(daemons: list[Daemon]) -> None:
    """docker0 is still to be made, and the pools have no room for it."""
    for daemon in daemons:
        daemon.host.run_expect([0], "docker rm --force web && systemctl stop docker docker.socket")
        daemon.host.run_expect([0], "ip link delete docker0; rm /var/lib/docker/network/files/local-kv.db")
    variables = {
        "docker_network_pools": [{"base": "10.99.0.0/16", "size": 24}],
        "docker_network_bridge_address": None,
        "docker_network_check_addresses": False,
        "docker_network_networks": [],
    }
    _taken_back(
        daemons, variables, "no available network|fully subnetted|could not find an available", containers=False
    )
    # The declared networks went with local-kv.db.
    converge()


def _taken_back(daemons: list[Daemon], variables: dict[str, Any], cause: str, containers: bool = True) -> None:
    files = {daemon.name: _effective(daemon) for daemon in daemons}
    pids = {daemon.name: daemon.container_pid() for daemon in daemons} if containers else {}
    began = {daemon.name: daemon.host.check_output("date +%s.%N") for daemon in daemons}
    done = run(**variables)
    for daemon in daemons:
        message = done.failures[daemon.name]
        assert re.search(cause, message), message
        assert "The last good state is back and the daemon answers" in message
        assert daemon.info()["Name"] == daemon.name
        assert _effective(daemon) == files[daemon.name]
        assert 0 < _silence(daemon, began[daemon.name]) < 30
    if containers:
        assert {daemon.name: daemon.container_pid() for daemon in daemons} == pids
        assert converge().changed == dict.fromkeys(HOSTS, 0)


def _effective(daemon: Daemon) -> str:
    return str(daemon.host.check_output("cat /etc/docker/daemon.json /etc/systemd/system/docker.*.d/50-mooring.conf"))


def _silence(daemon: Daemon, began: str) -> float:
    """Seconds from the daemon's first stop since ``began`` to its last start, by the journal."""
    line = "journalctl --quiet --output short-unix _PID=1 UNIT=docker.service --since=@%s | cut -d' ' -f1"
    stamps = [float(text) for text in daemon.host.check_output(line, began).splitlines()]
    print(f"{daemon.name}: {stamps[-1] - stamps[0]:.1f} s until it answered again")
    return stamps[-1] - stamps[0]
