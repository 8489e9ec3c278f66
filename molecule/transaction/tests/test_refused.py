"""What cannot be right is refused in one sentence, before anything is touched.

Each of these refusals is pure logic, and has its unit test: tests/unit/plugin_utils/test_declaration_refusals.py and
tests/unit/plan/test_plan_refusals.py. Here, hosts and the rest of a rollout are seen to be left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import reach
from conftest import HOSTS, Daemon, run

pytestmark = pytest.mark.usefixtures("inventory")

KEY = "/etc/docker/tls/server/key.pem"


def _refused(words: dict[str, list[str]], **variables: Any) -> reach.Run:
    """A run on the hosts of ``words`` that is refused on each for its reason, and leaves it as it was."""
    daemons = [Daemon(name) for name in words]
    before = {daemon.name: daemon.files() for daemon in daemons}
    done: reach.Run = run(limit=",".join(words), **variables)
    assert set(done.failures) == set(words), done.output
    for daemon in daemons:
        message = done.failures[daemon.name]
        assert all(word in message for word in words[daemon.name]), message
        assert daemon.files() == before[daemon.name]
    assert set(done.changed.values()) == {0}
    return done


def test_declaration() -> None:
    """All that is wrong is told at once."""
    options = {"forky": {"nonsense": 1, "debug": "maybe", "log-driver": "nope"}}
    _refused(
        {
            "bookworm": ["docker_network_bridge_address", "300.1.1.1/24"],
            "forky": [
                "docker_engine_options nonsense: no such option",
                "docker_engine_options debug",
                "maybe",
                "docker_engine_options log-driver",
                "nope",
            ],
        },
        docker_network_bridge_address=reach.by_host({"bookworm": "300.1.1.1/24"}),
        docker_engine_options=reach.by_host(options),
    )


def test_rollout_in_batches_ends_with_the_batch_that_is_refused(daemons: list[Daemon]) -> None:
    """A variable of the fleet that is wrong costs one batch, and the hosts of the next are not even looked at."""
    first, *others = daemons
    before = [daemon.files() for daemon in others]
    done = run(
        docker_batch=1, docker_engine_options=reach.by_host({first.name: {"nonsense": 1}, HOSTS[1]: {"debug": True}})
    )
    assert set(done.failures) == set(done.stats) == {first.name}
    assert [daemon.files() for daemon in others] == before


@pytest.fixture
def faults() -> Iterator[None]:
    """A host that Mooring has not composed yet, whose daemon.json has a comma too many; a fragment of somebody else
    that sets what the engine's role sets too; a server key of another certificate."""
    bookworm, trixie, forky = (reach.over_ssh(name) for name in ("bookworm", "trixie", "forky"))
    bookworm.run_expect([0], "mkdir /run/aside; mv /etc/docker/daemon.json /etc/docker/daemon.d /run/aside/")
    bookworm.run_expect([0], "mv /var/lib/mooring/composed.json /run/aside/")
    bookworm.run_expect([0], "echo '{\"debug\": true,}' > /etc/docker/daemon.json")
    trixie.run_expect([0], "echo '{\"live-restore\": false}' > /etc/docker/daemon.d/30-other.json")
    forky.run_expect([0], f"mv {KEY} /run/aside.pem")
    forky.run_expect([0], f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {KEY}")
    yield
    bookworm.run_expect([0], "mv /run/aside/daemon.json /run/aside/daemon.d /etc/docker/")
    bookworm.run_expect([0], "mv /run/aside/composed.json /var/lib/mooring/; rmdir /run/aside")
    trixie.run_expect([0], "rm /etc/docker/daemon.d/30-other.json")
    forky.run_expect([0], f"mv /run/aside.pem {KEY}")


@pytest.mark.usefixtures("faults")
def test_files_of_a_host() -> None:
    _refused(
        {
            "bookworm": ["/etc/docker/daemon.json is not valid JSON", "line 1"],
            "trixie": ["live-restore is set by two fragments", "10-engine", "30-other"],
            "forky": ["tlskey", "do not belong together"],
        }
    )


def test_values_that_the_host_cannot_carry() -> None:
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
    _refused(dict.fromkeys(HOSTS, words), docker_engine_options=options)
