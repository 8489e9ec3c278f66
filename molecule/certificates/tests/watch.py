"""Clients that ask the daemons all the time, and what they may have noticed of a rotation: the daemons' restarts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import reach
from clients import HOSTS, Client


@dataclass
class Watch:
    """One client on one host: when it asked and was answered; from when to when it asked in vain, and why."""

    answers: list[float] = field(default_factory=list)
    failures: list[tuple[float, float, str]] = field(default_factory=list)


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
            try:
                done = client.docker("--context", name, "version", "--format", "{{.Server.Version}}")
            except subprocess.TimeoutExpired as error:
                watch.failures.append((began, time.time(), str(error)))
                continue
            if done.returncode == 0:
                watch.answers.append(began)
            else:
                watch.failures.append((began, time.time(), done.stderr.strip()))
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


def restarts(name: str, since: float, until: float) -> list[tuple[float, float]]:
    """From when to when the daemon was down, by the journal of systemd."""
    line = "journalctl --quiet --output short-unix _PID=1 UNIT=docker.service --since=@%s --until=@%s | cut -d' ' -f1,4"
    found, began = [], 0.0
    for entry in reach.over_ssh(name).check_output(line, f"{since:.3f}", f"{until:.3f}").splitlines():
        moment, word = entry.split()
        if word == "Stopping":
            began = float(moment)
        elif word == "Started":
            found.append((began, float(moment)))
    return found


def undisturbed(watches: dict[tuple[str, str], Watch], since: float, until: float, times: int) -> None:
    """Each daemon was restarted so many times, and no question failed for another reason."""
    assert watches
    for (who, name), watch in sorted(watches.items()):
        windows = restarts(name, since, until)
        outside = [
            (asked, told, why)
            for asked, told, why in watch.failures
            # A question has its answer cut off, or comes while nobody listens; on a busy machine it takes its time.
            if not any(began < told and asked < ended + 0.5 for began, ended in windows)
        ]
        down = sum(ended - began for began, ended in windows)
        asked = len(watch.answers) + len(watch.failures)
        print(f"{who} on {name}: {len(watch.failures)} of {asked} failed, the daemon was down for {down:.1f} s")
        assert len(windows) == times
        # Answered with the old trust, with both and with the new.
        edges = [since, *(moment for window in windows for moment in window), until]
        for began, ended in zip(edges[::2], edges[1::2], strict=True):
            assert any(began < moment < ended for moment in watch.answers), (who, name, began, ended)
        assert not outside
        assert not any("unknown authority" in why for _asked, _told, why in watch.failures)
