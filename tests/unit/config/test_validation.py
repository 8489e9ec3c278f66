"""What dockerd would choke on, or ignore, is refused; what it takes is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.validation import problems

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"bip": "300.1.1.1/24"}, "bip"),
    ({"bip": "172.30.0.1"}, "prefix length"),
    ({"bip": "172.30.0.0/24"}, "network itself"),
    ({"bip": "172.30.0.255/24"}, "broadcast"),
    ({"bip": "172.30.0.1/24", "fixed-cidr": "172.31.0.0/25"}, "outside"),
    ({"bip": "172.30.0.1/24", "default-gateway": "172.31.0.1"}, "outside"),
    ({"default-address-pools": [{"base": "10.0.0.0/8", "size": 4}]}, "size 4"),
    ({"default-address-pools": [{"base": "10.0.0.0/16", "size": 24}, {"base": "10.0.1.0/24", "size": 26}]}, "overlap"),
    ({"bip": "172.30.0.1/16", "default-address-pools": [{"base": "172.30.4.0/24", "size": 26}]}, "no network is left"),
    ({"bip": "172.30.0.1/25", "fixed-cidr": "172.30.0.0/24"}, "outside"),
    ({"bip": "172.30.0.1/31"}, "no room for containers"),
    ({"bip": "172.30.0.1/32"}, "no room for containers"),
    ({"hosts": ["tcp://0.0.0.0:99999"]}, "bad port"),
    ({"hosts": ["fd://", "tcp://[::]:2375"]}, "root on the host"),
    ({"hosts": ["fd://", "tcp://192.168.0.2:2375"]}, "root on the host"),
    # TLS alone asks no client for a certificate.
    ({"hosts": ["fd://", "tcp://0.0.0.0:2376"], "tls": True, "tlscert": "/c", "tlskey": "/k"}, "root on the host"),
    ({"tlsverify": True, "tlscert": "/c", "tlskey": "/k"}, "tlsverify needs tlscacert"),
    ({"tlsverify": True, "tlscacert": "/ca", "tlskey": "/k"}, "tlsverify needs tlscert"),
    ({"proxies": {"http-proxy": ["http://u:hunter2@p"]}}, "must be http://HOST:PORT"),
    ({"hosts": ["fd://", "tcp://0.0.0.0:2375"]}, "root on the host"),
    ({"hosts": ["fd://", "fd://"]}, "twice"),
    ({"log-driver": "nope"}, "log-driver"),
    ({"debug": "yes"}, "true or false"),
    ({"nonsense": 1}, "no such option"),
    ({"mtu": True}, "whole number"),
    ({"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": 1400}}}, "texts"),
    ({"default-network-opts": {"com.docker.network.driver.mtu": "1400"}}, "drivers"),
    ({"bridge-accept-fwmark": "mark"}, "MARK"),
    ({"firewall-backend": "ipfw"}, "nftables"),
    ({"default-gateway-v6": "172.30.0.1"}, "IPv6"),
    ({"bip6": "fd00:30::1/64", "default-gateway-v6": "fd00:31::1"}, "outside"),
    ({"bridge": "none", "bip": "172.30.0.1/24"}, "docker0"),
    ({"tlsverify": True}, "tlscacert"),
    ({"default-runtime": "runsc"}, "not one of the runtimes"),
]


@pytest.mark.parametrize(("config", "reason"), REFUSED)
def test_nonsense_is_refused_with_its_reason(config: dict[str, Any], reason: str) -> None:
    found = "; ".join(problems(config))
    assert reason in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"bip": "172.30.0.1/24", "fixed-cidr": "172.30.0.128/25", "mtu": 1400},
        {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]},
        {"hosts": ["fd://", "tcp://127.0.0.1:2375"]},
        {"default-runtime": "runsc", "runtimes": {"runsc": {"path": "/usr/bin/runsc"}}},
        {"default-runtime": "io.containerd.runsc.v1"},
        {"log-driver": "local", "log-opts": {"max-size": "10m"}},
    ],
)
def test_what_dockerd_takes_is_let_through(config: dict[str, Any]) -> None:
    assert problems(config) == []


def test_option_is_judged_by_the_engines_version() -> None:
    assert problems({"log-format": "json"}, (20, 10))
    assert not problems({"log-format": "json"}, (28, 5))
    # The version that has it first, and the one that has it no more.
    assert not problems({"log-format": "json"}, (25, 0))
    assert not problems({"api-cors-header": "*"}, (27, 5))
    assert problems({"api-cors-header": "*"}, (28, 0))


def test_live_restore_is_refused_on_a_node_of_a_swarm() -> None:
    assert "swarm" in "; ".join(problems({"live-restore": True}, in_swarm=True))
    assert problems({"live-restore": False}, in_swarm=True) == []
