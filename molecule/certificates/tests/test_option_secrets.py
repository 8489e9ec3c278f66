"""Secrets in dockerd's options are on the hosts and nowhere else, however loudly a run speaks and however it ends."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._config.redaction import DIFFERS
from clients import converge, everywhere
from loud import Loud

SOME = ["bookworm", "forky"]
"""The oldest engine and the newest, which say different things of what they refuse."""

SECRETS = {
    name: f"{name}4moor3d"
    for name in ("token", "label", "proxy", "argument", "newtoken", "pidfile", "othertoken", "handtoken")
}
NUMBER = 90817263544
MARKER = "tier-of-the-harbour"


def options(token: str, **more: Any) -> dict[str, Any]:
    """Options of dockerd with secrets in many places, and a marker that is none beside each."""
    log = {
        "splunk-token": token,
        "splunk-url": "https://127.0.0.1:9",
        "splunk-verify-connection": "false",
        "tag": MARKER,
    }
    found = {
        "log-driver": "splunk",
        "log-opts": log,
        "labels": [f"com.example.api-token={SECRETS['label']}", f"tier={MARKER}"],
        "runtimes": {"harbour": {"path": "/usr/sbin/runc", "runtimeArgs": [f"--token={SECRETS['argument']}"]}},
        **more,
    }
    # 20.10 has no such options.
    proxies = {"proxies": {"http-proxy": f"http://user:{SECRETS['proxy']}%2Fx@proxy.example:3128"}}
    return {
        "docker_engine_options": "{{ bare | combine(proxied if inventory_hostname != 'bookworm' else {}) }}",
        "bare": found,
        "proxied": proxies,
    }


@pytest.fixture(scope="module")
def loud(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loud]:
    """Runs that apply, roll back, find a conflict, refuse, and verify."""
    found = Loud(tmp_path_factory.mktemp("loud"))
    limit = ",".join(SOME)
    # Nobody can judge it before dockerd dies of it, quoting it.
    dies = {"pidfile": f"/proc/dockerd-token={SECRETS['pidfile']}"}
    assert found.run("applied", limit=limit, **options(SECRETS["token"])) == 0, found.said["applied"][-3000:]
    assert found.run("rolled back", limit=limit, **options(SECRETS["newtoken"], **dies)) != 0
    other = f'{{"log-opts": {{"splunk-token": "{SECRETS["othertoken"]}", "tag": "{MARKER}"}}}}'
    everywhere(dict.fromkeys(SOME, f"printf %s {shlex.quote(other)} > /etc/docker/daemon.d/30-other.json"))
    assert found.run("in conflict", limit=limit, **options(SECRETS["token"])) != 0
    everywhere(dict.fromkeys(SOME, "rm /etc/docker/daemon.d/30-other.json"))
    wrong = options(SECRETS["token"], **{"log-opts": {"splunk-token": NUMBER, "tag": MARKER}})
    assert found.run("refused", limit=limit, **wrong) != 0
    everywhere(dict.fromkeys(SOME, f"sed -i s/{SECRETS['token']}/{SECRETS['handtoken']}/ /etc/docker/daemon.json"))
    report = {"limit": f"localhost,{limit}", "directory": str(found.place / "report")}
    assert found.run("verified", "verify", **report, **options(SECRETS["token"])) != 0
    yield found
    converge(limit=limit)


def test_no_secret_is_told(loud: Loud) -> None:
    texts = {**loud.said, **{str(path): path.read_text() for path in loud.place.rglob("*") if path.is_file()}}
    assert {"log", "report"} <= {path.name for path in loud.place.iterdir()}
    for where, text in texts.items():
        told = [secret for secret in (*SECRETS.values(), str(NUMBER)) if secret in text]
        assert told == [], where
    # The control: what is no secret is there, from the same options. A refusal shows none of them.
    for name in ("applied", "rolled back"):
        assert MARKER in loud.said[name], name


def test_what_is_told_is_of_use(loud: Loud) -> None:
    assert DIFFERS in loud.said["rolled back"]
    assert "The last good state is back and the daemon answers" in loud.said["rolled back"]
    assert "/proc/dockerd-token" in loud.said["rolled back"]
    assert "log-opts is set by two fragments, 10-engine" in loud.said["in conflict"]
    assert "docker_engine_options log-opts: must be a mapping whose values are texts" in loud.said["refused"]
    assert "configuration.edited" in loud.said["verified"]


@pytest.mark.parametrize("name", SOME)
def test_hosts_log_has_none(name: str, loud: Loud) -> None:
    """Ansible's modules write what they are called with into the host's log."""
    since = f"@{int(time.time()) - 3600}"
    log = reach.over_ssh(name).check_output("journalctl --quiet --output cat --since %s --grep 'Invoked with'", since)
    assert "steps=NOT_LOGGING_PARAMETER" in log
    assert not any(secret in log for secret in SECRETS.values())
    # They are where they belong.
    assert SECRETS["label"] in reach.over_ssh(name).check_output("cat /etc/docker/daemon.json")
