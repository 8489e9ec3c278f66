"""What passes every check and fails at the start is taken back: the daemon answers, containers never noticed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import reach
from conftest import HOSTS, Daemon

pytestmark = pytest.mark.usefixtures("web", "squatter", "routes")


@pytest.fixture(scope="module", autouse=True)
def _inventory() -> None:
    assert reach.run().status == 0


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
    "no such storage driver": ({"docker_engine_options": {"storage-driver": "zfs"}}, "zfs"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_fault_is_taken_back(daemons: list[Daemon], fault: str) -> None:
    variables, cause = FAULTS[fault]
    _taken_back(daemons, variables, cause)


def test_exhausted_pools_are_taken_back(daemons: list[Daemon]) -> None:
    """docker0 is still to be made, and the pools have no room for it."""
    for daemon in daemons:
        daemon.host.run_expect([0], "docker rm --force web")
    variables = {
        "docker_network_pools": [{"base": "10.99.0.0/16", "size": 24}],
        "docker_network_bridge_address": None,
        "docker_network_check_addresses": False,
        "docker_network_networks": [],
    }
    _taken_back(daemons, variables, "pool", containers=False)


def _taken_back(daemons: list[Daemon], variables: dict[str, Any], cause: str, containers: bool = True) -> None:
    files = {daemon.name: _effective(daemon) for daemon in daemons}
    pids = {daemon.name: daemon.container_pid() for daemon in daemons} if containers else {}
    done = reach.run(**variables)
    ended = time.time()
    for daemon in daemons:
        message = done.failures[daemon.name]
        assert cause in message, message
        assert "The last good state is back and the daemon answers" in message
        assert daemon.info()["Name"] == daemon.name
        assert _effective(daemon) == files[daemon.name]
        assert _silence(daemon, ended) < 30
    if containers:
        assert {daemon.name: daemon.container_pid() for daemon in daemons} == pids
    again = reach.run()
    assert again.status == 0, again.failures
    assert again.changed == dict.fromkeys(HOSTS, 0)


def _effective(daemon: Daemon) -> str:
    return str(daemon.host.check_output("cat /etc/docker/daemon.json /etc/systemd/system/docker.*.d/50-mooring.conf"))


def _silence(daemon: Daemon, ended: float) -> float:
    """Seconds from the daemon's last stop to its last start, by the journal."""
    line = "journalctl --quiet --output short-unix _PID=1 UNIT=docker.service --since=@%s | cut -d' ' -f1"
    stamps = [float(text) for text in daemon.host.check_output(line, str(int(ended - 60))).splitlines()]
    return stamps[-1] - stamps[0]
