"""A bridge under running containers changes only where they may be stopped for it, and they run as before after it."""

from __future__ import annotations

import json
import shlex
import urllib.request
from datetime import datetime

import pytest
import reach
from conftest import HOSTS, SERVE, Daemon, converge, run

NEW, OTHER = "172.26.0.1/24", "172.27.0.1/24"
# Docker runs healthchecks by /bin/sh, which the image lacks.
LINGER = "/bin/busybox ln -sf busybox /bin/sh; exec /bin/busybox sleep 10000"
CREW = ["database", "web", "sidecar"]
"""In the order of their starts: the sidecar lives in the network of web, which links to the database."""


def _launch(daemon: Daemon, name: str, options: str, words: str = "sleep 10000") -> None:
    daemon.host.run(f"docker rm --force {name}")
    options = f"--detach --name {name} --stop-signal KILL {options}"
    daemon.host.run_expect([0], f"docker run {options} busybox:lab /bin/busybox {words}")


def _check(command: str) -> str:
    """Options for a container with a healthcheck whose first word counts."""
    return f"--health-cmd {shlex.quote('/bin/busybox ' + command)} --health-interval 1s --health-retries 1"


@pytest.fixture(scope="module", autouse=True)
def old(inventory: None, daemons: list[Daemon]) -> dict[str, str]:
    """Where docker0 is on each host, under containers that need each other.

    The database was started last, after a restart of its own.
    """
    for daemon in daemons:
        _launch(daemon, "database", f"--restart unless-stopped {_check('true')}", f"sh -c '{LINGER}'")
        _launch(daemon, "web", "-p 3000:3000 --link database", f"sh -c '{SERVE}'")
        _launch(daemon, "sidecar", "--network container:web --restart on-failure")
        daemon.host.run_expect([0], "docker restart database")
        _await_health(daemon, "database")
    return {daemon.name: _bridge(daemon) for daemon in daemons}


def _await_health(daemon: Daemon, container: str) -> None:
    healthy = "docker inspect --format '{{ .State.Health.Status }}' " + container + " | grep --line-regexp healthy"
    daemon.host.run_expect([0], f"timeout 30 sh -c {shlex.quote(f'until {healthy}; do sleep 0.3; done')}")


def _bridge(daemon: Daemon) -> str:
    return str(daemon.host.check_output("ip -4 -brief address show docker0").split()[2])


def _starts(daemon: Daemon) -> list[str]:
    """The crew in the order of its last starts, of those that run."""
    states = {one["Name"].lstrip("/"): one["State"] for one in daemon.inspect(*CREW)}
    # Go leaves out the zeros at the end of a second's fraction, so the texts do not compare.
    moments = {datetime.fromisoformat(state["StartedAt"]): name for name, state in states.items() if state["Running"]}
    return [moments[moment] for moment in sorted(moments)]


def _answers(daemon: Daemon) -> bool:
    url = f"http://{reach.declared(daemon.name)['address']}:3000/"
    with urllib.request.urlopen(url, timeout=5) as response:
        return bool(response.read() == b"moored\n")


def _at_work(daemon: Daemon) -> None:
    """All of the crew, and through it the port of web."""
    assert sorted(_starts(daemon)) == sorted(CREW)
    assert _answers(daemon)
    assert not daemon.host.file("/var/lib/mooring/drained.json").exists


def test_bridge_that_containers_hold_is_left_where_they_may_not_be_stopped_or_would_not_come_back(
    daemons: list[Daemon],
) -> None:
    """On one host nothing allows to stop them, though a restart is allowed; on another, two would not come back."""
    first, last = daemons[0], daemons[-1]
    _launch(last, "job", "--rm")
    _launch(last, "stray", "")
    last.host.run_expect([0], "docker pause stray")
    before = {daemon.name: (daemon.files(), _starts(daemon)) for daemon in (first, last)}
    done = run(
        limit=f"{first.name},{last.name}",
        docker_network_bridge_address=NEW,
        docker_engine_restart="when_needed",
        docker_network_containers=reach.by_host({last.name: "drain"}),
    )
    assert {daemon.name: (daemon.files(), _starts(daemon)) for daemon in (first, last)} == before
    last.host.run_expect([0], "docker rm --force job stray")
    for word in ("leaves bip", *CREW, "docker_network_containers: drain"):
        assert word in done.failures[first.name]
    assert "job is removed when it stops" in done.failures[last.name]
    assert "stray is paused" in done.failures[last.name]


def test_bridge_moves_under_containers_that_may_be_stopped(daemons: list[Daemon]) -> None:
    variables = {"docker_network_bridge_address": NEW, "docker_network_containers": "drain"}
    before = daemons[-1].files()
    planned = run(limit=daemons[-1].name, check=True, **variables)
    assert "stops database, web, sidecar before" in planned.steps[daemons[-1].name]["apply"]
    assert daemons[-1].files() == before

    converge(**variables)
    for daemon in daemons:
        assert _bridge(daemon) == NEW
        assert _starts(daemon) == CREW
        assert daemon.state("database")["Health"]["Status"] == "healthy"
        _at_work(daemon)
    lives = {daemon.name: daemon.files() for daemon in daemons}
    assert converge(**variables).changed == dict.fromkeys(HOSTS, 0)
    assert {daemon.name: daemon.files() for daemon in daemons} == lives


def test_container_that_is_not_well_on_the_new_bridge_takes_it_back(daemons: list[Daemon]) -> None:
    """On one host it does not start, on another it turns unhealthy."""
    first, last = daemons[0], daemons[-1]
    before = {daemon.name: (_bridge(daemon), daemon.effective()) for daemon in (first, last)}
    gateway = before[first.name][0].split("/")[0]
    _launch(first, "stray", _check(f"ip route | /bin/busybox grep -qw {gateway}"), f"sh -c '{LINGER}'")
    _await_health(first, "stray")
    starts = first.starts()
    # Its port is published on the address that docker0 loses.
    _launch(last, "stray", f"-p {before[last.name][0].split('/')[0]}:3001:3001")
    done = run(
        limit=f"{first.name},{last.name}", docker_network_bridge_address=OTHER, docker_network_containers="drain"
    )
    assert "stray was healthy and is unhealthy" in done.failures[first.name]
    assert "docker start stray" in done.failures[last.name]
    for daemon in (first, last):
        assert "The last good state is back and the daemon answers" in done.failures[daemon.name]
        assert (_bridge(daemon), daemon.effective()) == before[daemon.name]
        assert daemon.state("stray")["Running"]
    assert first.state("stray")["Health"]["Status"] == "healthy"
    assert first.starts() == starts + 2, "one to try it and one to go back"
    for daemon in (first, last):
        daemon.host.run_expect([0], "docker rm --force stray")
        _at_work(daemon)


KILL = """\
record=/var/lib/mooring/drained.json
until [ -e $record ] && [ "$(docker inspect --format '{{ .State.Running }}' web)" = false ]; do sleep 0.1; done
kill -KILL $(lslocks --noheadings --output PID,PATH | awk '$2 == "/run/mooring-docker.lock" {print $1}')
test -e $record"""


def test_run_that_is_killed_between_is_finished_by_the_next(daemons: list[Daemon], old: dict[str, str]) -> None:
    daemon = daemons[0]
    moved = {"limit": daemon.name, "docker_network_bridge_address": old[daemon.name]}
    process = reach.start(reach.command(**moved, docker_network_containers="drain"))
    daemon.host.run_expect([0], f"timeout 120 sh -c {shlex.quote(KILL)}")
    assert process.wait(120) != 0
    assert _starts(daemon) != CREW
    # Whatever it says of containers now.
    converge(**moved)
    assert _bridge(daemon) == old[daemon.name]
    assert _starts(daemon) == CREW
    _at_work(daemon)


def test_change_that_nobody_confirms_is_taken_back_under_containers(daemons: list[Daemon]) -> None:
    daemon = daemons[-1]
    bridge, host = _bridge(daemon), reach.managed(daemon.name)
    fragment = json.loads(daemon.host.file("/etc/docker/daemon.d/20-network.json").content_string)
    told = {"fragments": {"20-network": {**fragment, "bip": OTHER}}}
    assert host.ansible("mooring.docker.daemon_config", json.dumps(told), check=False)["changed"]
    done = host.ansible("mooring.docker.daemon_apply", json.dumps({"containers": "drain", "confirm": 5}), check=False)
    assert done["armed"], done
    assert done["drained"] == CREW
    daemon.host.run_expect([0], "timeout 60 sh -c 'until [ -e /var/lib/mooring/confirm/reverted ]; do sleep 0.2; done'")
    assert _bridge(daemon) == bridge
    assert _starts(daemon) == CREW
    _at_work(daemon)
