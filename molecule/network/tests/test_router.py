"""The controller sits behind a router, in the range where dockerd would put docker0."""

from __future__ import annotations

import ipaddress

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
    host.run_expect([0], "docker version")
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
