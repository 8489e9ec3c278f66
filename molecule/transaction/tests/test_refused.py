"""What cannot be right is refused in one sentence, before anything is touched, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import HOSTS, THOROUGH, Daemon, converge, run

# What is declared, and words that the refusal has.
DECLARED: list[tuple[dict[str, Any], list[str]]] = [
    ({"docker_network_bridge_address": "300.1.1.1/24"}, ["docker_network_bridge_address", "300.1.1.1/24"]),
    ({"docker_network_bridge_address": "172.30.0.1"}, ["docker_network_bridge_address", "prefix length"]),
    (
        {"docker_network_bridge_address": "172.30.0.1/24", "docker_network_fixed_cidr": "172.31.0.0/25"},
        ["fixed-cidr", "172.31.0.0/25", "outside"],
    ),
    ({"docker_network_pools": [{"base": "10.200.0.0/16", "size": 8}]}, ["docker_network_pools", "size 8"]),
    ({"docker_engine_endpoints": ["fd://", "tcp://0.0.0.0:99999"]}, ["docker_engine_endpoints", "99999"]),
    ({"docker_engine_options": {"log-driver": "nope"}}, ["docker_engine_options log-driver", "nope"]),
    ({"docker_engine_options": {"debug": "maybe"}}, ["docker_engine_options debug", "maybe"]),
    ({"docker_engine_options": {"nonsense": 1}}, ["docker_engine_options nonsense", "no such option"]),
    ({"docker_engine_endpoints": ["fd://", "fd://"]}, ["docker_engine_endpoints", "twice"]),
    (
        {"docker_engine_options": {"mtu": 1400}, "docker_network_mtu": 1400},
        ["mtu is set by two fragments", "10-engine", "20-network"],
    ),
    ({"docker_engine_endpoints": ["fd://", "tcp://0.0.0.0:2375"], "docker_engine_tls": False}, ["without TLS"]),
    ({"docker_engine_options": {"default-runtime": "absent"}}, ["absent"]),
    ({"docker_engine_endpoint": ["fd://"]}, ["docker_engine_endpoint", "did you mean docker_engine_endpoints"]),
    ({"docker_network_mtuu": 1400}, ["docker_network_mtuu", "did you mean docker_network_mtu"]),
]


@pytest.fixture(scope="module", autouse=True)
def _inventory() -> None:
    converge()


def _refused(daemons: list[Daemon], words: list[str], limit: str = ",".join(HOSTS), **variables: Any) -> None:
    chosen = [daemon for daemon in daemons if daemon.name in limit.split(",")]
    before = {daemon.name: daemon.files() for daemon in chosen}
    done = run(limit=limit, **variables)
    assert set(done.failures) == {daemon.name for daemon in chosen}, done.output
    assert set(done.changed.values()) == {0}
    for daemon in chosen:
        assert all(word in done.failures[daemon.name] for word in words), done.failures[daemon.name]
        assert daemon.files() == before[daemon.name]


@pytest.mark.parametrize("number", range(len(DECLARED)))
def test_declaration(daemons: list[Daemon], number: int) -> None:
    variables, words = DECLARED[number]
    # The controller refuses alone, so one engine stands for all; in turn, and all of them when it is to be thorough.
    _refused(daemons, words, limit=",".join(HOSTS) if THOROUGH else HOSTS[number % len(HOSTS)], **variables)


@pytest.fixture
def foreign_fragment(daemons: list[Daemon]) -> Iterator[None]:
    """A fragment of somebody else that sets what the engine's role sets too."""
    for daemon in daemons:
        daemon.host.run_expect([0], "echo '{\"live-restore\": false}' > /etc/docker/daemon.d/30-other.json")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "rm /etc/docker/daemon.d/30-other.json")


@pytest.mark.usefixtures("foreign_fragment")
def test_key_in_two_fragments_on_the_host(daemons: list[Daemon]) -> None:
    _refused(daemons, ["live-restore is set by two fragments", "10-engine", "30-other"])


@pytest.fixture
def unadopted(daemons: list[Daemon]) -> Iterator[None]:
    """Hosts that Mooring has not composed yet, whose daemon.json has a comma too many."""
    for daemon in daemons:
        daemon.host.run_expect([0], "mkdir /run/aside; mv /etc/docker/daemon.json /etc/docker/daemon.d /run/aside/")
        daemon.host.run_expect([0], "mv /var/lib/mooring/composed.json /run/aside/")
        daemon.host.run_expect([0], "echo '{\"debug\": true,}' > /etc/docker/daemon.json")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "mv /run/aside/daemon.json /run/aside/daemon.d /etc/docker/")
        daemon.host.run_expect([0], "mv /run/aside/composed.json /var/lib/mooring/; rmdir /run/aside")


@pytest.mark.usefixtures("unadopted")
def test_broken_daemon_json_that_is_not_ours(daemons: list[Daemon]) -> None:
    _refused(daemons, ["/etc/docker/daemon.json is not valid JSON", "line 1"])


@pytest.fixture(params=["missing", "of another certificate"])
def key(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server key that is not what its certificate needs."""
    host = Daemon("forky").host
    path = "/etc/docker/tls/server/key.pem"
    host.run_expect([0], f"mv {path} /run/aside.pem")
    if request.param != "missing":
        host.run_expect([0], f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {path}")
    yield "there is no file" if request.param == "missing" else "do not belong together"
    host.run_expect([0], f"mv /run/aside.pem {path}")


def test_key_that_is_not_the_certificates(daemons: list[Daemon], key: str) -> None:
    _refused(daemons, ["tlskey", key], limit="forky")


@pytest.fixture
def swarm(daemons: list[Daemon]) -> Iterator[None]:
    """Managers of a swarm each."""
    converge(docker_engine_live_restore=False)
    for daemon in daemons:
        daemon.host.run_expect([0], "docker swarm init --advertise-addr 127.0.0.1")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "docker swarm leave --force")
    converge()


@pytest.mark.usefixtures("swarm")
def test_live_restore_on_a_manager_of_a_swarm(daemons: list[Daemon]) -> None:
    _refused(daemons, ["live-restore", "swarm", "docker_engine_live_restore"])


def test_values_that_the_host_cannot_carry(daemons: list[Daemon]) -> None:
    """All in one refusal, each with its option and its value."""
    options = {
        "authorization-plugins": ["nope"],
        "data-root": "/run/docker-data",
        "default-runtime": "x",
        "group": "nosuch",
        "runtimes": {"x": {"path": "/nope"}},
    }
    words = [
        "authorization-plugins nope: there is no such plugin",
        "data-root /run/docker-data: /run is tmpfs",
        "default-runtime, path /nope: there is no such program",
        "group nosuch: there is no such group",
    ]
    _refused(daemons, words, docker_engine_options=options)
