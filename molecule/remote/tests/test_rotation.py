"""Authorities and certificates are replaced under the eyes of clients, who notice the daemons' restarts and no more."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import reach
from conftest import HOSTS, Client, command, converge, listed, run

CUTS = 2
"""How many times the removal of a client is killed before it may end."""


@dataclass
class Watch:
    """What one client met on one host: when it asked and was answered, and when and why it was not."""

    answers: list[float] = field(default_factory=list)
    failures: list[tuple[float, str]] = field(default_factory=list)


@contextmanager
def watching(*clients: tuple[str, Client, float]) -> Iterator[dict[tuple[str, str], Watch]]:
    """Each client (its name, itself, the seconds from a question to its next) asks each daemon for its version."""
    found = {(who, name): Watch() for who, _client, _beat in clients for name in HOSTS}
    stop = threading.Event()

    def ask(client: Client, beat: float, name: str, watch: Watch) -> None:
        last = False
        while not last:
            last = stop.is_set()  # One question is asked after all is done.
            began = time.time()
            done = client.docker("--context", name, "version", "--format", "{{.Server.Version}}")
            if done.returncode == 0:
                watch.answers.append(began)
            else:
                watch.failures.append((began, done.stderr.strip()))
            stop.wait(max(0.0, began + beat - time.time()))

    threads = [
        threading.Thread(target=ask, args=(client, beat, name, found[who, name]))
        for who, client, beat in clients
        for name in HOSTS
    ]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def restarts(name: str, since: float) -> list[tuple[float, float]]:
    """From when to when the daemon was down, by the journal of systemd."""
    line = "journalctl --quiet --output short-unix _PID=1 UNIT=docker.service --since=@%s | cut -d' ' -f1,4"
    found, began = [], 0.0
    for entry in reach.over_ssh(name).check_output(line, f"{since:.3f}").splitlines():
        moment, word = entry.split()
        if word == "Stopping":
            began = float(moment)
        elif word == "Started":
            found.append((began, float(moment)))
    return found


@pytest.fixture
def holder(client: Client, tmp_path: Path) -> Client:
    """A client that has the servers' authority of before, and is never told of another."""
    shutil.copytree(client.directory, tmp_path / "holder", symlinks=True)
    found = Client(tmp_path / "holder")
    for kept in (found.directory / "contexts/tls").glob("*/docker/ca.pem"):
        kept.unlink()
        shutil.copy(client.directory / "ca.pem", kept)
    return found


def _undisturbed(watches: dict[tuple[str, str], Watch], since: float, times: int) -> None:
    """Each daemon was restarted so many times, and no question failed for another reason."""
    for (who, name), watch in sorted(watches.items()):
        windows = restarts(name, since)
        outside = [
            (moment, why)
            for moment, why in watch.failures
            # A question that was asked just before has its answer cut off.
            if not any(began - 1 < moment < ended + 0.5 for began, ended in windows)
        ]
        down = sum(ended - began for began, ended in windows)
        asked = len(watch.answers) + len(watch.failures)
        print(f"{who} on {name}: {len(watch.failures)} of {asked} failed, the daemon was down for {down:.1f} s")
        assert len(windows) == times
        # Answered with the old trust, with both and with the new.
        edges = [since, *(moment for window in windows for moment in window), time.time()]
        for began, ended in zip(edges[::2], edges[1::2], strict=True):
            assert any(began < moment < ended for moment in watch.answers), (who, name, began, ended)
        assert not outside
        assert not any("unknown authority" in why for _moment, why in watch.failures)


def _certificate(name: str) -> str:
    return str(reach.over_ssh(name).check_output("sha256sum /etc/docker/tls/server/cert.pem").split()[0])


def test_replacing_both_authorities_disturbs_nobody(client: Client, holder: Client) -> None:
    before = (client.directory / "ca.pem").read_text()
    certificates = {name: _certificate(name) for name in HOSTS}
    since = time.time()
    with watching(("managed", client, 0.2), ("holder", holder, 1.0)) as watches:
        # The index may have clients of other tests.
        converge("replace_authorities", without=["bookworm"], **client.variables)
    _undisturbed(watches, since, times=2)
    after = (client.directory / "ca.pem").read_text()
    assert before not in after
    assert after.count("BEGIN CERTIFICATE") == 1
    assert all(_certificate(name) != certificates[name] for name in HOSTS)
    assert run().changed == dict.fromkeys(HOSTS, 0)


def test_removing_a_client_is_finished_after_cuts(client: Client, tmp_path: Path) -> None:
    """dockerd knows no revocation: it takes another authority, which the playbook says and, told so, does."""
    leaver = Client(tmp_path / "leaver")
    assert leaver.join().status == 0
    assert leaver.docker("--context", "trixie", "version").returncode == 0

    honest = run("remove_client", client="leaver")
    assert honest.status != 0
    assert "knows no revocation list" in honest.failures["localhost"]
    assert "replace_authority=true" in honest.failures["localhost"]
    assert run("remove_client", client="stranger", replace_authority=True).status != 0
    assert leaver.docker("--context", "trixie", "version").returncode == 0

    variables = {"client": "leaver", "replace_authority": True, **client.variables}
    since = time.time()
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    with watching(("managed", client, 0.2)) as watches:
        for number in range(1, CUTS + 1):
            # The first is never late.
            moment = moments.uniform(3, number * 15)
            print(f"cut after {moment:.1f} s")
            process = reach.start(command("remove_client", **variables))
            try:
                assert (process.wait(moment), number > 1) == (0, True)
            except subprocess.TimeoutExpired:
                reach.kill(process)
            else:
                break  # It was faster than the cut, and there is nothing left to finish.
        else:
            converge("remove_client", **variables)
    _undisturbed(watches, since, times=2)
    for name in HOSTS:
        refused = leaver.docker("--context", name, "version")
        assert refused.returncode != 0
        assert "certificate" in refused.stderr
    # Nothing is left to do, and the same command says so. A name that nobody had is still refused.
    again = converge("remove_client", client="leaver")
    assert set(again.changed.values()) == {0}
    assert run("remove_client", client="leave").status != 0


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


def _let_in(client: Client) -> set[str]:
    """The hosts on which a client gets in."""
    return {name for name in HOSTS if client.docker("--context", name, "version").returncode == 0}


def _per_host(special: str, value: object, default: object) -> str:
    """A variable that has another value on one host."""
    return f"{{{{ {value!r} if inventory_hostname == {special!r} else {default!r} }}}}"


def test_an_emergency_waits_for_nobody_and_names_who_still_lets_the_client_in(client: Client, tmp_path: Path) -> None:
    """A removal that waits for another client is overtaken. One daemon may not restart, one host is down."""
    leaver = Client(tmp_path / "defector")
    assert leaver.join().status == 0
    shutil.copytree(leaver.directory, tmp_path / "superseded", symlinks=True)
    before = Client(tmp_path / "superseded")
    for kept in (before.directory / "contexts/tls").glob("*/docker/*.pem"):
        kept.unlink()
        shutil.copy(before.directory / kept.name, kept)
    assert leaver.join(docker_client_renew=True).status == 0
    index = Path(reach.declared(HOSTS[0])["state"]) / "pki/issued/clients"
    others = {path.stem for path in index.glob("*.pem")} - {leaver.directory.name, client.directory.name}
    removal = {"client": leaver.directory.name, "without": sorted(others)}

    honest = run("remove_client", client=leaver.directory.name).failures["localhost"]
    assert "2 certificates, 1 of them superseded" in honest
    waiting = run("remove_client", replace_authority=True, **removal)
    assert f"{client.directory.name} would be locked out" in waiting.failures["localhost"]
    staying = ", ".join(sorted([*others, leaver.directory.name]))
    assert f"so that {staying} still gets in" in waiting.failures["localhost"]
    assert "is being removed" in leaver.join().failures["localhost"]
    assert _let_in(leaver) == _let_in(before) == set(HOSTS)

    with streaming(leaver) as streams:
        time.sleep(2)
        hindered = run(
            "remove_client",
            emergency=True,
            docker_engine_restart=_per_host("trixie", "never", "only_without_containers"),
            # Nobody listens there.
            ansible_port=_per_host("forky", 9, 22),
            **removal,
        )
        failure = hindered.failures["localhost"]
        assert hindered.status != 0
        assert "the daemons of trixie, forky were not seen to distrust it" in failure
        assert f"retired at {time.strftime('%Y-%m-%d', time.gmtime())}" in failure
        assert "docker_engine_restart is never on trixie, and" in failure
        assert f"{client.directory.name} is locked out" in failure
        assert _let_in(leaver) == _let_in(before) == {"trixie", "forky"}
        assert {name for name, process in streams.items() if process.poll() is None} == {"trixie", "forky"}
        shown = " ".join(" ".join(listed()).split())
        assert f"client {leaver.directory.name} removed" in shown
        assert "on trixie, forky" in shown

        # Cut and said again. The controller may not connect to forky any more: its host tells what the daemon has read.
        allowed = {"docker_engine_allowed_clients": _per_host("forky", ["203.0.113.0/24"], ["0.0.0.0/0"])}
        renewing = {"emergency": True, **removal, **client.variables, **allowed}
        process = reach.start(command("remove_client", **renewing))
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(8)
        reach.kill(process)
        converge("remove_client", **renewing)
        with pytest.raises(OSError, match="timed out"):
            socket.create_connection((reach.declared("forky")["address"], 2376), timeout=2).close()
        assert all(process.poll() is not None for process in streams.values())
    converge()
    assert _let_in(client) == set(HOSTS)
    assert _let_in(leaver) == _let_in(before) == set()
    assert not any(leaver.directory.name in line for line in listed())
    again = converge("remove_client", emergency=True, **removal)
    assert set(again.changed.values()) == {0}
