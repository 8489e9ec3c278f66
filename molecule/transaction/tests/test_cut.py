"""A run that is cut anywhere, or meets another, leaves nothing that a plain run does not finish."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import pytest
import reach
from conftest import HOSTS, THOROUGH, Daemon, converge

FIRST_RUNS = int(os.environ.get("MOORING_FIRST_RUN_CUTS", "20" if THOROUGH else "0"))
TIMES = int(os.environ.get("MOORING_CUTS", "20" if THOROUGH else "1"))
SEED = int(os.environ.get("MOORING_SEED", random.randrange(10**6)))
LONGEST_FIRST = float(os.environ.get("MOORING_FIRST_RUN", "30"))
"""Seconds: a run on bare hosts takes about as long."""

BARE = """
systemctl stop docker.service docker.socket containerd.service
export DEBIAN_FRONTEND=noninteractive
apt-get purge --yes --autoremove $(dpkg-query --show --showformat='${Package} ' docker.io containerd runc tini \\
    python3-cryptography)
umount $(findmnt --noheadings --output TARGET --list | grep -E '^/(var/lib|run)/docker/')
rm -rf /etc/docker /var/lib/docker/* /var/lib/containerd /var/lib/mooring /etc/systemd/system/docker.s*
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
ip link delete docker0
systemctl daemon-reload
! command -v dockerd
"""
"""Makes a host as it was before its first run."""

_numbers = iter(range(1, 10**6))

pytestmark = pytest.mark.usefixtures("inventory")


def _declaration() -> dict[str, Any]:
    """Another one each time, and each needs a restart."""
    number = next(_numbers)
    return {"docker_engine_options": {"log-driver": ("local", "journald")[number % 2], "labels": [f"cut={number}"]}}


def _is_live(daemons: list[Daemon], variables: dict[str, Any]) -> None:
    """The declared state is live, and a run finds nothing to do."""
    options = variables["docker_engine_options"]
    for daemon in daemons:
        info = daemon.info()
        assert (info["LoggingDriver"], info["Labels"]) == (options["log-driver"], options["labels"])
    assert converge(**variables).changed == dict.fromkeys(HOSTS, 0)


@pytest.fixture(scope="module")
def longest(inventory: None) -> float:
    """Seconds that a run takes which changes these hosts."""
    began = time.monotonic()
    converge(**_declaration())
    return time.monotonic() - began


def _cut(killed: str, powerless: str, longest: float, number: int) -> dict[str, Any]:
    """Two runs in whose midst one loses its controller, and the other its host; returns what both declare."""
    chance = random.Random(SEED + number)
    for attempt in range(4):
        variables = _declaration()
        # A machine that had much to do when the time was taken may be quicker now.
        moments = sorted(chance.uniform(0.5, longest) / 2**attempt for _cut in range(2))
        began = time.monotonic()
        runs = [reach.start(reach.command(limit=name, **variables)) for name in (killed, powerless)]
        went_on = []
        for one, moment in zip(runs, moments, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            went_on.append(one.poll() is None)
            if one is runs[-1]:
                reach.pull_the_plug(powerless)
            reach.kill(one)
        print(f"MOORING_SEED={SEED}: cut {number} of {killed}, {powerless} after {moments} s, still going: {went_on}")
        if all(went_on):
            return variables
    raise AssertionError("no run was still going when it was cut")


@pytest.mark.parametrize("number", range(TIMES))
def test_cut_run_is_finished_by_the_next(daemons: list[Daemon], longest: float, number: int) -> None:
    """On one host the controller is killed, and another loses its power; the next time it is the other way round."""
    chosen = HOSTS[:: -1 if (SEED + number) % 2 else 1]
    variables = _cut(chosen[0], chosen[-1], longest, number)
    converge(**variables)
    _is_live(daemons, variables)


@pytest.mark.parametrize("number", range(FIRST_RUNS))
def test_first_run_whose_hosts_go_down_is_finished_by_the_next(daemons: list[Daemon], number: int) -> None:
    """Also in the midst of the installation of the packages."""
    for daemon in daemons:
        daemon.host.run_expect([0], BARE)
    moment = random.Random(SEED + number).uniform(1, LONGEST_FIRST)
    variables = _declaration()
    process = reach.start(reach.command(limit=",".join(HOSTS), **variables))
    time.sleep(moment)
    assert process.poll() is None, f"the run ended within {moment} s; MOORING_FIRST_RUN tells how long one takes here"
    reach.pull_the_plug()
    reach.kill(process)
    for daemon in daemons:
        state = daemon.host.check_output("dpkg --audit; ls /var/lib/dpkg/updates; dpkg-query --show docker.io || true")
        print(f"MOORING_SEED={SEED}: {daemon.name} went down after {moment:.2f} s with {state or 'no engine'}")
    converge(**variables)
    _is_live(daemons, variables)


def test_two_runs_at_once(daemons: list[Daemon]) -> None:
    variables = _declaration()
    runs = [reach.start(reach.command(limit=",".join(HOSTS), **variables)) for _run in range(2)]
    assert [one.wait(300) for one in runs] == [0, 0]
    _is_live(daemons, variables)
