"""The way to the configuration is the least that does it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import decide, not_taken


def _inputs(**changes: Any) -> dict[str, Any]:
    return {
        "config": {"debug": False, "bip": "172.30.0.1/24"},
        "command": [["dockerd"]],
        "socket": "",
        "tls": {},
    } | changes


@pytest.mark.parametrize(
    ("running", "read", "wanted", "action"),
    [
        (False, None, _inputs(), "start"),
        (True, None, _inputs(), "restart"),
        (True, _inputs(), _inputs(), "nothing"),
        (True, _inputs(), _inputs(config={"debug": True, "bip": "172.30.0.1/24"}), "reload"),
        (True, _inputs(), _inputs(config={"debug": True, "bip": "172.31.0.1/24"}), "restart"),
        (True, _inputs(), _inputs(config={"debug": False}), "restart"),
        (True, _inputs(), _inputs(command=[["dockerd", "-D"]]), "restart"),
        (True, _inputs(), _inputs(socket="[Socket]"), "restart"),
        (True, _inputs(tls={"tlscert": "a"}), _inputs(tls={"tlscert": "b"}), "restart"),
    ],
)
def test_least_disturbance(running: bool, read: dict[str, Any] | None, wanted: dict[str, Any], action: str) -> None:
    assert decide(running, read, wanted, (28, 5)).action == action


def test_reload_is_no_way_where_the_version_does_not_know_it() -> None:
    read, wanted = _inputs(config={}), _inputs(config={"default-cgroupns-mode": "host"})
    assert decide(True, read, wanted, (20, 10)).action == "restart"
    assert decide(True, read, wanted, (28, 5)).action == "reload"


def test_ignored_setting_is_found() -> None:
    assert not_taken({"live-restore": True}, {"LiveRestoreEnabled": False}, {}) == [
        "live-restore is false, declared true"
    ]
    assert not_taken({"labels": ["a=1", "b=2"]}, {"Labels": ["b=2", "a=1"]}, {}) == []
