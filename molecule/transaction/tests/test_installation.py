"""An installation that was interrupted is finished by the next run, and nothing that runs notices."""

from __future__ import annotations

import pytest
from conftest import HOSTS, Daemon, converge, run

# The package asks it whether it may restart its service: in the midst of its configuration.
KILLER = """#!/bin/sh
kill -9 $(pgrep -x dpkg)
exit 101
"""
POLICY = "/usr/sbin/policy-rc.d"


def _state(daemon: Daemon, package: str) -> str:
    return str(daemon.host.check_output("dpkg-query --show --showformat='${db:Status-Status}' %s", package))


@pytest.mark.usefixtures("web")
def test_package_whose_configuration_was_killed_is_configured(daemons: list[Daemon]) -> None:
    converge()
    daemon = daemons[-1]
    before = daemon.pid, daemon.container_pid()
    daemon.host.run_expect([0], f"printf %s > {POLICY}; chmod +x {POLICY}", KILLER)
    done = daemon.host.run("DEBIAN_FRONTEND=noninteractive apt-get install --yes --reinstall docker.io")
    daemon.host.run_expect([0], f"rm {POLICY}")
    assert done.rc != 0
    assert _state(daemon, "docker.io") == "half-configured"
    assert "dpkg was interrupted" in daemon.host.run("apt-get check").stderr
    # verify.yml tells it, and plan.yml what becomes of it.
    assert "error engine.unfinished: " in run("verify", limit=daemon.name).failures[daemon.name]
    done = converge()
    assert done.steps[daemon.name]["packages"] == "finish the installation of docker.io"
    assert _state(daemon, "docker.io") == "installed"
    assert daemon.host.run("apt-get check").rc == 0
    assert (daemon.pid, daemon.container_pid()) == before
    assert converge().changed == dict.fromkeys(HOSTS, 0)
