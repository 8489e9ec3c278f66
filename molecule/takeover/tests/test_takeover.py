"""This version takes over what the older one provisioned: it changes nothing, and every way back still works."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import reach
from conftest import ADOPTED, HOSTS, POOLS, WRITTEN, Client, containers, daemon, files

# A run with this callback is gone before the task that CUT_BEFORE names by its module.
_CUT = """
import os, signal
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "cut"
    def v2_playbook_on_task_start(self, task, is_conditional):
        if task.action == "mooring.docker." + os.environ["CUT_BEFORE"]:
            os.killpg(0, signal.SIGKILL)
"""
_UNIT = re.compile(r"^.*mooring-revert.*\n", re.MULTILINE)
"""The line of the revert timer among a host's files."""
_NOTHING_PENDING = {"armed": [], "reverted": None}
REVERTING, SECONDS = "trixie", 20
"""The host that nobody confirms, and how long it waits."""


def test_first_run_changes_nothing_and_restarts_nothing(declaration: dict[str, Any]) -> None:
    before = {name: (files(name), daemon(name), containers(name)) for name in HOSTS}
    planned = reach.run("plan", **declaration)
    assert planned.status == 0, planned.output
    assert planned.steps == {name: {} for name in HOSTS}
    done = reach.run(**declaration)
    assert (done.status, done.changed) == (0, dict.fromkeys(HOSTS, 0)), done.failures or done.output
    assert {name: (files(name), daemon(name), containers(name)) for name in HOSTS} == before


def test_verification_finds_no_error(client: Client, declaration: dict[str, Any]) -> None:
    done = reach.run("verify", verify_client=str(client.directory), **declaration)
    assert done.status == 0, done.failures or done.output


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("way", ["", "-ssh"], ids=["tls", "ssh"])
def test_client_still_gets_in(client: Client, name: str, way: str) -> None:
    names = client.docker("--context", f"{name}{way}", "ps", "--format", "{{.Names}}")
    assert set(names.splitlines()) == {"web", "worker"}
    assert client.docker("--context", f"{name}{way}", "info", "--format", "{{.Name}}") == name


def test_client_is_left_as_it_is(client: Client, declaration: dict[str, Any]) -> None:
    done = reach.run("client", **declaration, **client.variables)
    assert done.status == 0, done.failures or done.output
    assert set(done.changed.values()) == {0}, done.changed


def _interrupted(older: Path, directory: Path, task: str, limit: str, **variables: Any) -> subprocess.Popen[bytes]:
    """A run of the older version that is killed before a task, which is named by its module."""
    (directory / "cut.py").write_text(_CUT)
    return subprocess.Popen(
        reach.command(limit=limit, checkout=older, **variables),
        cwd=older,
        env={**reach.environment(older), "ANSIBLE_CALLBACK_PLUGINS": str(directory), "CUT_BEFORE": task},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_failure_goes_back_to_the_state_that_the_older_version_recorded(
    older: Path, declaration: dict[str, Any], tmp_path: Path
) -> None:
    """Its files have what fails already, so that nothing else on the host tells of the state before."""
    configured = "cat /var/lib/mooring/good.json /etc/docker/daemon.json /etc/docker/daemon.d/*"
    recorded, kept = reach.over_ssh(ADOPTED).check_output(configured), containers(ADOPTED)
    options = {**declaration["docker_engine_options"], "storage-driver": "zfs"}
    failing = {**declaration, "docker_engine_options": options}
    assert _interrupted(older, tmp_path, "daemon_apply", ADOPTED, **failing).wait(300) == -signal.SIGKILL
    assert "zfs" in reach.over_ssh(ADOPTED).check_output("cat /etc/docker/daemon.json")
    failed = reach.run(limit=ADOPTED, **failing)
    assert "initializing graphdriver" in failed.failures[ADOPTED]
    assert "The last good state is back and the daemon answers" in failed.failures[ADOPTED]
    assert (reach.over_ssh(ADOPTED).check_output(configured), containers(ADOPTED)) == (recorded, kept)
    assert reach.run(limit=ADOPTED, **declaration).changed == {ADOPTED: 0}


def _pending(name: str) -> dict[str, Any]:
    found: dict[str, Any] = reach.managed(name).ansible("mooring.docker.host_info")["host"]["confirm"]
    return found


def test_change_that_the_older_version_left_pending(older: Path, declaration: dict[str, Any], tmp_path: Path) -> None:
    """A run confirms a restart of the daemon and a packet filter; the host that it leaves out reverts by itself."""
    before = files(REVERTING)
    kept = {name: containers(name) for name in HOSTS}
    filtered = {
        **declaration,
        "docker_engine_allowed_clients": [*declaration["docker_engine_allowed_clients"], "192.0.2.7"],
    }
    timeout = f"{{{{ {SECONDS} if inventory_hostname == '{REVERTING}' else 600 }}}}"
    restarted = {**declaration, "docker_network_pools": [*POOLS, {"base": "172.29.0.0/16", "size": 24}]}
    runs = [
        _interrupted(
            older, tmp_path, "confirm", f"bookworm,{REVERTING}", **restarted, docker_engine_confirm_timeout=timeout
        ),
        _interrupted(older, tmp_path, "confirm", "forky", **filtered, docker_engine_confirm_timeout=600),
    ]
    assert [run.wait(300) for run in runs] == [-signal.SIGKILL, -signal.SIGKILL]

    owners = {"bookworm": "docker.service", "forky": "table inet mooring_endpoint"}
    assert {name: _pending(name) for name in owners} == {
        name: {"armed": [owner], "reverted": None} for name, owner in owners.items()
    }
    changed = {name: (daemon(name), _UNIT.sub("", files(name))) for name in owners}
    # Each host is declared to be as its interrupted run had it.
    done = reach.run(
        limit=",".join(owners),
        **{
            **declaration,
            "docker_network_pools": reach.by_host(
                {"bookworm": restarted["docker_network_pools"], "forky": declaration["docker_network_pools"]}
            ),
            "docker_engine_allowed_clients": reach.by_host(
                {
                    "bookworm": declaration["docker_engine_allowed_clients"],
                    "forky": filtered["docker_engine_allowed_clients"],
                }
            ),
        },
    )
    assert done.status == 0, done.failures or done.output
    assert done.steps == {name: {"confirm": f"confirm the pending change of {owner}"} for name, owner in owners.items()}
    assert {name: _pending(name) for name in owners} == dict.fromkeys(owners, _NOTHING_PENDING)
    assert {name: (daemon(name), files(name)) for name in owners} == changed

    deadline = time.monotonic() + 3 * SECONDS
    while reach.over_ssh(REVERTING).run("test -e /var/lib/mooring/confirm/reverted").rc != 0:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert f"nobody confirmed the change within {SECONDS} s" in _pending(REVERTING)["reverted"]
    assert files(REVERTING) == before
    assert reach.run(limit=REVERTING, **declaration).changed == {REVERTING: 0}
    assert {name: containers(name) for name in HOSTS} == kept


def test_adopted_file_is_intact_and_the_daemon_runs_with_it_again(declaration: dict[str, Any]) -> None:
    host = reach.over_ssh(ADOPTED)
    backups = host.check_output("ls /var/lib/mooring/backups/*").split()
    assert {host.file(path).content_string for path in backups} == {WRITTEN}
    host.run_expect(
        [0], f"cp {backups[0]} /etc/docker/daemon.json && rm /etc/systemd/system/docker.*.d/50-mooring.conf"
    )
    host.run_expect([0], "systemctl daemon-reload && systemctl stop docker docker.socket && systemctl start docker")
    assert host.check_output("docker info --format '{{.LoggingDriver}} {{.Labels}}'") == "local [by=hand]"
    # What an operator went back to by hand is brought to the declaration again, and his settings stay.
    assert reach.run(limit=ADOPTED, **declaration).status == 0
    assert host.check_output("docker info --format '{{.LoggingDriver}} {{.Labels}}'") == "local [by=hand]"
    assert reach.run(limit=ADOPTED, **declaration).changed == {ADOPTED: 0}
