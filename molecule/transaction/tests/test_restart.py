"""A change that needs a restart takes one, and containers live through it; what needs none disturbs nobody."""

from __future__ import annotations

from typing import Any

import pytest
import reach
from conftest import HOSTS, THOROUGH, Daemon, converge, run, traffic

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

# A sample for every day; MOORING_THOROUGH=1 tries them all.
SAMPLE = sorted(RESTARTS) if THOROUGH else ["log-driver", "userland-proxy"]

pytestmark = pytest.mark.usefixtures("web")


@pytest.fixture(scope="module", autouse=True)
def _inventory_again() -> Any:
    yield
    converge()


@pytest.mark.parametrize("option", SAMPLE)
def test_restart_only_option_takes_exactly_one_restart(daemons: list[Daemon], option: str) -> None:
    before = {daemon.name: (daemon.starts(), daemon.container_pid()) for daemon in daemons}
    converge(docker_engine_options={option: RESTARTS[option]})
    assert {daemon.name: (daemon.starts() - 1, daemon.container_pid()) for daemon in daemons} == before


def _switch_live_restore_off() -> None:
    # In two steps: a restart that is due would otherwise stop the containers, and be refused.
    converge(docker_engine_options={})
    converge(docker_engine_options={}, docker_engine_live_restore=False)


def test_requests_while_the_daemon_changes(daemons: list[Daemon]) -> None:
    converge(docker_engine_options={})
    pids = {daemon.name: daemon.container_pid() for daemon in daemons}

    with traffic() as nothing:
        assert set(converge(docker_engine_options={}).changed.values()) == {0}
    with traffic() as reload:
        converge(docker_engine_options={"labels": ["tier=front"]})
    with traffic() as restart:
        converge(docker_engine_options={"raw-logs": True})

    for what, clients in (("no-op", nothing), ("reload", reload), ("restart", restart)):
        for name, client in clients.items():
            print(
                f"{what} on {name}: {len(client.failures)} of {client.requests} requests failed,"
                f" within {client.silence():.1f} s"
            )
    assert [client.failures for client in [*nothing.values(), *reload.values()]] == [[]] * 2 * len(HOSTS)
    assert all(client.requests > 100 for client in [*nothing.values(), *reload.values(), *restart.values()])
    assert {daemon.name: daemon.container_pid() for daemon in daemons} == pids


def test_container_of_a_daemon_without_live_restore_lives_through_its_coming(daemons: list[Daemon]) -> None:
    """As when a host with containers comes under Mooring: live-restore is switched on before the restart."""
    _switch_live_restore_off()
    before = {daemon.name: (daemon.starts(), daemon.container_pid()) for daemon in daemons}
    converge(docker_engine_options={"raw-logs": True}, docker_engine_live_restore=True)
    assert {daemon.name: (daemon.starts() - 1, daemon.container_pid()) for daemon in daemons} == before


def test_restart_that_would_stop_a_container_is_refused_before_anything_is_touched(daemons: list[Daemon]) -> None:
    _switch_live_restore_off()
    before = {daemon.name: daemon.files() for daemon in daemons}
    done = run(docker_engine_options={"raw-logs": True}, docker_engine_live_restore=False)
    for daemon in daemons:
        assert "would stop web" in done.failures[daemon.name]
        assert daemon.files() == before[daemon.name]


def test_bridge_that_containers_hold_is_refused_before_anything_is_touched(daemons: list[Daemon]) -> None:
    converge(docker_engine_options={})
    before = {daemon.name: daemon.files() for daemon in daemons}
    done = run(docker_network_bridge_address="172.29.0.1/24", docker_engine_restart="when_needed")
    for daemon in daemons:
        assert "leaves bip" in done.failures[daemon.name]
        assert "web" in done.failures[daemon.name]
        assert daemon.files() == before[daemon.name]


def test_bridge_that_is_there_already_may_be_declared_beside_containers(daemons: list[Daemon]) -> None:
    converge(docker_engine_options={})
    daemon = daemons[0]
    before = (daemon.starts(), daemon.container_pid())
    address = daemon.host.check_output("ip -4 -brief address show docker0").split()[2]
    converge(limit=daemon.name, docker_network_bridge_address=address)
    assert (daemon.starts() - 1, daemon.container_pid()) == before


def test_pending_restart_is_told_until_it_is_allowed(daemons: list[Daemon]) -> None:
    converge(docker_engine_options={})
    lives = {daemon.name: daemon.pid for daemon in daemons}
    planned = run(check=True, docker_engine_options={"raw-logs": True})
    assert {name: steps["apply"] for name, steps in planned.steps.items()} == dict.fromkeys(
        lives, "restart (changed: raw-logs)"
    )
    for _again in range(2):
        done = converge(docker_engine_options={"raw-logs": True}, docker_engine_restart="never")
        assert all(done.changed.values())
        assert {daemon.name: daemon.pid for daemon in daemons} == lives
    for daemon in daemons:
        observed = reach.managed(daemon.name).ansible("mooring.docker.host_info", check=False)
        assert observed["host"]["configuration"]["pending"]["action"] == "restart"
    converge(docker_engine_options={"raw-logs": True})
    assert all(daemon.pid != lives[daemon.name] for daemon in daemons)
