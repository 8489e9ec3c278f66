"""Files that variables of docker_engine declare beside the configuration of the daemon."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import engine
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.place import Place
from declaring import read, resolved

PLACE = Place(name="trixie", address="192.0.2.7")
PROXY = "http://alice:hunter2@proxy.example.com:3128"


def _files(**variables: Any) -> dict[str, Any]:
    declaration, problems = engine.declare(resolved("docker_engine", **variables), PLACE)
    assert declaration is not None, problems
    return dict(declaration["files"])


def _problems(**variables: Any) -> list[str]:
    return engine.declare(resolved("docker_engine", **variables), PLACE)[1]


def test_there_are_none_by_default() -> None:
    assert _files() == {}


def test_apt_has_the_proxies_only_by_choice_and_nobody_else_reads_them() -> None:
    assert _files(docker_engine_proxies={"http": PROXY}) == {}
    assert _files(docker_engine_proxies={"packages": True}) == {}
    (path,) = files = _files(docker_engine_proxies={"http": PROXY, "packages": True})
    assert path == "/etc/apt/apt.conf.d/95-mooring-proxy"
    assert files[path]["mode"] == "0600"
    assert f'Acquire::http::Proxy "{PROXY}";' in files[path]["text"]


def test_pruning_is_off_by_default_and_weekly_where_it_is_on() -> None:
    files = _files(docker_engine_prune={}, docker_engine_endpoints=["unix:///srv/docker.sock"])
    assert "OnCalendar=weekly" in files["/etc/systemd/system/mooring-prune.timer"]["text"]
    service = files["/etc/systemd/system/mooring-prune.service"]["text"]
    assert "--host unix:///srv/docker.sock system prune --force\n" in service
    assert "volume" not in service


def test_the_hardened_profile_watches_the_engines_files() -> None:
    (path,) = _files(docker_engine_profile="hardened")
    assert path == "/etc/audit/rules.d/50-mooring-docker.rules"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"docker_engine_registry_certificates": {"registry": {"ca": "ca.pem"}}},
            "docker_engine_registry_certificates registry: ca has no certificate in PEM",
        ),
        (
            {"docker_engine_prune": {"schedule": "weekly;"}},
            "docker_engine_prune schedule 'weekly;' must be a time of systemd",
        ),
        (
            {"docker_engine_proxies": {"http": "proxy.example.com:3128", "packages": True}},
            "docker_engine_proxies http must begin with http://",
        ),
    ],
)
def test_what_cannot_be_right_is_refused(variables: dict[str, Any], sentence: str) -> None:
    (problem,) = _problems(**variables)
    assert problem.startswith(sentence)


def test_what_apt_does_not_take_is_right_for_the_daemon_alone() -> None:
    assert _problems(docker_engine_proxies={"http": "proxy.example.com:3128"}) == []


def test_no_secret_is_told() -> None:
    problems = _problems(
        docker_engine_proxies={"http": 'http://alice:hunter2"@proxy:1', "packages": True},
        docker_engine_registry_certificates={"r": {"certificate": "s3cr3t", "key": "s3cr3t"}},
    )
    assert len(problems) == 3
    assert "hunter2" not in repr(problems)
    assert "s3cr3t" not in repr(problems)


def test_null_is_nothing() -> None:
    variables, problems = read("docker_engine", docker_engine_registry_certificates=None, docker_engine_prune=None)
    assert problems == []
    assert variables is not None
    assert variables["docker_engine_registry_certificates"] == {}
