"""A change after which no container runs is taken back, in the engine's words, and containers never notice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import HOSTS, THOROUGH, Daemon, converge, run

pytestmark = pytest.mark.usefixtures("web")

BACK = "The last good state is back and the daemon answers."
NO_LOGS = {"log-driver": "fluentd", "log-opts": {"fluentd-address": "127.0.0.1:1"}}
NO_LIMITS = {"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 2**40, "Soft": 2**40}}}
NO_RUNTIME = {"runtimes": {"false": {"path": "/bin/false"}}, "default-runtime": "false"}

# What every engine takes, answers with, and starts no container with: with its own words.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no log": (NO_LOGS, "failed to initialize logging driver"),
    "too high a limit": (NO_LIMITS, "error setting rlimit"),
    "no runtime": (NO_RUNTIME, "a container does not start: "),
}
# By a restart and by a reload; the third does nothing new to the transaction.
SAMPLE = sorted(FAULTS) if THOROUGH else ["no log", "no runtime"]


@pytest.fixture(scope="module", autouse=True)
def _inventory() -> Iterator[None]:
    converge()
    yield
    converge()


def _left(daemon: Daemon) -> str:
    """What there is of canaries."""
    listed = daemon.host.check_output(
        "docker ps --all --filter label=io.mooring.canary --format '{{.Names}}'; docker images --all mooring-canary"
        " --format '{{.Tag}}'"
    )
    return str(listed)


def _facts(daemons: list[Daemon]) -> dict[str, Any]:
    return {
        daemon.name: (daemon.container_pid(), daemon.host.check_output("sha256sum /etc/docker/daemon.json"))
        for daemon in daemons
    }


@pytest.mark.parametrize("fault", SAMPLE)
def test_change_after_which_no_container_runs_is_taken_back(daemons: list[Daemon], fault: str) -> None:
    options, words = FAULTS[fault]
    before = _facts(daemons)
    done = run(docker_engine_options=options)
    for daemon in daemons:
        message = done.failures[daemon.name]
        assert words in message
        assert message.endswith(BACK)
        assert _left(daemon) == ""
    assert _facts(daemons) == before


@pytest.fixture
def no_runc(daemons: list[Daemon]) -> Iterator[None]:
    """A program that no container starts without is gone."""
    for daemon in daemons:
        daemon.host.run_expect([0], "mv /usr/sbin/runc /usr/sbin/runc.away")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "mv /usr/sbin/runc.away /usr/sbin/runc")


LABELS = {"docker_engine_options": {"labels": ["tier=front"]}}


def test_what_no_change_is_to_blame_for_holds_up_none(daemons: list[Daemon], no_runc: None) -> None:
    """The change stays, since to take it back would mend nothing, and the active check of verify.yml has a finding."""
    done = converge(**LABELS)
    verified = run("verify", verify_active=True, **LABELS)
    for daemon in daemons:
        assert "no container runs on this host" in " ".join(done.warnings[daemon.name])
        assert daemon.info()["Labels"] == ["tier=front"]
        assert verified.failures[daemon.name].count(": error ") == 2
        assert "error engine.container: " in verified.failures[daemon.name]
        assert "error engine.program_missing: expected: runc" in verified.failures[daemon.name]
        assert _left(daemon) == ""


def test_active_check_of_a_host_that_works_finds_nothing(daemons: list[Daemon]) -> None:
    converge(**LABELS)
    assert run("verify", verify_active=True, **LABELS).failures == {}
    assert [_left(daemon) for daemon in daemons] == [""] * len(daemons)


@pytest.fixture
def deaf_plugin(daemons: list[Daemon]) -> Iterator[str]:
    """An authorization plugin where nobody listens. One over TLS is not asked before a change."""
    spec = {"Name": "nope", "Addr": "https://127.0.0.1:9", "TLSConfig": {"InsecureSkipVerify": True}}
    host = daemons[-1].host
    host.run_expect([0], "mkdir -p /etc/docker/plugins && echo %s > /etc/docker/plugins/nope.json", json.dumps(spec))
    yield "nope"
    host.run_expect([0], "rm -r /etc/docker/plugins")


def test_reload_that_ends_the_daemon_is_taken_back(daemons: list[Daemon], deaf_plugin: str) -> None:
    """dockerd ends once it has looked for the plugin in vain, and systemd starts it again. One engine is enough."""
    newest = daemons[-1]
    before = _facts([newest])
    done = run(limit=newest.name, docker_engine_options={"authorization-plugins": [deaf_plugin]})
    assert "authorization plugin" in done.failures[newest.name]
    assert "connection refused" in done.failures[newest.name]
    assert done.failures[newest.name].endswith(BACK)
    assert _facts([newest]) == before


# Kills whoever holds Mooring's lock as soon as there is a canary.
CUT = """
import os, pathlib, signal, subprocess, time
deadline = time.monotonic() + 120
while time.monotonic() < deadline:
    words = ["docker", "ps", "--all", "--quiet", "--filter", "label=io.mooring.canary"]
    if subprocess.run(words, capture_output=True, check=False).stdout:
        inode = str(os.stat("/run/mooring-docker.lock").st_ino)
        for line in pathlib.Path("/proc/locks").read_text().splitlines():
            if line.split()[5].rpartition(":")[2] == inode:
                os.kill(int(line.split()[4]), signal.SIGKILL)
        break
"""


def test_canary_that_a_cut_left_goes_with_the_next_run(daemons: list[Daemon]) -> None:
    newest = daemons[-1]
    newest.host.run_expect([0], "systemd-run --unit cut python3 -c %s", CUT)
    done = run(limit=newest.name, docker_engine_options={"labels": ["tier=cut"]})
    assert newest.name in done.failures
    assert "mooring-canary" in _left(newest)
    # Also where nothing is left to change.
    converge()
    assert _left(newest) == ""
    assert converge().changed == dict.fromkeys(HOSTS, 0)
