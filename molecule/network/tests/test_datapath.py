"""What the kernel no longer does, and the engine believes, is exactly the right finding, on three engines at once."""

from __future__ import annotations

from collections.abc import Iterator

import datapath
import pytest
import reach
from clients import HOSTS, at_once, everywhere

VERSIONS = {"bookworm": (20, 10), "trixie": (26, 1), "forky": (28, 5)}
NOTHING: dict[str, list[tuple[str, str]]] = {name: [] for name in HOSTS}


@pytest.fixture(scope="module", autouse=True)
def _containers() -> Iterator[None]:
    """On each host containers in several networks, and nft, by which others filter."""
    done = reach.run()
    assert done.status == 0, done.failures or done.output
    gateway = {"gateway6": reach.declared("trixie")["address6"].rpartition("::")[0] + "::1"}
    everywhere("docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab")
    everywhere("command -v nft || apt-get install --yes nftables")
    everywhere(f"set -e\n{datapath.SETUP.format(**gateway)}")
    yield
    everywhere(datapath.TEARDOWN.format(**gateway))


def test_hosts_without_faults_have_no_finding() -> None:
    assert datapath.verify(*HOSTS) == NOTHING


@pytest.mark.parametrize("name", datapath.ROUNDS)
def test_faults_are_their_findings(name: str) -> None:
    faults = datapath.ROUNDS[name]
    try:
        everywhere(datapath.script("iptables", faults))
        found = datapath.verify(*HOSTS)
    finally:
        at_once(lambda host: reach.over_ssh(host).run(datapath.script("iptables", faults, undo=True)), *HOSTS)
    assert {host: datapath.differences(found[host], faults, VERSIONS[host]) for host in HOSTS} == {
        host: [] for host in HOSTS
    }


# Nobody can tell by them what they are about.
CHANCE = "-m statistic --mode random --probability 1 -j DROP"
HIDDEN = {
    "bookworm": (f"OUTPUT -o docker0 -p tcp {CHANCE}", "bridge.unreachable"),
    "trixie": (f"OUTPUT -o lo -p tcp --syn --dport 32768:60999 {CHANCE}", "published.unreachable"),
    "forky": (f"DOCKER-USER -i docker0 {CHANCE}", "bridge.no_answer"),
}
"""Host to a rule, and what it is found by."""


def test_what_no_rule_tells_is_found_by_a_connection() -> None:
    try:
        everywhere({name: f"iptables --insert {rule}" for name, (rule, _finding) in HIDDEN.items()})
        found = datapath.verify(*HOSTS, verify_active=True)
    finally:
        everywhere({name: f"iptables --delete {rule}" for name, (rule, _finding) in HIDDEN.items()})
    assert {name: [finding for finding, _line in of_host] for name, of_host in found.items()} == {
        name: [finding] for name, (_rule, finding) in HIDDEN.items()
    }


def test_hosts_whose_faults_are_undone_have_no_finding() -> None:
    """Passing or connecting; and nothing is left of what connected."""
    assert datapath.verify(*HOSTS, verify_active=True) == NOTHING
    left = everywhere("docker ps --all --quiet --filter label=io.mooring.canary; docker images --quiet mooring-canary")
    assert left == dict.fromkeys(HOSTS, "")
