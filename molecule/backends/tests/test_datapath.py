"""What the kernel no longer does, and the engine believes, is the right finding where its rules are nftables'."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import datapath
import pytest
from conftest import IMAGE, LAB, NAME, NEWEST, converge

VERSION = (29, 7)
GATEWAY = {"gateway6": str(LAB.address6(1))}


@pytest.fixture(scope="module", autouse=True)
def _containers(host: Any) -> Iterator[None]:
    """Containers in several networks, and none of other tests."""
    converge()
    host.run("docker rm --force web")
    # dockerd leaves the chain for rules of users behind where it was with iptables.
    for program in ("iptables", "ip6tables"):
        chain = "DOCKER-USER"
        host.run(f"{program} -D FORWARD -j {chain}; {program} -F {chain}; {program} -X {chain}")
    host.run_expect([0], IMAGE)
    host.run_expect([0], f"set -e\n{datapath.SETUP.format(**GATEWAY)}")
    # The policy of published ports knows the networks.
    converge()
    yield
    host.run(datapath.TEARDOWN.format(**GATEWAY))


def found() -> list[tuple[str, str]]:
    """What verification finds."""
    return datapath.verify(NAME, inventory=NEWEST)[NAME]


def test_host_without_faults_has_no_finding() -> None:
    assert found() == []


@pytest.mark.parametrize("name", datapath.ROUNDS)
def test_faults_are_their_findings(host: Any, name: str) -> None:
    faults = datapath.ROUNDS[name]
    try:
        host.run_expect([0], datapath.script("nftables", faults))
        seen = found()
    finally:
        host.run(datapath.script("nftables", faults, undo=True))
    # Some change what the inventory declares of the kernel's parameters, too.
    seen = [finding for finding in seen if finding[0] != "bridge.sysctl"]
    assert datapath.differences(seen, faults, VERSION) == []


def test_host_whose_faults_are_undone_has_no_finding() -> None:
    assert found() == []
