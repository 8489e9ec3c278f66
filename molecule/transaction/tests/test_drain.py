"""A bridge under running containers changes only where they may be stopped for it, and they run as before after it."""

from __future__ import annotations

import json
import shlex
import time
import urllib.request
from collections.abc import Iterator

import pytest
import reach
from conftest import HOSTS, SERVE, Daemon, converge, run

OLD, NEW, OTHER = "172.25.0.1/24", "172.26.0.1/24", "172.27.0.1/24"
# Docker runs healthchecks by /bin/sh, which the image lacks.
LINGER = "/bin/busybox ln -sf busybox /bin/sh; exec /bin/busybox sleep 10000"
CREW = ["database", "web", "sidecar"]
"""In the order of their starts: the sidecar lives in the network of web, which links to the database."""


def _launch(daemon: Daemon, name: str, options: str, words: str = "sleep 10000") -> None:
    daemon.host.run(f"docker rm --force {name}")
    options = f"--detach --name {name} --stop-signal KILL {options}"
    daemon.host.run_expect([0], f"docker run {options} busybox:lab /bin/busybox {words}")


@pytest.fixture(scope="module", autouse=True)
def _crew(daemons: list[Daemon]) -> Iterator[None]:
    """Containers that need each other; the database was started last, after a restart of its own."""
    converge(docker_network_bridge_address=OLD)
    health = "--health-cmd '/bin/busybox true' --health-interval 1s"
    for daemon in daemons:
        _launch(daemon, "database", f"--restart unless-stopped {health}", f"sh -c '{LINGER}'")
        _launch(daemon, "web", "-p 3000:3000 --link database", f"sh -c '{SERVE}'")
        _launch(daemon, "sidecar", "--network container:web --restart on-failure")
        daemon.host.run_expect([0], "docker restart database")
        _healthy(daemon)
    yield
    for daemon in daemons:
        daemon.host.run("docker rm --force database web sidecar stray job")
    # Others begin with what the inventory declares, and docker0 where dockerd puts it when that leaves it to the plan.
    converge(docker_network_bridge_address=None)
    for daemon in daemons:
        daemon.host.run_expect([0], "systemctl stop docker docker.socket && ip link delete docker0")
        daemon.host.run_expect([0], "rm /var/lib/docker/network/files/local-kv.db && systemctl start docker")
    converge()


def _healthy(daemon: Daemon) -> None:
    for _second in range(20):
        if daemon.api("/containers/database/json")["State"]["Health"]["Status"] == "healthy":
            return
        time.sleep(1)
    raise AssertionError(f"{daemon.name}: the database is not healthy")


def _bridge(daemon: Daemon) -> str:
    return str(daemon.host.check_output("ip -4 -brief address show docker0").split()[2])


def _starts(daemon: Daemon) -> list[str]:
    """The crew in the order of its last starts, of those that run."""
    states = {name: daemon.api(f"/containers/{name}/json")["State"] for name in CREW}
    return sorted((name for name in CREW if states[name]["Running"]), key=lambda name: str(states[name]["StartedAt"]))


def _answers(daemon: Daemon) -> bool:
    url = f"http://{reach.declared(daemon.name)['address']}:3000/"
    with urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.read() == b"moored\n")


def _at_work(daemon: Daemon) -> None:
    """All of the crew, and through it the port of web."""
    assert sorted(_starts(daemon)) == sorted(CREW)
    assert _answers(daemon)
    assert not daemon.host.file("/var/lib/mooring/drained.json").exists


def test_bridge_moves_under_containers_that_may_be_stopped(daemons: list[Daemon]) -> None:
    before = {daemon.name: daemon.files() for daemon in daemons}
    refused = run(docker_network_bridge_address=NEW)
    for daemon in daemons:
        for name in CREW:
            assert name in refused.failures[daemon.name]
        assert "docker_network_containers: drain" in refused.failures[daemon.name]
        assert daemon.files() == before[daemon.name]

    variables = {"docker_network_bridge_address": NEW, "docker_network_containers": "drain"}
    planned = run(check=True, **variables)
    for daemon in daemons:
        assert "stops database, web, sidecar before" in planned.steps[daemon.name]["apply"]
        assert daemon.files() == before[daemon.name]

    converge(**variables)
    for daemon in daemons:
        assert _bridge(daemon) == NEW
        assert _starts(daemon) == CREW
        assert daemon.api("/containers/database/json")["State"]["Health"]["Status"] == "healthy"
        _at_work(daemon)
    lives = {daemon.name: daemon.files() for daemon in daemons}
    assert converge(**variables).changed == dict.fromkeys(HOSTS, 0)
    assert {daemon.name: daemon.files() for daemon in daemons} == lives


def test_containers_that_would_not_come_back_are_named_and_nothing_is_touched(daemons: list[Daemon]) -> None:
    daemon = daemons[-1]
    _launch(daemon, "job", "--rm")
    _launch(daemon, "stray", "")
    daemon.host.run_expect([0], "docker pause stray")
    before, crew = daemon.files(), _starts(daemon)
    done = run(limit=daemon.name, docker_network_bridge_address=OTHER, docker_network_containers="drain")
    assert (daemon.files(), _starts(daemon)) == (before, crew)
    daemon.host.run_expect([0], "docker rm --force job stray")
    assert "job is removed when it stops" in done.failures[daemon.name]
    assert "stray is paused" in done.failures[daemon.name]
    _at_work(daemon)


def test_container_that_does_not_start_on_the_new_bridge_takes_it_back(daemons: list[Daemon]) -> None:
    daemon = daemons[-1]
    old = _bridge(daemon)
    # Its port is published on the address that docker0 loses.
    _launch(daemon, "stray", f"-p {old.split('/')[0]}:3001:3001")
    effective = daemon.host.file("/etc/docker/daemon.json").content
    done = run(limit=daemon.name, docker_network_bridge_address=OTHER, docker_network_containers="drain")
    assert "docker start stray" in done.failures[daemon.name]
    assert "The last good state is back and the daemon answers" in done.failures[daemon.name]
    assert _bridge(daemon) == old
    assert daemon.host.file("/etc/docker/daemon.json").content == effective
    assert daemon.api("/containers/stray/json")["State"]["Running"]
    daemon.host.run_expect([0], "docker rm --force stray")
    _at_work(daemon)


KILL = """\
record=/var/lib/mooring/drained.json
until [ -e $record ] && [ "$(docker inspect --format '{{ .State.Running }}' web)" = false ]; do sleep 0.1; done
kill -KILL $(lslocks --noheadings --output PID,PATH | awk '$2 == "/run/mooring-docker.lock" {print $1}')
test -e $record"""


def test_run_that_is_killed_between_is_finished_by_the_next(daemons: list[Daemon]) -> None:
    daemon = daemons[0]
    moved = {"limit": daemon.name, "docker_network_bridge_address": OTHER}
    process = reach.start(reach.command(**moved, docker_network_containers="drain"))
    daemon.host.run_expect([0], f"timeout 120 sh -c {shlex.quote(KILL)}")
    assert process.wait(120) != 0
    # Whatever it says of containers now.
    converge(**moved)
    assert _bridge(daemon) == OTHER
    assert _starts(daemon) == CREW
    _at_work(daemon)


def test_change_that_nobody_confirms_is_taken_back_under_containers(daemons: list[Daemon]) -> None:
    daemon = daemons[-1]
    old, host = _bridge(daemon), reach.managed(daemon.name)
    fragment = json.loads(daemon.host.file("/etc/docker/daemon.d/20-network.json").content_string)
    told = {"fragments": {"20-network": {**fragment, "bip": OTHER}}}
    assert host.ansible("mooring.docker.daemon_config", json.dumps(told), check=False)["changed"]
    done = host.ansible("mooring.docker.daemon_apply", json.dumps({"containers": "drain", "confirm": 5}), check=False)
    assert done["armed"], done
    assert done["drained"] == CREW
    daemon.host.run_expect([0], "timeout 60 sh -c 'until [ -e /var/lib/mooring/confirm/reverted ]; do sleep 0.2; done'")
    assert _bridge(daemon) == old
    assert _starts(daemon) == CREW
    _at_work(daemon)
