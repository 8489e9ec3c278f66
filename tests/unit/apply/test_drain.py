"""Containers are stopped and started again, and those that were stopped are known until all are well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import drain
from ansible_collections.mooring.docker.plugins.module_utils._apply.drain import DrainError
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._engine import containers
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from unit.apply.fake_host import FakeHost

CREW = ["database", "web", "sidecar"]


@pytest.fixture
def host(host: FakeHost) -> FakeHost:
    """With an engine that runs, and a crew."""
    host.settle({"live-restore": True}, *CREW)
    return host


@pytest.fixture
def crew(host: FakeHost) -> list[containers.Container]:
    found, lost = containers.survey({})
    assert ([container.name for container in found], lost) == (CREW, [])
    return found


def _recorded() -> list[str]:
    return [container.name for container in containers.interrupted()]


def test_last_started_is_stopped_first_within_its_own_time(host: FakeHost, crew: list[containers.Container]) -> None:
    drain.stop({}, crew)
    lines = [f"docker --host unix:///run/docker.sock stop id-{name}" for name in reversed(CREW)]
    assert host.log == lines
    assert host.timeouts[lines[0]] == crew[0].stop + 30
    assert (host.names(), _recorded()) == ([], CREW)


def test_record_is_written_before_the_first_is_stopped(host: FakeHost, crew: list[containers.Container]) -> None:
    host.is_full = lambda _number, path: path == containers.RECORD
    with pytest.raises(OSError, match="No space left"):
        drain.stop({}, crew)
    assert host.names() == CREW


def test_container_that_ends_right_after_its_start_is_named(host: FakeHost, crew: list[containers.Container]) -> None:
    drain.stop({}, crew)
    begun = host.clock.now
    host.unwell = lambda name: "1" if name == "web" and host.clock.now > begun + 1 else None
    with pytest.raises(DrainError, match="web does not stay up"):
        drain.start({}, crew, 60)
    assert _recorded() == CREW


@pytest.mark.parametrize("name", CREW)
def test_container_that_does_not_stop_is_named(host: FakeHost, crew: list[containers.Container], name: str) -> None:
    host.fails = lambda line: "" if line.endswith(f"stop id-{name}") else None
    with pytest.raises(DrainError, match=f"docker stop {name}: docker .* exit status 1, without a word"):
        drain.stop({}, crew)
    assert _recorded() == CREW
    host.fails = lambda _line: None
    drain.start({}, crew, 60)
    assert (host.names(), _recorded()) == (CREW, [])


def test_who_runs_or_stands_already_is_left_alone(host: FakeHost, crew: list[containers.Container]) -> None:
    host.running["web"] = False
    drain.stop({}, crew)
    assert not any("id-web" in line for line in host.log)
    host.running["web"] = True
    drain.start({}, crew, 60)
    assert host.starts == ["database", "sidecar"]


def test_who_was_removed_meanwhile_is_passed_over(host: FakeHost, crew: list[containers.Container]) -> None:
    drain.stop({}, crew)
    del host.running["web"]
    drain.start({}, crew, 60)
    assert host.starts == ["database", "sidecar"]
    assert not containers.RECORD.exists()


def test_who_does_not_stay_up_is_named_and_the_record_stays(host: FakeHost, crew: list[containers.Container]) -> None:
    drain.stop({}, crew)
    host.unwell = lambda name: 3 if name == "web" and "web" in host.starts else None
    with pytest.raises(DrainError, match=r"web does not stay up \(exit status 3\)"):
        drain.start({}, crew, 60)
    assert host.starts == CREW
    assert _recorded() == CREW


def test_restart_policy_has_its_time(host: FakeHost, crew: list[containers.Container]) -> None:
    drain.stop({}, crew)
    host.policy = "unless-stopped"
    tries: Iterator[int | None] = iter([None, None, 3, 3])

    def unwell(name: str) -> int | None:
        # Docker starts it again, and the third time it stays.
        if name == "web" and "web" in host.starts:
            problem = next(tries, None)
            host.running["web"] = problem is None
            return problem
        return None

    host.unwell = unwell
    drain.start({}, crew, 60)
    assert not containers.RECORD.exists()


@pytest.mark.parametrize("becomes_healthy", [True, False])
def test_health_has_the_time_of_its_check(host: FakeHost, becomes_healthy: bool) -> None:
    host.health = lambda _name: "healthy"
    crew, _lost = containers.survey({})
    drain.stop({}, crew)
    began = host.clock.now
    patience = 60 + (crew[0].healthy or 0)
    host.health = lambda _name: "healthy" if becomes_healthy and host.clock.now > began + patience - 5 else "starting"
    if becomes_healthy:
        drain.start({}, crew, 60)
    else:
        with pytest.raises(DrainError, match="database was healthy and is starting"):
            drain.start({}, crew, 60)
        assert patience < host.clock.now - began < patience + 5
    assert bool(_recorded()) is not becomes_healthy


def test_unhealthy_container_is_not_waited_for(host: FakeHost) -> None:
    host.health = lambda _name: "healthy"
    crew, _lost = containers.survey({})
    host.health = lambda _name: "unhealthy"
    began = host.clock.now
    with pytest.raises(DrainError, match="database was healthy and is unhealthy"):
        drain.start({}, crew, 60)
    assert host.clock.now - began < 5


def test_daemon_that_does_not_answer_is_told(host: FakeHost, crew: list[containers.Container]) -> None:
    host.active = False
    with pytest.raises(ApiError, match=r"cannot be looked at|nothing listens"):
        drain.stop({}, crew)
    with pytest.raises(ApiError, match=r"cannot be looked at|nothing listens"):
        drain.start({}, crew, 60)
    assert _recorded() == CREW


def test_record_of_the_version_before_is_read(host: FakeHost) -> None:
    state.write(
        containers.RECORD,
        '[{"id": "id-web", "name": "web", "started": "2026-01-01T00:00:00Z", "needs": [], "ports": ["80/tcp"],'
        ' "stop": 10, "healthy": null}]',
    )
    (container,) = containers.interrupted()
    assert (container.id, container.ports, container.healthy) == ("id-web", ["80/tcp"], None)
