"""What a daemon shows is held against what is declared."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import live
from ansible_collections.mooring.docker.plugins.module_utils._engine.live import not_reloaded, not_taken

POOLS = [{"base": "172.31.0.0/16", "size": 24}]


def test_ignored_setting_is_found() -> None:
    assert not_taken({"live-restore": True}, {"LiveRestoreEnabled": False}, {}) == {
        "live-restore": "live-restore is false, declared true"
    }


def test_backend_that_runs_is_held_against_the_declared_one() -> None:
    assert not_taken({"firewall-backend": "nftables"}, {"FirewallBackend": {"Driver": "iptables"}}, {}) == {
        "firewall-backend": 'firewall-backend is "iptables", declared "nftables"'
    }


@pytest.mark.parametrize(("option", "declared"), [("bip", "172.30.0.1/24"), ("bip6", "fd00:30::1/64")])
@pytest.mark.parametrize("took", [True, False])
def test_docker0_has_its_declared_address_or_not(
    monkeypatch: pytest.MonkeyPatch, option: str, declared: str, took: bool
) -> None:
    """With containers running, dockerd leaves it as it was without a word."""
    there = ["172.17.0.1/16", "fd00:17::1/64", *([declared] if took else [])]
    entries = [dict(zip(("local", "prefixlen"), text.split("/"))) for text in there]
    shown = SimpleNamespace(stdout=json.dumps([{"addr_info": entries}]))
    monkeypatch.setattr(live.commands, "run", lambda *_words: shown)
    other = {"bip": "172.17.0.1/16", "bip6": "fd00:17::1/64"}[option]
    sentence = f'{option} is "{other}", declared "{declared}"'
    assert not_taken({option: declared}, {}, {}) == ({} if took else {option: sentence})


@pytest.mark.parametrize(
    ("config", "info", "bridge"),
    [
        ({"labels": ["a=1", "b=2"]}, {"Labels": ["b=2", "a=1"]}, {}),
        ({"registry-mirrors": ["https://m.example"]}, {"RegistryConfig": {"Mirrors": ["https://m.example/"]}}, {}),
        ({"mtu": 1400}, {}, {"Options": {"com.docker.network.driver.mtu": "1400"}}),
        ({"icc": False}, {}, {"Options": {"com.docker.network.bridge.enable_icc": "false"}}),
        ({"fixed-cidr": "172.30.0.0/25"}, {}, {"IPAM": {"Config": [{"IPRange": "172.30.0.0/25"}]}}),
        ({"raw-logs": True}, {}, {}),
        # After a reload, 28.5 and 29.7.
        ({"default-address-pools": POOLS}, {"DefaultAddressPools": [{"Base": "invalid Prefix", "Size": 24}]}, {}),
        ({"default-address-pools": POOLS}, {"DefaultAddressPools": [{"Base": "", "Size": 24}]}, {}),
        ({"default-address-pools": POOLS}, {"DefaultAddressPools": [{"Base": "172.31.0.0/16", "Size": 24}]}, {}),
        ({"firewall-backend": "nftables"}, {"FirewallBackend": {"Driver": "nftables+firewalld"}}, {}),
        ({"firewall-backend": "iptables"}, {}, {}),
        ({"data-root": "/srv/docker/"}, {"DockerRootDir": "/srv/docker"}, {}),
        ({"data-root": "/srv/docker"}, {"DockerRootDir": "/srv/docker/100000.100000"}, {}),
    ],
)
def test_setting_that_took_is_no_finding(config: dict[str, Any], info: dict[str, Any], bridge: dict[str, Any]) -> None:
    assert not_taken(config, info, bridge) == {}


def test_data_root_is_shown_with_its_links_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    config = {"data-root": str(tmp_path / "link")}
    assert not_taken(config, {"DockerRootDir": str(tmp_path / "disk")}, {}) == {}
    assert list(not_taken(config, {"DockerRootDir": "/var/lib/docker"}, {})) == ["data-root"]


@pytest.mark.parametrize(
    ("config", "attributes", "found"),
    [
        ({"debug": True}, {"debug": "true"}, []),
        ({"debug": True}, {"debug": "false"}, ["debug"]),
        ({"max-concurrent-downloads": 7}, {"max-concurrent-downloads": "3"}, ["max-concurrent-downloads"]),
        ({"labels": ["a=1"]}, {"labels": '["a=1"]'}, []),
        ({"labels": ["a=1"]}, {"labels": "[]"}, ["labels"]),
        ({"features": {"buildkit": True}}, {"features": "map[]"}, []),
        ({"bip": "172.30.0.1/24"}, {"debug": "true"}, []),
    ],
)
def test_reload_event_is_held_against_what_is_declared(
    config: dict[str, Any], attributes: dict[str, str], found: list[str]
) -> None:
    assert list(not_reloaded(config, attributes)) == found
