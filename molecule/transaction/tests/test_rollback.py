"""What passes every check and fails at the start is taken back: the daemon answers, containers never noticed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import reach
from conftest import SERVE, Daemon, converge, run

BOTH = ["bookworm", "forky"]
"""The oldest engine and the newest."""
OTHER = "trixie"
"""A host for faults that are the same on all engines."""
HOSTS = ",".join([*BOTH, OTHER])
TAKEN, SILENT = 2399, 2398
"""Ports: of another process, and one at which the host's own filter keeps everybody out."""
BACK = "The last good state is back and the daemon answers"

# The last good state is without live-restore: what keeps containers on the way there must keep them on the way back.
GOOD = {"limit": HOSTS, "docker_engine_live_restore": False}
POOLS = [{"base": "172.31.0.0/16", "size": 24}]
"""Those of the inventory."""

# Another hand at daemon.json, just before dockerd reads it.
MEDDLER = """[Service]
ExecStartPre=/bin/sed -i 's/"local"/"journald"/' /etc/docker/daemon.json
"""
_MEDDLER_FILE = "/etc/systemd/system/docker.service.d/10-meddler.conf"


@pytest.fixture(scope="module")
def daemons() -> list[Daemon]:
    """dockerd of all three hosts."""
    found = [Daemon(name) for name in (*BOTH, OTHER)]
    for one in found:
        one.host.run_expect(
            [0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        )
    return found


@pytest.fixture(scope="module", autouse=True)
def _surroundings(daemons: list[Daemon]) -> Iterator[None]:
    """A web server on each host; another process on a port, a filter at another, a way to all of a pool."""
    for daemon in daemons:
        daemon.host.run_expect([0], "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force")
    converge(**GOOD)
    for daemon in daemons:
        daemon.host.run_expect([0], f"docker run -d --name web -p 3000:3000 busybox:lab /bin/busybox sh -c '{SERVE}'")
        daemon.host.run_expect([0], f"systemd-run --unit squatter python3 -m http.server {TAKEN}")
        daemon.host.run_expect([0], "ip route add 10.99.0.0/16 dev host0")
        daemon.host.run_expect([0], f"iptables --insert INPUT --protocol tcp --dport {SILENT} --jump DROP")
    yield
    for daemon in daemons:
        daemon.host.run("systemctl stop squatter")
        daemon.host.run("ip route del 10.99.0.0/16 dev host0")
        daemon.host.run(f"iptables --delete INPUT --protocol tcp --dport {SILENT} --jump DROP")
        daemon.host.run(f"rm {_MEDDLER_FILE} && systemctl daemon-reload")
        daemon.host.run("docker rm --force web")


def test_fault_is_taken_back(daemons: list[Daemon]) -> None:
    """A daemon that does not start, and one that starts and answers on one endpoint only; both have live-restore."""
    endpoints = {name: ["fd://", f"tcp://0.0.0.0:{SILENT if name == OTHER else TAKEN}"] for name in (*BOTH, OTHER)}
    pids = {daemon.name: daemon.container_pid() for daemon in daemons}
    _taken_back(
        daemons,
        {**dict.fromkeys(BOTH, str(TAKEN)), OTHER: rf"failed: tcp 127.0.0.1 port {SILENT} does not answer"},
        docker_engine_endpoints=reach.by_host(endpoints),
        docker_engine_timeout=reach.by_host({OTHER: 15}),
    )
    assert {daemon.name: daemon.container_pid() for daemon in daemons} == pids
    assert converge(**GOOD).changed == dict.fromkeys((*BOTH, OTHER), 0)


def test_daemon_that_runs_otherwise_than_declared_is_taken_back(daemons: list[Daemon]) -> None:
    """docker0 is still to be made, and the pools have no room for it; or a setting is not the one declared."""
    *both, other = daemons
    for daemon in both:
        daemon.host.run_expect([0], "docker rm --force web && systemctl stop docker docker.socket")
        daemon.host.run_expect([0], "ip link delete docker0; rm /var/lib/docker/network/files/local-kv.db")
    other.host.run_expect([0], "printf %s %s > %s && systemctl daemon-reload", "%s", MEDDLER, _MEDDLER_FILE)
    pid = other.container_pid()
    exhausted = "no available network|fully subnetted|could not find an available"
    pools = {name: POOLS if name == OTHER else [{"base": "10.99.0.0/16", "size": 24}] for name in (*BOTH, OTHER)}
    _taken_back(
        daemons,
        {**dict.fromkeys(BOTH, exhausted), OTHER: 'dockerd ignored log-driver is "journald", declared "local"'},
        docker_engine_options=reach.by_host({OTHER: {"log-driver": "local"}}),
        docker_network_pools=reach.by_host(pools),
        docker_network_bridge_address=reach.by_host({**dict.fromkeys(BOTH), OTHER: "auto"}),
        docker_network_check_addresses=reach.by_host({**dict.fromkeys(BOTH, False), OTHER: True}),
        docker_network_networks=[],
    )
    assert other.container_pid() == pid
    assert other.info()["LoggingDriver"] == "json-file"


def _taken_back(daemons: list[Daemon], causes: dict[str, str], **variables: Any) -> None:
    """A run that fails on each host of its cause, and leaves each daemon answering with the files of before."""
    files = {daemon.name: _effective(daemon) for daemon in daemons}
    began = {daemon.name: daemon.host.check_output("date +%s.%N") for daemon in daemons}
    done = run(limit=HOSTS, **variables)
    assert set(done.failures) == set(causes), done.output
    for daemon in daemons:
        message = done.failures[daemon.name]
        assert re.search(causes[daemon.name], message), message
        assert BACK in message
        assert daemon.info()["Name"] == daemon.name
        assert _effective(daemon) == files[daemon.name]
        assert 0 < _silence(daemon, began[daemon.name]) < 30


def _effective(daemon: Daemon) -> str:
    return str(daemon.host.check_output("cat /etc/docker/daemon.json /etc/systemd/system/docker.*.d/50-mooring.conf"))


def _silence(daemon: Daemon, began: str) -> float:
    """Seconds from the daemon's first stop since ``began`` to its last start, by the journal."""
    line = "journalctl --quiet --output short-unix _PID=1 UNIT=docker.service --since=@%s | cut -d' ' -f1"
    stamps = [float(text) for text in daemon.host.check_output(line, began).splitlines()]
    print(f"{daemon.name}: {stamps[-1] - stamps[0]:.1f} s until it answered again")
    return stamps[-1] - stamps[0]
