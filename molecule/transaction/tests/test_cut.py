"""A run that is cut anywhere, or meets another, leaves nothing that a plain run does not finish."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import reach
from conftest import HOSTS, THOROUGH, Daemon, command, converge

FIRST_RUNS = int(os.environ.get("MOORING_FIRST_RUN_CUTS", "20" if THOROUGH else "0"))
TIMES = int(os.environ.get("MOORING_CUTS", "20" if THOROUGH else "1"))
SEED = int(os.environ.get("MOORING_SEED", random.randrange(10**6)))
LONGEST = 14.0
"""Seconds: a run that changes these hosts takes about as long."""
LONGEST_FIRST = float(os.environ.get("MOORING_FIRST_RUN", "30"))
"""Seconds: a run on bare hosts takes about as long."""

BARE = """
systemctl stop docker.service docker.socket containerd.service
export DEBIAN_FRONTEND=noninteractive
apt-get purge --yes --autoremove --allow-remove-essential docker.io containerd runc tini python3-cryptography
umount $(findmnt --noheadings --output TARGET --list | grep -E '^/(var/lib|run)/docker/')
rm -rf /etc/docker /var/lib/docker/* /var/lib/containerd /var/lib/mooring /etc/systemd/system/docker.s*
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
ip link delete docker0
systemctl daemon-reload
! command -v dockerd
"""
"""Makes a host as it was before its first run."""


def _declaration(number: int) -> dict[str, Any]:
    """Another one each time, and each needs a restart."""
    return {"docker_engine_options": {"log-driver": ("local", "journald")[number % 2], "labels": [f"cut={number}"]}}


def _finished(daemons: list[Daemon], variables: dict[str, Any]) -> None:
    """A plain run ends with the declared state live, and the run after it finds nothing to do."""
    converge(**variables)
    for daemon in daemons:
        info = daemon.info()
        assert info["LoggingDriver"] == variables["docker_engine_options"]["log-driver"]
        assert info["Labels"] == variables["docker_engine_options"]["labels"]
    assert converge(**variables).changed == dict.fromkeys(HOSTS, 0)


@pytest.fixture(scope="module", autouse=True)
def _inventory_again() -> Any:
    converge()
    yield
    converge()


@pytest.mark.parametrize("number", range(TIMES))
@pytest.mark.parametrize("cut", [lambda: None, reach.pull_the_plug], ids=["controller killed", "hosts without power"])
def test_cut_run_is_finished_by_the_next(daemons: list[Daemon], cut: Callable[[], None], number: int) -> None:
    moment = random.Random(SEED + number).uniform(0.5, LONGEST)
    print(f"MOORING_SEED={SEED}: cut {number} after {moment:.2f} s")
    variables = _declaration(number + (cut is reach.pull_the_plug))
    process = reach.start(command(**variables))
    time.sleep(moment)
    if cut is reach.pull_the_plug:
        cut()
    reach.kill(process)
    _finished(daemons, variables)


@pytest.mark.parametrize("number", range(FIRST_RUNS))
def test_first_run_whose_hosts_go_down_is_finished_by_the_next(daemons: list[Daemon], number: int) -> None:
    """Also in the midst of the installation of the packages."""
    for daemon in daemons:
        daemon.host.run_expect([0], BARE)
    moment = random.Random(SEED + number).uniform(1, LONGEST_FIRST)
    variables = _declaration(number)
    process = reach.start(command(**variables))
    time.sleep(moment)
    reach.pull_the_plug()
    reach.kill(process)
    for daemon in daemons:
        state = daemon.host.check_output("dpkg --audit; ls /var/lib/dpkg/updates; dpkg-query --show docker.io || true")
        print(f"MOORING_SEED={SEED}: {daemon.name} went down after {moment:.2f} s with {state or 'no engine'}")
    _finished(daemons, variables)


def test_two_runs_at_once(daemons: list[Daemon]) -> None:
    variables = _declaration(TIMES + 1)
    first, second = reach.start(command(**variables)), reach.start(command(**variables))
    assert [first.wait(300), second.wait(300)] == [0, 0]
    _finished(daemons, variables)
