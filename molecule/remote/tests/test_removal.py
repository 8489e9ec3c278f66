"""Whoever is removed has neither a key nor an account left on any host, by one playbook."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reach
from conftest import HOSTS, converge, run

KEYS = "/var/lib/mooring-ssh/.ssh/authorized_keys"
HOLDS = (
    "grep -l '^Groups:.*\\b'$(getent group docker | cut -d: -f3)'\\b' $(pgrep -u mallory | sed 's,.*,/proc/&/status,')"
)
"""The processes of the account that hold the group of the socket."""


def ways(name: str) -> dict[str, Any]:
    """What a host has of mallory's: whether her key and her account get in, and how many processes hold the group."""
    host = reach.over_ssh(name)
    return {
        "key": bool(host.run(f"grep -q ' mallory$' {KEYS}").rc == 0),
        "member": "docker" in host.check_output("id -nG mallory").split(),
        "processes": len(host.run(HOLDS).stdout.split()),
    }


@pytest.fixture
def declaration(fleet: None, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Two clients over SSH; one of them has an account on the hosts as well, and a session there."""
    keys = {}
    for who in ("mallory", "keeper"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / who], check=True)
        keys[who] = (tmp_path / f"{who}.pub").read_text().strip()
    for name in HOSTS:
        reach.over_ssh(name).run_expect([0], "id mallory || useradd --create-home mallory")
    converge(docker_engine_ssh_clients=keys, docker_engine_users=["mallory"])
    for name in HOSTS:
        reach.over_ssh(name).run_expect([0], "setsid runuser -u mallory -- sleep 600 > /dev/null 2>&1 < /dev/null &")
    yield {"docker_engine_ssh_clients": keys, "docker_engine_users": ["mallory"]}
    for name in HOSTS:
        reach.over_ssh(name).run("pkill -u mallory; userdel --remove mallory")
    converge()


def test_every_way_in_is_taken_at_once(declaration: dict[str, Any]) -> None:
    everything = {"key": True, "member": True, "processes": 1}
    assert {name: ways(name) for name in HOSTS} == dict.fromkeys(HOSTS, everything)

    refused = run("remove_client", client="mallory", **declaration)
    assert refused.status != 0
    for variable in declaration:
        assert f"{variable} of {', '.join(HOSTS)} names mallory: take it out there" in refused.failures["localhost"]

    keys = declaration["docker_engine_ssh_clients"]
    left = {"docker_engine_ssh_clients": {"keeper": keys["keeper"]}, "docker_engine_users": []}
    foretold = run("remove_client", check=True, client="mallory", **left)
    assert foretold.status == 0
    assert all(foretold.changed[name] > 0 for name in HOSTS)
    assert {name: ways(name) for name in HOSTS} == dict.fromkeys(HOSTS, everything)

    # There is no certificate of that name, so that no daemon restarts and nobody is asked for more.
    before = {name: reach.over_ssh(name).check_output("pidof dockerd") for name in HOSTS}
    converge("remove_client", client="mallory", **left)
    nothing = {"key": False, "member": False, "processes": 0}
    assert {name: ways(name) for name in HOSTS} == dict.fromkeys(HOSTS, nothing)
    for name in HOSTS:
        host = reach.over_ssh(name)
        assert " keeper" in host.file(KEYS).content_string
        assert host.check_output("pidof dockerd") == before[name]
        host.run_expect([0], "id mallory")
    again = converge("remove_client", client="mallory", **left)
    assert set(again.changed.values()) == {0}
