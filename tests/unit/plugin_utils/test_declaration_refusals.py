"""What can be known to be wrong without a trip is refused with the variable, the value and the reason."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import controller, declaration
from declaring import task_vars, templar

REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"docker_network_bridge_address": "300.1.1.1/24"}, ["docker_network_bridge_address", "300.1.1.1/24"]),
    ({"docker_network_bridge_address": "172.30.0.1"}, ["docker_network_bridge_address", "prefix length"]),
    (
        {"docker_network_bridge_address": "172.30.0.1/24", "docker_network_fixed_cidr": "172.31.0.0/25"},
        ["fixed-cidr", "172.31.0.0/25", "outside"],
    ),
    ({"docker_network_pools": [{"base": "10.200.0.0/16", "size": 8}]}, ["docker_network_pools", "size 8"]),
    ({"docker_engine_endpoints": ["fd://", "tcp://0.0.0.0:99999"]}, ["docker_engine_endpoints", "99999"]),
    ({"docker_engine_endpoints": ["fd://", "fd://"]}, ["docker_engine_endpoints", "twice"]),
    ({"docker_engine_endpoints": ["fd://", "tcp://0.0.0.0:2375"], "docker_engine_tls": False}, ["without TLS"]),
    ({"docker_engine_options": {"log-driver": "nope"}}, ["docker_engine_options log-driver", "nope"]),
    ({"docker_engine_options": {"debug": "maybe"}}, ["docker_engine_options debug", "maybe"]),
    ({"docker_engine_options": {"nonsense": 1}}, ["docker_engine_options nonsense", "no such option"]),
    ({"docker_engine_endpoint": ["fd://"]}, ["docker_engine_endpoint", "did you mean docker_engine_endpoints"]),
    ({"docker_network_mtuu": 1400}, ["docker_network_mtuu", "did you mean docker_network_mtu"]),
    *(
        ({"docker_engine_socket_mode": mode}, [f"docker_engine_socket_mode {mode} must be", "leaves out the world"])
        for mode in ("0666", "0662", "0664", "0661", "666", "1660", "660 ")
    ),
]


@pytest.mark.parametrize(("declared", "words"), REFUSED)
def test_it_is_the_first_problem(monkeypatch: pytest.MonkeyPatch, declared: dict[str, Any], words: list[str]) -> None:
    monkeypatch.setattr(controller, "addresses_towards", lambda _host: ["192.0.2.1"])
    variables = task_vars(**declared)
    gathered, problems = declaration.gather(["docker_engine", "docker_network"], variables, templar(variables))
    assert gathered is None
    # Others may follow from it.
    assert all(word in problems[0] for word in words), problems
