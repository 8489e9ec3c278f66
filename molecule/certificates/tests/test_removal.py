"""Whoever is removed has no key, no account and no certificate left that lets it in on any host, by one playbook."""

from __future__ import annotations

import functools
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import reach
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities
from clients import HOSTS, Client, command, converge, everywhere, let_in, listed, per_host, run
from watch import undisturbed, watching

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


STAGES = ["begun", "promoted", "retired"]
"""How far a rotation is when its run is killed: while daemons are taught, clients renewed, daemons made to forget."""


def _kill_once(is_so_far: Callable[[], bool], **variables: Any) -> None:
    """Start remove_client.yml, whose controller is gone as soon as it is so far, or a little later."""
    process = reach.start(command("remove_client", **variables))
    try:
        while not is_so_far():
            assert process.poll() is None, "it was over before it could be cut"
            time.sleep(0.05)
        time.sleep(random.uniform(0, 1))
        assert process.poll() is None, "it was over before it could be cut"
    finally:
        reach.kill(process)


def _is_at(stage: str) -> bool:
    rotation = authorities.load(str(reach.pki()))["rotation"]
    return bool(rotation and rotation["step"] == stage)


def test_removing_a_client_is_finished_after_cuts(client: Client, tmp_path: Path) -> None:
    """dockerd knows no revocation: it takes another authority, which the playbook says and, told so, does."""
    leaver = Client(tmp_path / "leaver")
    assert leaver.join().status == 0
    assert leaver.docker("--context", "trixie", "version").returncode == 0

    # A name that nobody had.
    assert "client stranger: the index has" in run("remove_client", client="stranger").failures["localhost"]

    variables = {"client": "leaver", "replace_authority": True, **client.variables}
    since = time.time()
    chosen = random.sample(STAGES, 2)
    print(f"cut when it is {chosen}")
    with watching(("managed", client, 0.5)) as watches:
        for stage in sorted(chosen, key=STAGES.index):
            _kill_once(functools.partial(_is_at, stage), **variables)
        converge("remove_client", **variables)
    undisturbed(watches, since, time.time(), times=2)
    for name in HOSTS:
        refused = leaver.docker("--context", name, "version")
        assert refused.returncode != 0
        assert "certificate" in refused.stderr


@contextmanager
def streaming(client: Client) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """An open connection to each daemon, on which the client is told of events."""
    line = [reach.docker_cli(), "--config", str(client.directory), "--context"]
    quiet = subprocess.DEVNULL
    found = {name: subprocess.Popen([*line, name, "events"], stdout=quiet, stderr=quiet) for name in HOSTS}
    try:
        yield found
    finally:
        for process in found.values():
            process.kill()
            process.wait()


def test_an_emergency_waits_for_nobody_and_names_who_still_lets_the_client_in(client: Client, tmp_path: Path) -> None:
    """A removal that waits for another client is overtaken. One daemon may not restart, one host is down."""
    leaver = Client(tmp_path / "defector")
    assert leaver.join().status == 0
    shutil.copytree(leaver.directory, tmp_path / "superseded", symlinks=True)
    before = Client(tmp_path / "superseded")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        for kept in before.of_contexts(name):
            kept.unlink()
            shutil.copy(before.directory / name, kept)
    assert leaver.join(docker_client_renew=True).status == 0
    index = reach.pki() / "issued/clients"
    others = {path.stem for path in index.glob("*.pem")} - {leaver.directory.name, client.directory.name}
    removal = {"client": leaver.directory.name, "without": sorted(others)}

    honest = run("remove_client", client=leaver.directory.name).failures["localhost"]
    assert "knows no revocation list" in honest
    assert "replace_authority=true" in honest
    assert "2 certificates, 1 of them superseded" in honest
    waiting = run("remove_client", replace_authority=True, **removal)
    assert f"{client.directory.name} would be locked out" in waiting.failures["localhost"]
    staying = ", ".join(sorted([*others, leaver.directory.name]))
    assert f"so that {staying} still gets in" in waiting.failures["localhost"]
    assert "is being removed" in leaver.join().failures["localhost"]
    assert let_in(leaver) == let_in(before) == HOSTS

    with streaming(leaver) as streams:
        everywhere(
            "for _ in $(seq 100); do ss -Htn state established sport = :2376 | grep . && exit; sleep 0.1; done; exit 1"
        )
        hindered = run(
            "remove_client",
            emergency=True,
            docker_engine_restart=per_host({"trixie": "never"}, "only_without_containers"),
            # Nobody listens there.
            ansible_port=per_host({"forky": 9}, 22),
            **removal,
        )
        failure = hindered.failures["localhost"]
        assert hindered.status != 0
        assert "the daemons of trixie, forky were not seen to distrust it" in failure
        assert f"retired at {time.strftime('%Y-%m-%d', time.gmtime())}" in failure
        assert "docker_engine_restart is never on trixie, and" in failure
        assert f"{client.directory.name} is locked out" in failure
        assert let_in(leaver) == let_in(before) == ["trixie", "forky"]
        assert {name for name, process in streams.items() if process.poll() is None} == {"trixie", "forky"}
        shown = " ".join(" ".join(listed()).split())
        assert f"client {leaver.directory.name} removed" in shown
        assert "on trixie, forky" in shown

        # Cut and said again. The controller may not connect to forky any more: its host tells what the daemon has read.
        allowed = {"docker_engine_allowed_clients": per_host({"forky": ["203.0.113.0/24"]}, ["0.0.0.0/0"])}
        renewing = {"emergency": True, **removal, **client.variables, **allowed}
        daemon = reach.over_ssh("trixie")
        before_it = daemon.check_output("pidof dockerd")
        _kill_once(lambda: daemon.run("pidof dockerd").stdout.strip() not in ("", before_it), **renewing)
        converge("remove_client", **renewing)
        with pytest.raises(OSError, match="timed out"):
            socket.create_connection((reach.declared("forky")["address"], 2376), timeout=2).close()
        # forky's filter drops what the client acknowledges, so the end of its stream may never be sent here.
        assert {name for name, process in streams.items() if process.poll() is None} <= {"forky"}
        assert everywhere("ss -Htn state established sport = :2376") == dict.fromkeys(HOSTS, "")
    converge()
    assert let_in(client) == HOSTS
    assert let_in(leaver) == let_in(before) == []
    assert not any(leaver.directory.name in line for line in listed())
    again = converge("remove_client", emergency=True, **removal)
    assert set(again.changed.values()) == {0}
