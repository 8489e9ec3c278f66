"""The way to the configuration is the least that does it, and it is refused where the operator would regret it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.classification import ApplyPlan, decide
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS, RESETS, said_once

BASE = {"debug": False, "bip": "172.30.0.1/24"}


def _inputs(**changes: Any) -> dict[str, Any]:
    return {"config": BASE, "command": [["dockerd"]], "socket": "", "tls": {}} | changes


@pytest.mark.parametrize(
    ("running", "read", "wanted", "action"),
    [
        (False, None, _inputs(), "start"),
        (True, None, _inputs(), "restart"),
        (True, _inputs(), _inputs(), "nothing"),
        (True, _inputs(), _inputs(config=BASE | {"debug": True}), "reload"),
        (True, _inputs(), _inputs(config=BASE | {"bip": "172.31.0.1/24"}), "restart"),
        (True, _inputs(), _inputs(config=BASE | {"debug": True, "bip": "172.31.0.1/24"}), "restart"),
        (True, _inputs(), _inputs(config={"debug": False}), "restart"),
        (True, _inputs(), _inputs(command=[["dockerd", "-D"]]), "restart"),
        (True, _inputs(), _inputs(socket="[Socket]"), "restart"),
        (True, _inputs(tls={"tlscert": "a"}), _inputs(tls={"tlscert": "b"}), "restart"),
    ],
)
def test_least_disturbance(running: bool, read: dict[str, Any] | None, wanted: dict[str, Any], action: str) -> None:
    assert decide(running, read, wanted, (28, 5)).action == action


def test_option_that_is_gone_is_reloaded_where_its_default_can_be_said() -> None:
    with_labels, without = _inputs(config=BASE | {"labels": ["a=1"]}), _inputs()
    assert decide(True, with_labels, without, (28, 5)).action == "reload"
    assert said_once(with_labels["config"], without["config"]) == {"labels": []}


def test_option_that_is_gone_needs_a_restart_where_its_default_is_the_hosts() -> None:
    read, wanted = _inputs(config=BASE | {"default-cgroupns-mode": "host"}), _inputs()
    assert decide(True, read, wanted, (28, 5)).action == "restart"
    assert decide(True, wanted, read, (28, 5)).action == "reload"


def test_option_that_sighup_resets_by_itself_is_not_said() -> None:
    assert OPTIONS["max-concurrent-downloads"].reload.default is RESETS  # type: ignore[union-attr]
    assert said_once({"max-concurrent-downloads": 7}, {}) == {}


@pytest.mark.parametrize("key", sorted(key for key, option in OPTIONS.items() if option.reload))
def test_reloadable_option_names_its_source(key: str) -> None:
    row = OPTIONS[key].reload
    assert row is not None
    assert row.source.startswith("reload")


@pytest.mark.parametrize(
    ("plan", "policy", "words"),
    [
        (ApplyPlan("nothing"), "never", None),
        (ApplyPlan("reload", ["labels"], containers=["web"]), "never", None),
        (ApplyPlan("restart", ["log-driver"]), "only_without_containers", None),
        (ApplyPlan("restart", ["log-driver"], containers=["web"], survives=True), "only_without_containers", None),
        (ApplyPlan("restart", ["log-driver"], containers=["web"]), "only_without_containers", "would stop web"),
        (ApplyPlan("restart", ["log-driver"], containers=["web"]), "when_needed", None),
        (ApplyPlan("restart", ["log-driver"]), "never", "pending"),
        (ApplyPlan("restart", ["bip"], containers=["web"], survives=True), "when_needed", "leaves bip as it is"),
        (ApplyPlan("restart", ["bip"], containers=["web"], survives=True, shown=["bip"]), "when_needed", None),
        (ApplyPlan("restart", ["bip"], containers=["web"]), "when_needed", None),
        (
            ApplyPlan("restart", ["bip"], containers=["web"], survives=True, drained=["web"]),
            "only_without_containers",
            None,
        ),
        (ApplyPlan("restart", ["bip"], containers=["web"], drained=["web"]), "only_without_containers", None),
        (ApplyPlan("restart", ["bip"], containers=["web"], drained=["web"]), "never", "pending"),
        (
            ApplyPlan("restart", ["firewall-backend"], containers=["db", "web"], survives=True, resolving=["db"]),
            "when_needed",
            "live-restore keeps db running, and names of other containers could not be resolved there any more",
        ),
        # The daemon runs with it already; containers of docker0 have the host's resolvers; those of others start anew.
        (
            ApplyPlan(
                "restart",
                ["firewall-backend"],
                containers=["db"],
                survives=True,
                shown=["firewall-backend"],
                resolving=["db"],
            ),
            "only_without_containers",
            None,
        ),
        (
            ApplyPlan("restart", ["firewall-backend"], containers=["web"], survives=True),
            "only_without_containers",
            None,
        ),
        (ApplyPlan("restart", ["log-driver"], containers=["db"], survives=True, resolving=["db"]), "when_needed", None),
        (ApplyPlan("restart", ["firewall-backend"], containers=["db"], resolving=["db"]), "when_needed", None),
        (
            ApplyPlan("restart", ["bip"], containers=["a"], drained=["a"], not_restartable=["a is paused"]),
            "when_needed",
            "a is paused",
        ),
        (ApplyPlan("start", ["bip"], containers=["0123"]), "only_without_containers", "would stop 0123"),
        (ApplyPlan("start", ["bip"], containers=["0123"], survives=True), "only_without_containers", None),
        (ApplyPlan("start"), "never", None),
    ],
)
def test_refusal(plan: ApplyPlan, policy: str, words: str | None) -> None:
    refusal = plan.refusal(policy)
    assert refusal is None if words is None else words in (refusal or "")


def test_only_a_restart_that_finds_containers_holds_the_bridge() -> None:
    assert ApplyPlan("restart", ["bip", "log-driver", "mtu"], containers=["web"], shown=["mtu"]).ignored_keys() == [
        "bip"
    ]
    assert ApplyPlan("restart", ["bip"]).ignored_keys() == []
    assert ApplyPlan("start", ["bip"], containers=["web"]).ignored_keys() == []


def test_plan_names_the_containers_that_it_stops() -> None:
    sentence = ApplyPlan("restart", ["bip"], ["changed: bip"], ["web", "db"], drained=["db", "web"]).sentence()
    assert sentence == "restart (changed: bip; stops db, web before, starts them again after)"
