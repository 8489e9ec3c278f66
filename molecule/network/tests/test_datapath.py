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


def test_hosts_whose_faults_are_undone_have_no_finding() -> None:
    assert datapath.verify(*HOSTS) == NOTHING
