"""A change that needs a restart takes one, and containers live through it; what needs none disturbs nobody."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import reach
from conftest import HOSTS, THOROUGH, Daemon, Traffic, converge, run, traffic

RESTARTS: dict[str, Any] = {
    "cgroup-parent": "mooring.slice",
    "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 4096, "Soft": 4096}},
    "dns": ["192.0.2.53"],
    "init": True,
    "log-driver": "local",
    "log-level": "warn",
    "metrics-addr": "127.0.0.1:9323",
    "no-new-privileges": True,
    "raw-logs": True,
    "userland-proxy": False,
}

pytestmark = pytest.mark.usefixtures("web")

_numbers = itertools.count(1)


def _needs_restart() -> dict[str, Any]:
    """Options that no test has declared before, and that take effect by a restart."""
    return {"dns": [f"192.0.2.{next(_numbers)}"]}


def _lives(daemons: list[Daemon]) -> dict[str, tuple[int, int]]:
    return {daemon.name: daemon.life() for daemon in daemons}


def _restarted(lives: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """These lives after one restart, with the containers that ran before."""
    return {name: (starts + 1, container) for name, (starts, container) in lives.items()}


def _answered(what: str, clients: dict[str, Traffic]) -> dict[str, int]:
    """How many requests failed on each host, of enough to tell."""
    for name, client in clients.items():
        lost = len(client.failures)
        print(f"{what} on {name}: {lost} of {client.requests} requests failed, within {client.silence():.1f} s")
        assert client.requests > 50
    return {name: len(client.failures) for name, client in clients.items()}


def test_requests_while_the_daemon_changes(daemons: list[Daemon]) -> None:
    """A restart that Mooring makes costs no more of them than one by hand."""
    lives = _lives(daemons)
    with traffic() as nothing:
        assert set(converge().changed.values()) == {0}
    with traffic() as reload:
        assert all(converge(docker_engine_options={"labels": ["tier=front"]}).changed.values())
    assert _answered("no-op", nothing) == dict.fromkeys(HOSTS, 0)
    assert _answered("reload", reload) == dict.fromkeys(HOSTS, 0)
    assert _lives(daemons) == lives
    with traffic() as restart:
        converge(docker_engine_options={"raw-logs": True})
    assert _lives(daemons) == _restarted(lives)
    line = "sleep 0.5; systemctl restart docker; sleep 0.5"
    # All at once, as Mooring does: they share this machine's cores.
    with traffic() as by_hand, ThreadPoolExecutor() as pool:
        list(pool.map(lambda daemon: daemon.host.run_expect([0], line), daemons))
    lost, bound = _answered("restart", restart), _answered("restart by hand", by_hand)
    # How long dockerd takes to start differs with what else the machine has to do.
    assert all(lost[name] <= 3 * bound[name] + 20 for name in HOSTS), (lost, bound)


SAMPLE = [[one] for one in sorted(RESTARTS)] if THOROUGH else [sorted(RESTARTS)]


@pytest.mark.parametrize("options", SAMPLE, ids=",".join)
def test_restart_only_options_take_exactly_one_restart(daemons: list[Daemon], options: list[str]) -> None:
    """With them, docker0 is declared to be where it is, which containers do not keep from being so."""
    lives = _lives(daemons)
    there = {
        daemon.name: daemon.host.check_output("ip -4 -brief address show docker0").split()[2] for daemon in daemons
    }
    converge(
        docker_engine_options={option: RESTARTS[option] for option in options},
        docker_network_bridge_address=reach.by_host(there),
    )
    assert _lives(daemons) == _restarted(lives)


def test_pending_restart_is_told_until_it_is_allowed(daemons: list[Daemon]) -> None:
    """By --tags, by docker_engine_restart, and by both."""
    declared, lives = _needs_restart(), _lives(daemons)
    written = converge(tags="configure", docker_engine_options=declared)
    assert {name: list(steps) for name, steps in written.steps.items()} == {name: ["configuration"] for name in HOSTS}
    assert [daemon.effective()["dns"] for daemon in daemons] == [declared["dns"]] * len(daemons)
    done = converge(docker_engine_options=declared, docker_engine_restart="never")
    assert {name: list(steps) for name, steps in done.steps.items()} == {name: ["apply"] for name in HOSTS}
    assert all(done.changed.values())
    assert _lives(daemons) == lives
    for daemon in daemons:
        observed = reach.managed(daemon.name).ansible("mooring.docker.host_info", check=False)
        assert observed["host"]["configuration"]["pending"]["action"] == "restart"
    converge(tags="apply", docker_engine_options=declared)
    assert _lives(daemons) == _restarted(lives)


@pytest.fixture(scope="module")
def _without_live_restore(web: None, daemons: list[Daemon]) -> None:
    """Daemons that run without live-restore."""
    # In two steps: a restart that is due would otherwise stop the containers, and be refused.
    options = _needs_restart()
    converge(docker_engine_options=options)
    converge(docker_engine_options=options, docker_engine_live_restore=False)
    assert [daemon.info()["LiveRestoreEnabled"] for daemon in daemons] == [False] * len(daemons)


@pytest.fixture
def manager(_without_live_restore: None, daemons: list[Daemon]) -> Iterator[str]:
    """The name of a host that manages a swarm."""
    daemons[-1].host.run_expect([0], "docker swarm init --advertise-addr 127.0.0.1")
    yield daemons[-1].name
    daemons[-1].host.run_expect([0], "docker swarm leave --force && docker network rm docker_gwbridge")


def test_restart_that_would_stop_a_container_is_refused_before_anything_is_touched(
    daemons: list[Daemon], manager: str
) -> None:
    """And so is live-restore on a manager of a swarm."""
    before, lives = {daemon.name: daemon.files() for daemon in daemons}, _lives(daemons)
    done = run(
        docker_engine_options=_needs_restart(),
        docker_engine_live_restore=reach.by_host({name: name == manager for name in HOSTS}),
    )
    for name in HOSTS:
        words = ["live-restore", "swarm", "docker_engine_live_restore"] if name == manager else ["would stop web"]
        assert all(word in done.failures[name] for word in words), done.failures[name]
    assert {daemon.name: daemon.files() for daemon in daemons} == before
    assert _lives(daemons) == lives


@pytest.mark.usefixtures("_without_live_restore")
def test_container_of_a_daemon_without_live_restore_lives_through_its_coming(daemons: list[Daemon]) -> None:
    """As when a host with containers comes under Mooring: live-restore is switched on before the restart."""
    lives = _lives(daemons)
    converge(docker_engine_options=_needs_restart(), docker_engine_live_restore=True)
    assert _lives(daemons) == _restarted(lives)
