"""The controller sits behind a router, in the range where dockerd would put docker0."""

from __future__ import annotations

import concurrent.futures
import ipaddress
import time
from collections.abc import Callable
from typing import Any

import pytest
import reach
from conftest import BEHIND, Controller, docker0, without_engine

FILES = "find /etc/docker /etc/systemd/system /var/lib/mooring -type f -exec sha256sum {} + 2> /dev/null | sort"


def _covers_the_controller(network: str) -> bool:
    return ipaddress.ip_address(BEHIND) in ipaddress.ip_interface(network).network


def test_first_start_of_dockerd_alone_cuts_the_line(behind_router: Controller) -> None:
    """The control: what the role is for does happen without it."""
    host = without_engine("trixie")
    assert behind_router.reaches("trixie")
    host.run_expect([0], "apt-get update; apt-get install --yes --no-install-recommends docker.io")
    # The CLI is another package on some.
    host.run_expect([0], "systemctl start docker.service")
    assert _covers_the_controller(docker0(host))
    assert not behind_router.reaches("trixie")


def test_role_with_its_defaults_puts_docker0_elsewhere(behind_router: Controller) -> None:
    host = without_engine("forky")
    # The inventory's own pools are taken back to the role's default.
    variables = {"docker_network_pools": "auto", "docker_network_bridge_address": "auto", "docker_network_networks": []}
    done = behind_router.run("forky", **variables)
    assert done.status == 0, done.output
    assert behind_router.reaches("forky")
    assert docker0(host) == "172.18.0.1/16"
    # Nor does a network that Docker makes later.
    host.run_expect([0], "docker network create later")
    subnet = host.check_output("docker network inspect --format '{{ (index .IPAM.Config 0).Subnet }}' later")
    assert not _covers_the_controller(subnet)
    again = behind_router.run("forky", **variables)
    host.run_expect([0], "docker network rm later")
    assert (again.status, again.changed) == (0, {"forky": 0}), again.output
    host.run_expect([0], "systemctl stop docker.service docker.socket; ip link delete docker0; systemctl start docker")
    assert docker0(host) == "172.18.0.1/16"
    assert behind_router.reaches("forky")


@pytest.mark.parametrize(
    "variables",
    [
        {"docker_network_bridge_address": "172.17.0.1/16"},
        {"docker_network_pools": [{"base": "172.16.0.0/12", "size": 24}]},
    ],
)
def test_declared_range_of_the_controller_is_refused_before_anything_is_touched(
    behind_router: Controller, variables: dict[str, object]
) -> None:
    host = reach.over_ssh("forky")
    before = host.check_output(FILES)
    done = behind_router.run("forky", **variables)
    assert done.changed == {"forky": 0}
    assert f"would cut off {BEHIND}/32 (the controller" in done.failures["forky"]
    assert host.check_output(FILES) == before


# A bridge on the controller, let through by name, under the timer.
CUTS = {
    "docker_network_bridge_address": "172.17.0.1/16",
    "docker_network_check_addresses": False,
    "docker_network_networks": [],
    "docker_engine_confirm_timeout": 20,
}
REVERTED = "test -e /var/lib/mooring/confirm/reverted"
ARMED = "test -e /var/lib/mooring/confirm/armed.json"
CUT_OFF = "grep -q '\"made\": [0-9]' /var/lib/mooring/confirm/armed.json"


def _until(seconds: float, true: Callable[[], bool]) -> float:
    """Wait, and tell how long."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.2)
    return time.monotonic() - began


def _switch(name: str) -> dict[str, Any]:
    found: dict[str, Any] = reach.managed(name).ansible("mooring.docker.host_info")["host"]["confirm"]
    return found


def _cut_and_come_back(behind_router: Controller, name: str) -> None:
    """The run cuts its own line, and the host mends that alone."""
    host = reach.over_ssh(name)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(behind_router.run, name, **CUTS)
        _until(180, lambda: running.done() or host.run(CUT_OFF).rc == 0)
        assert not running.done(), running.result().output
        assert docker0(host) == "172.17.0.1/16"
        assert not behind_router.reaches(name)
        _until(20 + 10, lambda: host.run(REVERTED).rc == 0)
        assert behind_router.reaches(name)
        done = running.result(180)
    assert done.status != 0
    assert "gone back to its old state" in done.failures[name], done.failures[name]


def _controller_dies(name: str, **variables: Any) -> None:
    """Of a run whose controller is gone while the daemon starts, the host finishes what it is at."""
    host = reach.over_ssh(name)
    process = reach.start(reach.command(limit=name, **variables))
    _until(180, lambda: process.poll() is not None or host.run(ARMED).rc == 0)
    assert process.poll() is None
    reach.kill(process)
    _until(60, lambda: host.run(CUT_OFF).rc == 0)


def test_bridge_on_the_controller_is_taken_back_by_the_host(behind_router: Controller) -> None:
    host = reach.over_ssh("forky")
    ordinary = {"docker_network_networks": [], "docker_network_bridge_address": "172.30.0.1/24"}
    assert behind_router.run("forky", **ordinary).status == 0
    before = docker0(host), host.check_output(f"{FILES} | grep -v /confirm/")
    assert before[0] == "172.30.0.1/24"
    _cut_and_come_back(behind_router, "forky")
    assert (docker0(host), host.check_output(f"{FILES} | grep -v /confirm/")) == before
    host.run_expect([0], "docker version")
    assert _switch("forky")["armed"] == []
    assert "within 20 s" in _switch("forky")["reverted"]
    # What the daemon has read is known.
    again = behind_router.run("forky", **ordinary)
    assert (again.status, again.changed) == (0, {"forky": 0}), again.output


@pytest.mark.parametrize("by", ["timer", "boot"])
def test_bridge_is_taken_back_although_the_controller_has_died(by: str) -> None:
    host = reach.over_ssh("trixie")
    ordinary = {"docker_network_networks": [], "docker_network_bridge_address": "172.30.0.1/24"}
    assert reach.run(limit="trixie", **ordinary).status == 0
    before = docker0(host), host.check_output(f"{FILES} | grep -v /confirm/")
    moved = {**ordinary, "docker_network_bridge_address": "172.30.8.1/24"}
    _controller_dies("trixie", **moved, docker_engine_confirm_timeout=20 if by == "timer" else 300)
    assert docker0(host) == "172.30.8.1/24"
    if by == "timer":
        _until(20 + 10, lambda: host.run(REVERTED).rc == 0)
    else:
        reach.pull_the_plug("trixie")
    host.run_expect([0], "docker version")
    assert (docker0(host), host.check_output(f"{FILES} | grep -v /confirm/")) == before


def test_bridge_that_leaves_the_line_alone_is_kept(behind_router: Controller) -> None:
    host = reach.over_ssh("forky")
    variables = {"docker_network_networks": [], "docker_network_bridge_address": "172.30.9.1/24"}
    done = behind_router.run("forky", **variables, docker_engine_confirm_timeout=30)
    assert done.status == 0, done.failures
    assert _switch("forky") == {"armed": [], "reverted": None}
    time.sleep(31)
    assert docker0(host) == "172.30.9.1/24"
    again = behind_router.run("forky", **variables)
    assert (again.status, again.changed) == (0, {"forky": 0}), again.output


def test_first_start_that_cuts_the_line_leaves_no_daemon(behind_router: Controller) -> None:
    host = without_engine("trixie")
    _cut_and_come_back(behind_router, "trixie")
    gone = "! systemctl is-active docker.service docker.socket && ! systemctl is-enabled docker.service docker.socket"
    host.run_expect([0], f"{gone} && ! ip link show docker0")
    # The next run does all of it.
    assert behind_router.run("trixie", docker_network_bridge_address="172.30.7.1/24").status == 0
    assert docker0(host) == "172.30.7.1/24"
    assert host.check_output("systemctl is-enabled docker.service docker.socket") == "enabled\nenabled"


def test_first_start_is_taken_back_at_boot_too() -> None:
    host = without_engine("trixie")
    _controller_dies("trixie", **{**CUTS, "docker_engine_confirm_timeout": 300})
    assert _switch("trixie")["armed"] == ["docker.service"]
    reach.pull_the_plug("trixie")
    assert "started anew" in _switch("trixie")["reverted"]
    host.run_expect([0], "! systemctl is-active docker.service docker.socket && ! ip link show docker0")
    assert reach.run(limit="trixie").status == 0
