"""A run that is cut anywhere, or meets another, leaves nothing that a plain run does not finish."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
import reach
from conftest import HOSTS, THOROUGH, Daemon, command, converge

from lab import identity, inventory, processes
from lab.machine import Machine

TIMES = int(os.environ.get("MOORING_CUTS", "20" if THOROUGH else "1"))
SEED = int(os.environ.get("MOORING_SEED", random.randrange(10**6)))
LONGEST = 14.0
"""Seconds: a run that changes these hosts takes about as long."""


def _declaration(number: int) -> dict[str, Any]:
    """Another one each time, and each needs a restart."""
    return {"docker_engine_options": {"log-driver": ("local", "journald")[number % 2], "labels": [f"cut={number}"]}}


def _start(**variables: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(**variables),
        cwd=reach.PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The controller is gone at once, workers and all; its connections stay behind as they would."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _plug_is_pulled() -> None:
    """All hosts lose their power, and get it back."""
    found = identity.identify(reach.INVENTORY, os.environ)
    machines = [Machine(found, host) for host in inventory.read(reach.INVENTORY)]
    for machine in machines:
        processes.kill(machine.root)
    assert processes.wait_gone([machine.root for machine in machines], 10)
    # Connections that Ansible and testinfra keep open lead nowhere now.
    for control in (found.ssh / "control").glob("*"):
        subprocess.run(["ssh", "-o", f"ControlPath={control}", "-O", "exit", "lab"], capture_output=True, check=False)
    subprocess.run(["python", "-m", "lab", "up", str(reach.INVENTORY)], cwd=reach.PROJECT, check=True)


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
@pytest.mark.parametrize("cut", [lambda: None, _plug_is_pulled], ids=["controller killed", "hosts without power"])
def test_cut_run_is_finished_by_the_next(daemons: list[Daemon], cut: Callable[[], None], number: int) -> None:
    moment = random.Random(SEED + number).uniform(0.5, LONGEST)
    print(f"MOORING_SEED={SEED}: cut {number} after {moment:.2f} s")
    variables = _declaration(number + (cut is _plug_is_pulled))
    process = _start(**variables)
    time.sleep(moment)
    if cut is _plug_is_pulled:
        cut()
    _kill(process)
    _finished(daemons, variables)


def test_two_runs_at_once(daemons: list[Daemon]) -> None:
    variables = _declaration(TIMES + 1)
    first, second = _start(**variables), _start(**variables)
    assert [first.wait(300), second.wait(300)] == [0, 0]
    _finished(daemons, variables)
