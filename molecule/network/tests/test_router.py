"""The controller sits behind a router, in the range where dockerd would put docker0."""

from __future__ import annotations

import concurrent.futures
import ipaddress
import time
from collections.abc import Callable
from typing import Any

import reach
from conftest import BEHIND, Controller, docker0, never_started, without_engine

BOTH = ("trixie", "forky")
FILES = "find /etc/docker /etc/systemd/system /var/lib/mooring -type f -exec sha256sum {} + 2> /dev/null | sort"
STATE = f"{FILES} | grep -v /confirm/"


def _covers_the_controller(network: str) -> bool:
    return ipaddress.ip_address(BEHIND) in ipaddress.ip_interface(network).network


def test_first_start_of_dockerd_alone_cuts_the_line(behind_router: Controller) -> None:
    """The control: what the role is for does happen without it."""
    host = never_started("trixie")
    assert behind_router.reaches("trixie")
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


def test_declared_ranges_of_the_controller_are_refused_before_anything_is_touched(behind_router: Controller) -> None:
    host = reach.over_ssh("forky")
    before = host.check_output(FILES)
    variables = {
        "docker_network_bridge_address": "172.17.0.1/16",
        "docker_network_pools": [{"base": "172.16.0.0/12", "size": 24}],
    }
    done = behind_router.run("forky", **variables)
    assert done.changed == {"forky": 0}
    for declared in ("bip 172.17.0.1/16", "default-address-pools 172.16.0.0/12"):
        assert f"{declared} would cut off {BEHIND}/32 (the controller" in done.failures["forky"]
    assert host.check_output(FILES) == before


def test_bridge_that_leaves_the_line_alone_is_kept(behind_router: Controller) -> None:
    host = reach.over_ssh("forky")
    assert docker0(host) != "172.30.0.1/24"
    done = behind_router.run("forky", **ORDINARY)
    assert done.status == 0, done.failures
    assert docker0(host) == "172.30.0.1/24"
    assert _switch("forky") == {"armed": [], "reverted": None}
    # Nothing is left that could revert it, now or at a boot.
    assert host.check_output("systemctl list-units --all --plain --no-legend mooring-revert.timer") == ""
    host.run_expect([0], "! ls /etc/systemd/system/*/mooring-revert* /etc/systemd/system/mooring-revert*")


ORDINARY = {"docker_network_networks": [], "docker_network_bridge_address": "172.30.0.1/24"}
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
NO_DAEMON = "! systemctl is-active docker.service docker.socket && ! ip link show docker0"


def _until(seconds: float, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _on_both(test: str) -> bool:
    """Whether a command succeeds on both hosts."""
    return all(reach.over_ssh(name).run(test).rc == 0 for name in BOTH)


def _switch(name: str) -> dict[str, Any]:
    found: dict[str, Any] = reach.managed(name).ansible("mooring.docker.host_info")["host"]["confirm"]
    return found


def test_hosts_take_back_the_bridge_and_the_first_start_that_cut_the_line(behind_router: Controller) -> None:
    """One host has its last good state again, and the other, whose first start this was, no daemon."""
    new, old = never_started("trixie"), reach.over_ssh("forky")
    before = docker0(old), old.check_output(STATE)
    assert before[0] == "172.30.0.1/24"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(behind_router.run, ",".join(BOTH), **CUTS)
        _until(180, lambda: running.done() or _on_both(CUT_OFF))
        assert not running.done(), running.result().output
        assert {docker0(new), docker0(old)} == {"172.17.0.1/16"}
        assert behind_router.reached(*BOTH) == []
        _until(20 + 20, lambda: _on_both(REVERTED))
        assert behind_router.reached(*BOTH) == [*BOTH]
        done = running.result(180)
    assert done.status != 0
    for name in BOTH:
        assert "gone back to its old state" in done.failures[name], done.failures[name]
        assert _switch(name)["armed"] == []
        assert "within 20 s" in _switch(name)["reverted"]
    assert (docker0(old), old.check_output(STATE)) == before
    old.run_expect([0], "docker version")
    new.run_expect([0], f"{NO_DAEMON} && ! systemctl is-enabled docker.service docker.socket")

    # The next run does all of it, and what the daemon has read is known where nothing is to do.
    again = behind_router.run(",".join(BOTH), **ORDINARY)
    assert again.status == 0, again.output
    assert (again.changed["forky"], docker0(new)) == (0, "172.30.0.1/24")
    assert new.check_output("systemctl is-enabled docker.service docker.socket") == "enabled\nenabled"


def _die_while_the_daemon_starts(name: str, **variables: Any) -> None:
    """A run on one host, whose controller is gone before it could confirm anything."""
    host = reach.over_ssh(name)
    process = reach.start(reach.command(limit=name, **variables))
    try:
        _until(180, lambda: process.poll() is not None or host.run(ARMED).rc == 0)
        assert process.poll() is None
    finally:
        reach.kill(process)


def test_hosts_take_both_back_at_boot_where_the_controller_has_died() -> None:
    """Of a run whose controller is gone while the daemon starts, the host finishes what it is at."""
    new, old = never_started("trixie"), reach.over_ssh("forky")
    before = docker0(old), old.check_output(STATE)
    moved = {**ORDINARY, "docker_network_bridge_address": "172.30.5.1/24", "docker_engine_confirm_timeout": 300}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _die_while_the_daemon_starts(name, **moved), BOTH))
    _until(60, lambda: _on_both(CUT_OFF))
    assert {docker0(new), docker0(old)} == {"172.30.5.1/24"}
    assert _switch("trixie")["armed"] == ["docker.service"]
    reach.pull_the_plug(*BOTH)
    for name in BOTH:
        assert "started anew" in _switch(name)["reverted"]
    old.run_expect([0], "docker version")
    assert (docker0(old), old.check_output(STATE)) == before
    new.run_expect([0], NO_DAEMON)
    assert reach.run(limit=",".join(BOTH)).status == 0
