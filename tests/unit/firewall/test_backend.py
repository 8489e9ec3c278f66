"""What iptables keeps of dockerd's time with it: whose policy it is that drops what the rules of nftables accept."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import backend

# As iptables 1.8 lists it where engine 29 runs with iptables, and has switched forwarding on.
OF_DOCKER = "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD\n"
OF_UFW = "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j ufw-before-forward\n"
NFTABLES = {"firewall-backend": "nftables"}


@pytest.mark.parametrize(
    ("listed", "chain"),
    [
        (OF_DOCKER, {"policy": "DROP", "rules": []}),
        ("-P FORWARD ACCEPT\n-A FORWARD -j DOCKER-USER\n", {"policy": "ACCEPT", "rules": []}),
        (OF_UFW, {"policy": "DROP", "rules": ["-A FORWARD -j ufw-before-forward"]}),
        # One who jumps there with a condition is no dockerd.
        (
            "-P FORWARD DROP\n-A FORWARD -i eth0 -j DOCKER-USER\n",
            {"policy": "DROP", "rules": ["-A FORWARD -i eth0 -j DOCKER-USER"]},
        ),
        ("", {"policy": None, "rules": []}),
    ],
)
def test_dockers_jumps_are_no_rules_of_others(listed: str, chain: dict[str, Any]) -> None:
    assert backend.forward_chain(listed) == chain


DROP, ACCEPT = backend.forward_chain(OF_DOCKER), backend.forward_chain("-P FORWARD ACCEPT\n")


@pytest.mark.parametrize(
    ("config", "chains", "dropping"),
    [
        (NFTABLES, {"iptables": DROP, "ip6tables": DROP}, {"iptables": [], "ip6tables": []}),
        (NFTABLES, {"iptables": ACCEPT, "ip6tables": DROP}, {"ip6tables": []}),
        (NFTABLES, {"iptables": backend.forward_chain(OF_UFW)}, {"iptables": ["-A FORWARD -j ufw-before-forward"]}),
        # dockerd with iptables accepts in that chain itself.
        ({}, {"iptables": DROP}, {}),
        ({"firewall-backend": "iptables"}, {"iptables": DROP}, {}),
        # Filters that dockerd leaves alone are the operator's.
        ({**NFTABLES, "iptables": False}, {"iptables": DROP, "ip6tables": DROP}, {"ip6tables": []}),
    ],
)
def test_a_policy_drops_where_the_rules_are_elsewhere(
    config: dict[str, Any], chains: dict[str, Any], dropping: dict[str, list[str]]
) -> None:
    assert backend.dropping(config, chains) == dropping


class Programs:
    """iptables and ip6tables that list the given chains, and note what else they are told."""

    def __init__(self, chains: dict[str, str]) -> None:
        self.chains = chains
        self.told: list[str] = []

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        if "-S" in words:
            listed = self.chains.get(program)
            return subprocess.CompletedProcess(words, 127 if listed is None else 0, listed or "", "")
        self.told.append(" ".join([program, *words]))
        return subprocess.CompletedProcess(words, 0 if program in self.chains else 4, "", "Permission denied")


def test_only_dockerds_own_policy_was_left_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "commands", Programs({"iptables": OF_UFW, "ip6tables": OF_DOCKER}))
    assert backend.left_behind(NFTABLES) == ["ip6tables"]
    assert backend.left_behind({}) == []


def test_what_cannot_be_changed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs({"iptables": OF_DOCKER})
    monkeypatch.setattr(backend.commands, "run", programs.run)
    backend.accept_forwarded(["iptables"])
    assert programs.told == ["iptables -w 10 -P FORWARD ACCEPT"]
    with pytest.raises(backend.BackendError, match="ip6tables -P FORWARD ACCEPT: Permission denied"):
        backend.accept_forwarded(["ip6tables"])
