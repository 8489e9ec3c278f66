"""Which containers can be stopped and started again, in what order, and what is missing of one afterwards."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import containers
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError


def _one(name: str, started: str = "2026-01-01T00:00:00Z", *needs: str, **more: Any) -> containers.Container:
    return containers.Container(
        f"id-{name}", name, started, list(needs), more.get("ports", []), 10, more.get("healthy")
    )


def _shown(state: dict[str, Any] | None = None, **host: Any) -> dict[str, Any]:
    """A container as the API shows it."""
    return {
        "Id": "id-web",
        "Name": "/web",
        "State": {"Running": True, "StartedAt": "2026-01-01T00:00:00Z", **(state or {})},
        "HostConfig": host,
        "Config": {},
        "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "81/tcp": None}},
    }


def test_a_daemon_that_does_not_tell_its_containers_has_some_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether they would come back."""

    def refuse(*_words: Any, **_more: Any) -> Any:
        raise ApiError("no answer")

    monkeypatch.setattr(containers.live, "local_api", refuse)
    monkeypatch.setattr(containers.shutil, "which", lambda _name: "/usr/bin/docker")
    assert containers.survey({}) == ([], ["the daemon does not tell its containers (no answer)"])
    monkeypatch.setattr(containers.shutil, "which", lambda _name: None)
    assert "docker CLI" in containers.survey({})[1][0]


def test_order_is_that_of_the_starts() -> None:
    # Go leaves out the zeros at the end of a second's fraction.
    stamps = ["2026-01-01T00:00:09Z", "2026-01-01T00:00:09.05Z", "2026-01-01T00:00:09.5Z", "2026-01-01T00:00:10Z"]
    for given in itertools.permutations(stamps):
        assert [one.started for one in containers.ordered([_one(stamp, stamp) for stamp in given])] == stamps


@pytest.mark.parametrize("need", ["id-database", "database"])
def test_what_is_needed_comes_first_though_it_was_started_last(need: str) -> None:
    database, web = _one("database", "2026-01-01T00:00:02Z"), _one("web", "2026-01-01T00:00:00Z", need)
    other = _one("other", "2026-01-01T00:00:01Z")
    assert [one.name for one in containers.ordered([other, web, database])] == ["database", "web", "other"]


def test_containers_that_need_each_other_are_all_there() -> None:
    assert (
        len(containers.ordered([_one("a", "2026-01-01T00:00:00Z", "b"), _one("b", "2026-01-01T00:00:00Z", "a")])) == 2
    )


def test_namespaces_and_links_are_needs() -> None:
    shown = _shown(NetworkMode="container:abc", IpcMode="shareable", PidMode="container:def", Links=["/db:/web/db"])
    assert containers.describe(shown).needs == ["abc", "def", "db"]


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 10), (0, 0), (45, 45), (-1, 600)])
def test_a_container_has_its_own_time_to_stop(timeout: int | None, seconds: int) -> None:
    """Less than nothing means that it may take for ever."""
    assert containers.describe({**_shown(), "Config": {"StopTimeout": timeout}}).stop == seconds


def test_health_has_the_time_of_its_check() -> None:
    shown = _shown({"Health": {"Status": "healthy"}})
    assert containers.describe(shown).healthy == 61
    shown["Config"] = {"Healthcheck": {"Interval": 2_000_000_000, "Timeout": 1_000_000_000}}
    assert containers.describe(shown).healthy == 4
    shown["State"]["Health"]["Status"] = "unhealthy"
    assert containers.describe(shown).healthy is None


def test_what_an_earlier_run_has_left_keeps_its_place() -> None:
    left = [_one("database", "2026-01-01T00:00:00Z"), _one("web", "2026-01-01T00:00:01Z")]
    now = [_one("database", "2026-01-02T00:00:00Z"), _one("new", "2026-01-01T12:00:00Z")]
    assert [one.name for one in containers.merged(left, now)] == ["database", "web", "new"]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (_shown(), None),
        (_shown(AutoRemove=True), "--rm"),
        (_shown({"Paused": True}), "paused"),
        (_shown({"Restarting": True}), "does not stay up"),
        ({**_shown(), "Config": {"Labels": {"com.docker.swarm.task.id": "x"}}}, "swarm"),
    ],
)
def test_obstacle(shown: dict[str, Any], words: str | None) -> None:
    obstacle = containers.obstacle(shown)
    assert obstacle is None if words is None else words in (obstacle or "")


@pytest.mark.parametrize(
    ("shown", "was", "words"),
    [
        (_shown(), _one("web", ports=["80/tcp"]), None),
        ({}, _one("web"), "does not stay up"),
        (_shown({"Running": False, "ExitCode": 3}), _one("web"), "exit status 3"),
        (_shown({"Restarting": True}), _one("web"), "does not stay up"),
        (_shown(), _one("web", ports=["80/tcp", "81/tcp"]), "does not publish 81/tcp"),
        (_shown({"Health": {"Status": "starting"}}), _one("web", healthy=5), "is starting"),
        (_shown({"Health": {"Status": "starting"}}), _one("web"), None),
        (_shown({"Health": {"Status": "healthy"}}), _one("web", healthy=5), None),
    ],
)
def test_unwell(shown: dict[str, Any], was: containers.Container, words: str | None) -> None:
    problem = containers.unwell(shown, was)
    assert problem is None if words is None else words in (problem or "")
