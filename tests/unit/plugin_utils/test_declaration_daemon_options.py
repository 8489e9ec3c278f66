"""Options of daemon.json that have a variable of docker_engine."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import validation
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import engine
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.place import Place
from declaring import read, resolved

PLACE = Place(name="trixie", address="192.0.2.7")


def _options(**variables: Any) -> dict[str, Any]:
    declaration, problems = engine.declare(resolved("docker_engine", **variables), PLACE)
    assert declaration is not None, problems
    return {key: value for key, value in declaration["options"].items() if key not in ("hosts", "live-restore")}


def _problems(**variables: Any) -> list[str]:
    declaration, problems = engine.declare(resolved("docker_engine", **variables), PLACE)
    assert (declaration is None) == bool(problems)
    return problems


@pytest.mark.parametrize(
    ("variable", "value", "options"),
    [
        (
            "proxies",
            {
                "http": "http://proxy.example.com:3128",
                "https": "http://alice:hunter2@proxy.example.com:3128",
                "no_proxy": ["localhost", ".example.com", "10.0.0.0/8"],
            },
            {
                "proxies": {
                    "http-proxy": "http://proxy.example.com:3128",
                    "https-proxy": "http://alice:hunter2@proxy.example.com:3128",
                    "no-proxy": "localhost,.example.com,10.0.0.0/8",
                }
            },
        ),
        (
            "proxies",
            {"https": "http://proxy.example.com:3128"},
            {"proxies": {"https-proxy": "http://proxy.example.com:3128"}},
        ),
        ("proxies", {}, {}),
        ("registry_mirrors", ["https://mirror.example.com"], {"registry-mirrors": ["https://mirror.example.com"]}),
        ("registry_mirrors", [], {"registry-mirrors": []}),
        (
            "default_ulimits",
            {"nofile": {"soft": 1024, "hard": 65536}, "nproc": 4096, "core": {"hard": 0}},
            {
                "default-ulimits": {
                    "nofile": {"Name": "nofile", "Soft": 1024, "Hard": 65536},
                    "nproc": {"Name": "nproc", "Soft": 4096, "Hard": 4096},
                    "core": {"Name": "core", "Soft": 0, "Hard": 0},
                }
            },
        ),
        ("labels", {"zone": "north", "rack": 7}, {"labels": ["rack=7", "zone=north"]}),
        ("metrics_address", "127.0.0.1:9323", {"metrics-addr": "127.0.0.1:9323"}),
        ("metrics_address", "[::1]:9323", {"metrics-addr": "[::1]:9323"}),
        ("metrics_address", "localhost:9323", {"metrics-addr": "localhost:9323"}),
        (
            "log_rotation",
            {"max_size": "50m"},
            {"log-driver": "json-file", "log-opts": {"max-size": "50m", "max-file": "3"}},
        ),
        (
            "log_rotation",
            {"driver": "local", "max_file": 5},
            {"log-driver": "local", "log-opts": {"max-size": "10m", "max-file": "5"}},
        ),
        ("log_rotation", {}, {}),
    ],
)
def test_a_variable_is_an_option_of_daemon_json(variable: str, value: Any, options: dict[str, Any]) -> None:
    assert _options(**{f"docker_engine_{variable}": value}) == options


def test_no_variable_is_set_by_default() -> None:
    assert _options() == {}


def _defaults(**variables: Any) -> tuple[dict[str, Any], list[str]]:
    declaration, problems = engine.declare(resolved("docker_engine", **variables), PLACE)
    assert declaration is not None, problems
    return declaration["defaults"], declaration["deferred"]


def test_logs_rotate_by_default() -> None:
    logging = {"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}
    assert _defaults() == (logging, ["log-driver", "log-opts"])


@pytest.mark.parametrize(
    "variables",
    [
        {"docker_engine_log_rotation": {}},
        {"docker_engine_log_rotation": {"max_size": "50m"}},
        {"docker_engine_options": {"log-driver": "local"}},
        {"docker_engine_options": {"log-opts": {"max-size": "1g"}}},
    ],
)
def test_whatever_is_declared_of_logs_is_in_the_place_of_the_default(variables: dict[str, Any]) -> None:
    assert _defaults(**variables) == ({}, [])


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        # moby 53868: from 29.10 on, a list without them makes local registries secure.
        (["registry.example.com:5000"], ["registry.example.com:5000", "127.0.0.0/8", "::1/128"]),
        (["127.0.0.0/8", "10.1.0.0/16"], ["127.0.0.0/8", "10.1.0.0/16", "::1/128"]),
        ([], []),
    ],
)
def test_local_registries_stay_as_they_were_on_every_version(declared: list[str], written: list[str]) -> None:
    assert _options(docker_engine_insecure_registries=declared) == {"insecure-registries": written}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"docker_engine_proxies": {"http": "proxy.example.com"}},
            "docker_engine_proxies proxies: http-proxy must be http://HOST:PORT",
        ),
        (
            {"docker_engine_registry_mirrors": ["mirror.example.com"]},
            "docker_engine_registry_mirrors registry-mirrors: 'mirror.example.com' is no address of a mirror",
        ),
        (
            {"docker_engine_insecure_registries": ["http://a b"]},
            "docker_engine_insecure_registries insecure-registries: 'http://a b'",
        ),
        (
            {"docker_engine_default_ulimits": {"nofile": {"soft": 20, "hard": 10}}},
            "docker_engine_default_ulimits default-ulimits: nofile: Soft 20 is above Hard 10",
        ),
        (
            {"docker_engine_default_ulimits": {"nofile": {"Soft": 10}}},
            "docker_engine_default_ulimits default-ulimits: nofile: ",
        ),
        (
            {"docker_engine_default_ulimits": {"files": 10}},
            "docker_engine_default_ulimits default-ulimits: files: there is no such limit",
        ),
        (
            {"docker_engine_labels": {"com.docker.zone": "north"}},
            "docker_engine_labels labels: com.docker.zone: names that begin with com.docker.",
        ),
        ({"docker_engine_metrics_address": "9323"}, "docker_engine_metrics_address metrics-addr: must be ADDRESS:PORT"),
        (
            {"docker_engine_log_rotation": {"max_size": "10x"}},
            "docker_engine_log_rotation log-opts max-size",
        ),
        (
            {"docker_engine_log_rotation": {"max_file": 0}},
            "docker_engine_log_rotation log-opts max-file",
        ),
    ],
)
def test_a_value_that_dockerd_or_a_container_would_refuse_is_refused(variables: dict[str, Any], sentence: str) -> None:
    problems = _problems(**variables)
    assert problems[0].startswith(sentence), problems


@pytest.mark.parametrize("address", ["0.0.0.0:9323", ":9323", "192.0.2.7:9323", "[::]:9323", "web.example.com:9323"])
def test_metrics_are_public_by_permission_only(address: str) -> None:
    (problem,) = _problems(docker_engine_metrics_address=address)
    assert problem.startswith(f"docker_engine_metrics_address {address} gives the metrics to everybody")
    assert problem.endswith("docker_engine_metrics_public: true")
    assert _options(docker_engine_metrics_address=address, docker_engine_metrics_public=True) == {
        "metrics-addr": address
    }


def test_a_free_option_that_says_otherwise_is_refused_by_name() -> None:
    assert _problems(
        docker_engine_labels={"zone": "north"},
        docker_engine_log_rotation={"max_size": "20m"},
        docker_engine_options={"labels": ["zone=south"], "log-driver": "journald"},
    ) == [
        'docker_engine_options labels is ["zone=south"], and docker_engine_labels makes it ["zone=north"]: '
        "take one of them out",
        'docker_engine_options log-driver is "journald", and docker_engine_log_rotation makes it "json-file": '
        "take one of them out",
    ]


def test_a_free_option_may_say_the_same() -> None:
    assert _options(docker_engine_labels={"zone": "north"}, docker_engine_options={"labels": ["zone=north"]}) == {
        "labels": ["zone=north"]
    }


def test_no_password_of_a_proxy_is_told() -> None:
    problems = _problems(
        docker_engine_proxies={"https": "http://alice:hunter2@proxy.example.com:3128"},
        docker_engine_options={"proxies": {"https-proxy": "http://alice:swordfish@proxy.example.com:3128"}},
    )
    (problem,) = problems
    assert "(differs" in problem
    assert "hunter2" not in problem
    assert "swordfish" not in problem


HARDENED = {"default-ulimits", "icc", "log-driver", "no-new-privileges", "userland-proxy", "userns-remap"}


def test_the_hardened_profile_is_what_cis_asks_for_and_does_not_wait() -> None:
    given, deferred = _defaults(docker_engine_profile="hardened")
    assert (set(given), deferred) == (HARDENED, [])
    assert (given["icc"], given["userland-proxy"], given["no-new-privileges"]) == (False, False, True)
    assert (given["log-driver"], given["userns-remap"]) == ("journald", "default")
    assert validation.problems(given) == []


@pytest.mark.parametrize(
    ("variables", "overridden"),
    [
        ({"docker_engine_options": {"userns-remap": ""}}, "userns-remap"),
        ({"docker_engine_options": {"no-new-privileges": False}}, "no-new-privileges"),
        ({"docker_engine_default_ulimits": {"nofile": 1024}}, "default-ulimits"),
        ({"docker_engine_log_rotation": {"max_size": "50m"}}, "log-driver"),
        ({"docker_engine_log_rotation": {}}, "log-driver"),
        ({"docker_engine_options": {"log-opts": {"max-size": "50m"}}}, "log-driver"),
    ],
)
def test_single_variables_override_the_profile(variables: dict[str, Any], overridden: str) -> None:
    given, _deferred = _defaults(docker_engine_profile="hardened", **variables)
    assert set(given) == HARDENED - {overridden}


def test_an_unknown_word_is_refused_by_the_argument_spec() -> None:
    _variables, problems = read("docker_engine", docker_engine_proxies={"htps": "http://proxy.example.com:3128"})
    assert any("htps" in problem for problem in problems)
