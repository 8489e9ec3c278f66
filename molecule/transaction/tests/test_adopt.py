"""What an operator wrote into daemon.json before Mooring came, or after, is never lost."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from conftest import HOSTS, Daemon, converge, run

WRITTEN = {"log-driver": "local", "labels": ["by=hand"], "hosts": ["fd://"], "debug": True}
# No container survives a change of these, and there is one.
BRIDGE = {"bip", "default-address-pools", "mtu"}


@pytest.fixture(scope="module")
def brownfield(daemons: list[Daemon]) -> Iterator[None]:
    """Hosts with an engine, a running container and a hand-written daemon.json, as Mooring never saw them."""
    for daemon in daemons:
        daemon.host.run("docker rm --force web")
    converge()
    for daemon in daemons:
        bridge = {key: value for key, value in _effective(daemon).items() if key in BRIDGE}
        daemon.host.run_expect([0], "rm -r /etc/docker/daemon.d /var/lib/mooring")
        daemon.host.run_expect([0], f"echo '{json.dumps(bridge | WRITTEN)}' > /etc/docker/daemon.json")
        daemon.host.run_expect([0], "systemctl restart docker")
        daemon.host.run_expect([0], "docker run -d --name web busybox:lab /bin/busybox sleep 100000")
    yield
    for daemon in daemons:
        daemon.host.run_expect([0], "docker rm --force web")
        daemon.host.run_expect([0], "rm --force /etc/docker/daemon.d/00-adopted.json")
    converge()


def _effective(daemon: Daemon) -> dict[str, object]:
    found: dict[str, object] = json.loads(daemon.host.check_output("cat /etc/docker/daemon.json"))
    return found


def _backups(daemon: Daemon) -> list[dict[str, object]]:
    text = daemon.host.check_output("for file in /var/lib/mooring/backups/*; do tr -d '\\n' < $file; echo; done")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("brownfield")
def test_disagreement_is_refused_with_both_values(daemons: list[Daemon]) -> None:
    before = {daemon.name: daemon.files() for daemon in daemons}
    done = run(docker_engine_options={"debug": False})
    for daemon in daemons:
        assert "debug (there true, declared false)" in done.failures[daemon.name]
        assert "docker_engine_on_conflict" in done.failures[daemon.name]
        assert daemon.files() == before[daemon.name]


@pytest.mark.usefixtures("brownfield")
def test_adoption_that_fails_leaves_the_operators_file(daemons: list[Daemon]) -> None:
    """The next run, in the test below, adopts it as if this one had never been."""
    written = {daemon.name: _effective(daemon) for daemon in daemons}
    done = run(docker_engine_on_conflict="declared", docker_engine_options={"storage-driver": "zfs"})
    for daemon in daemons:
        assert "The last good state is back" in done.failures[daemon.name]
        assert _effective(daemon) == written[daemon.name]


@pytest.mark.usefixtures("brownfield")
def test_adoption_keeps_settings_and_containers(daemons: list[Daemon]) -> None:
    # Of hosts both sides know, and what is declared has the endpoints.
    pids = {daemon.name: daemon.container_pid() for daemon in daemons}
    converge(docker_engine_on_conflict="declared")
    for daemon in daemons:
        effective = _effective(daemon)
        assert {key: effective[key] for key in ("log-driver", "labels", "debug")} == {
            "log-driver": "local",
            "labels": ["by=hand"],
            "debug": True,
        }
        assert effective["live-restore"] is True
        backups = [{key: value for key, value in backup.items() if key not in BRIDGE} for backup in _backups(daemon)]
        assert backups
        assert all(backup == WRITTEN for backup in backups)
        assert daemon.info()["LoggingDriver"] == "local"
    assert {daemon.name: daemon.container_pid() for daemon in daemons} == pids
    assert converge(docker_engine_on_conflict="declared").changed == dict.fromkeys(HOSTS, 0)


@pytest.mark.usefixtures("brownfield")
def test_hand_edit_after_that_is_kept_and_overruled(daemons: list[Daemon]) -> None:
    edited = {}
    for daemon in daemons:
        edited[daemon.name] = _effective(daemon) | {"debug": False}
        daemon.host.run_expect([0], f"echo '{json.dumps(edited[daemon.name])}' > /etc/docker/daemon.json")
    converge(docker_engine_on_conflict="declared")
    for daemon in daemons:
        assert _effective(daemon)["debug"] is True
        assert edited[daemon.name] in _backups(daemon)
        assert daemon.info()["Debug"] is True
