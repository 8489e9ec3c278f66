"""What an operator wrote into daemon.json before Mooring came, or after, is never lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reach
from conftest import HOSTS, Daemon, converge, run

WRITTEN = {"log-driver": "local", "labels": ["by=hand"], "hosts": ["fd://"], "debug": True}
# No container survives a change of these, and there is one.
BRIDGE = {"bip", "default-address-pools", "mtu"}
DECLARED = {"docker_engine_options": {"debug": False}, "docker_engine_endpoints": ["unix:///run/docker.sock"]}
# On the newest engine, what is there wins; elsewhere, what is declared.
EXISTING = HOSTS[-1]
CHOSEN = {
    **DECLARED,
    "docker_engine_on_conflict": reach.by_host(
        {name: "existing" if name == EXISTING else "declared" for name in HOSTS}
    ),
}

pytestmark = pytest.mark.usefixtures("brownfield")


@pytest.fixture(scope="module")
def brownfield(inventory: None, daemons: list[Daemon]) -> None:
    """Hosts with an engine, a running container and a hand-written daemon.json, as Mooring never saw them."""
    for daemon in daemons:
        bridge = {key: value for key, value in daemon.effective().items() if key in BRIDGE}
        daemon.host.run_expect([0], "rm -r /etc/docker/daemon.d /var/lib/mooring")
        daemon.host.run_expect([0], f"echo '{json.dumps(bridge | WRITTEN)}' > /etc/docker/daemon.json")
        daemon.host.run_expect([0], "systemctl restart docker")
        daemon.host.run_expect([0], "docker run -d --name web busybox:lab /bin/busybox sleep 100000")


def _backups(daemon: Daemon) -> list[dict[str, Any]]:
    text = daemon.host.check_output("for file in /var/lib/mooring/backups/*; do tr -d '\\n' < $file; echo; done")
    return [json.loads(line) for line in text.splitlines()]


def test_disagreement_is_refused_with_both_values(daemons: list[Daemon]) -> None:
    before = {daemon.name: daemon.files() for daemon in daemons}
    done = run(**DECLARED)
    for daemon in daemons:
        assert "debug (there true, declared false)" in done.failures[daemon.name]
        assert "docker_engine_on_conflict" in done.failures[daemon.name]
        assert daemon.files() == before[daemon.name]


def test_adoption_that_fails_leaves_the_operators_file(daemons: list[Daemon]) -> None:
    """The next run, in the test below, adopts it as if this one had never been."""
    written = {daemon.name: (daemon.effective(), daemon.container_pid()) for daemon in daemons}
    done = run(docker_engine_on_conflict="declared", docker_engine_options={"storage-driver": "zfs"})
    for daemon in daemons:
        assert "initializing graphdriver" in done.failures[daemon.name]
        assert "The last good state is back and the daemon answers" in done.failures[daemon.name]
        assert daemon.info()["LoggingDriver"] == "local"
        assert (daemon.effective(), daemon.container_pid()) == written[daemon.name]


def test_adoption_keeps_settings_and_containers(daemons: list[Daemon]) -> None:
    pids = {daemon.name: daemon.container_pid() for daemon in daemons}
    converge(**CHOSEN)
    for daemon in daemons:
        effective = daemon.effective()
        assert {key: effective[key] for key in ("log-driver", "labels", "debug", "live-restore")} == {
            "log-driver": "local",
            "labels": ["by=hand"],
            "debug": daemon.name == EXISTING,
            "live-restore": True,
        }
        backups = [{key: value for key, value in backup.items() if key not in BRIDGE} for backup in _backups(daemon)]
        assert backups
        assert all(backup == WRITTEN for backup in backups)
        info = daemon.info()
        assert (info["LoggingDriver"], info["Debug"]) == ("local", daemon.name == EXISTING)
    assert {daemon.name: daemon.container_pid() for daemon in daemons} == pids
    assert converge(**CHOSEN).changed == dict.fromkeys(HOSTS, 0)


def test_hand_edit_after_that_is_kept_and_overruled(daemons: list[Daemon]) -> None:
    """The fragments say what holds, whoever won when they were made."""
    edited = {}
    for daemon in daemons:
        edited[daemon.name] = daemon.effective() | {"debug": daemon.name != EXISTING}
        daemon.host.run_expect([0], f"echo '{json.dumps(edited[daemon.name])}' > /etc/docker/daemon.json")
    converge(**CHOSEN)
    for daemon in daemons:
        assert daemon.effective()["debug"] is (daemon.name == EXISTING)
        assert edited[daemon.name] in _backups(daemon)
        assert daemon.info()["Debug"] is (daemon.name == EXISTING)


@pytest.fixture(scope="module", autouse=True)
def _clean(daemons: list[Daemon]) -> Any:
    """What was adopted is of this module alone."""
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "rm --force /etc/docker/daemon.d/00-adopted.json")
