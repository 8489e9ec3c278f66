"""The host is looked at once; the declared configuration is tried on it, whole and as far as tags ask for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.fragments import ConfigError
from ansible_collections.mooring.docker.plugins.module_utils._plan import observation
from planned_host import CERTIFICATE, COMPOSED, HOST, ApplyPlan, Planned


class Tries:
    """In the place of the host and of the composition; ``refuses`` has the fragments that the host refuses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, planned: Planned) -> None:
        self.planned = planned
        self.made: list[tuple[list[str], bool]] = []
        self.arguments: list[tuple[Any, ...]] = []
        self.refuses: dict[str, str] = {}
        self.asked: dict[str, Any] = {}
        self.planned_action = "nothing"
        monkeypatch.setattr(observation.host_observation, "observe", self._observe)
        monkeypatch.setattr(observation.composition, "configure", self._configure)
        monkeypatch.setattr(observation.daemon, "secrets", lambda: {"s3cr3t-proxy"})
        monkeypatch.setattr(observation.planning, "observe", lambda may_drain: self)
        self.plan = ApplyPlan("reload", ["labels"], [f"drain {planned.engine is not None}"])

    def _observe(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return self.planned.host

    def _configure(self, fragments: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        assert options["check_mode"] is True
        self.made.append((list(fragments), options["tls_to_come"]))
        self.arguments.append((fragments, *arguments, options["may_drain"]))
        for name, reason in self.refuses.items():
            if name in fragments or any(name in content for content in fragments.values()):
                raise ConfigError(reason)
        return {**COMPOSED, "files": sorted(fragments), "plan": ApplyPlan(self.planned_action)}

    def observe(self) -> observation.Observation:
        return observation.observe(self.planned.declaration)


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> Tries:
    return Tries(monkeypatch, Planned())


BOTH = ["10-engine", "20-network"]


@pytest.mark.parametrize(
    ("tags", "is_due", "tried", "composed"),
    [
        (["all"], False, [(BOTH, False)], BOTH),
        (["all"], True, [(BOTH, True)], BOTH),
        (["configure"], False, [(BOTH, False)], BOTH),
        # Who does not ask for the certificate is told that its files are missing.
        (["configure"], True, [(BOTH, False), (BOTH, True)], BOTH),
        (["bridge"], False, [(["20-network"], False), (BOTH, False)], ["20-network"]),
        (["sysctls"], False, [(BOTH, False)], None),
        (["sysctls"], True, [(BOTH, True)], None),
    ],
)
def test_what_is_tried(
    tries: Tries, tags: list[str], is_due: bool, tried: list[Any], composed: list[str] | None
) -> None:
    tries.planned.tags(*tags)
    if is_due:
        tries.planned.host["certificates"][CERTIFICATE] = None
    seen = tries.observe()
    assert sorted(tries.made) == sorted(tried)
    assert (seen.composition and seen.composition["files"]) == composed


def test_the_fragments_are_the_declared_and_the_chosen_options(tries: Tries) -> None:
    tries.planned.host["network"]["addresses"].append({"interface": "eth1", "address": "172.17.0.9/16"})
    seen = tries.observe()
    (fragments, on_conflict, socket, restart, may_drain) = tries.arguments[0]
    assert fragments["10-engine"] == tries.planned.engine["options"]
    assert fragments["20-network"] == {"mtu": 1450, **seen.chosen}
    assert {"base": "172.18.0.0/16", "size": 16} in seen.chosen["default-address-pools"]
    assert (on_conflict, restart, may_drain) == ("refuse", "only_without_containers", False)
    assert socket == tries.planned.engine["socket"]


def test_the_network_alone_leaves_the_sockets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Planned("network")
    planned.network.update(on_conflict="declared", restart="never", containers="drain")
    tries = Tries(monkeypatch, planned)
    tries.observe()
    assert tries.arguments[0][1:] == ("declared", None, "never", True)
    assert tries.asked["ssh_user"] is None
    assert tries.asked["names"] == ["nftables", "procps"]


def test_what_the_host_refuses_is_a_refusal_without_secrets(tries: Tries) -> None:
    tries.refuses["10-engine"] = "dockerd refuses http://u:s3cr3t-proxy@p: bad"
    seen = tries.observe()
    assert seen.composition is None
    assert seen.refused == ["dockerd refuses http://u:********@p: bad"]
    tries.planned.tags("bridge")
    assert tries.observe().refused == seen.refused


def test_a_broken_daemon_json_is_not_tried(tries: Tries) -> None:
    tries.planned.host["configuration"]["error"] = "no JSON"
    assert tries.observe().composition is None
    assert tries.made == []


def test_an_unfit_host_is_not_tried(tries: Tries) -> None:
    tries.planned.host = {"system": {"kernel": "Darwin"}}
    assert tries.observe() == observation.Observation({"system": {"kernel": "Darwin"}})
    assert tries.made == []


def test_what_files_ask_for_that_are_there_counts_where_the_dry_run_says_nothing(tries: Tries) -> None:
    assert tries.observe().pending is None
    tries.planned.host["configuration"]["pending"] = {"action": "reload", "keys": [], "reasons": []}
    seen = tries.observe()
    assert seen.pending == seen.apply == tries.plan


def test_what_files_ask_for_is_not_asked_twice(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    tries.planned.host["configuration"]["pending"] = {"action": "reload", "keys": [], "reasons": []}
    restart = ApplyPlan("restart", ["bip"], ["changed: bip"])
    monkeypatch.setattr(
        observation.composition, "configure", lambda *arguments, **options: {**COMPOSED, "plan": restart}
    )
    seen = tries.observe()
    assert (seen.pending, seen.apply) == (None, restart)


def test_the_host_is_asked_for_all_that_the_plan_needs(tries: Tries) -> None:
    tries.observe()
    assert set(tries.asked["names"]) == set(HOST["packages"])
    assert tries.asked["users"] == ["root", "docker-remote", "deploy"]
    assert tries.asked["groups"] == ["docker"]
    assert tries.asked["certificates"] == [CERTIFICATE, "/etc/docker/tls/client-ca.pem"]
    assert tries.asked["ssh_socket"] == "/run/docker.sock"
    assert tries.asked["sysctl_names"] == ["net.ipv4.ip_forward"]
    tries.planned.engine["ssh"]["clients"] = {}
    tries.observe()
    assert tries.asked["ssh_socket"] is None


@pytest.mark.parametrize(
    ("active", "files", "pending", "is_applied"),
    [
        ("active", [], "nothing", True),
        ("inactive", [], "nothing", False),
        ("active", ["/etc/docker/daemon.json"], "nothing", False),
        ("active", [], "reload", False),
    ],
)
def test_daemon_that_runs_with_all_that_is_declared(
    active: str, files: list[str], pending: str, is_applied: bool
) -> None:
    host = {**HOST, "engine": {**HOST["engine"], "service": {**HOST["engine"]["service"], "active": active}}}
    seen = observation.Observation(
        host=host,
        composition={**COMPOSED, "files": files, "plan": ApplyPlan("nothing")},
        pending=None if pending == "nothing" else ApplyPlan(pending),
    )
    assert seen.is_applied == is_applied
    assert not observation.Observation(host=host).is_applied


ROTATION = {"log-driver": "json-file", "log-opts": {"max-size": "10m"}}


def _deferring(tries: Tries, action: str, restart: str = "only_without_containers") -> observation.Observation:
    tries.planned.engine.update(defaults=ROTATION, deferred=list(ROTATION), restart=restart)
    tries.planned.host["configuration"]["fragments"] = {"10-engine": ["hosts"]}
    tries.planned_action = action
    return tries.observe()


@pytest.mark.parametrize("action", ["nothing", "reload"])
def test_no_default_restarts_a_daemon(tries: Tries, action: str) -> None:
    assert _deferring(tries, action).left_out == ["log-driver", "log-opts"]
    assert len(tries.arguments) == 1
    assert "log-driver" not in tries.arguments[0][0]["10-engine"]


def test_a_restart_brings_the_defaults_with_it(tries: Tries) -> None:
    assert _deferring(tries, "restart").left_out == []
    assert [("log-driver" in fragments["10-engine"]) for fragments, *_rest in tries.arguments] == [False, True]


def test_a_restart_that_waits_brings_nothing(tries: Tries) -> None:
    assert _deferring(tries, "restart", restart="never").left_out == ["log-driver", "log-opts"]
    assert len(tries.arguments) == 1


def test_a_daemon_that_does_not_run_starts_with_the_defaults(tries: Tries) -> None:
    tries.planned.host["engine"]["service"]["active"] = "inactive"
    assert _deferring(tries, "start").left_out == []
    assert "log-driver" in tries.arguments[0][0]["10-engine"]


@pytest.mark.parametrize("active", ["active", "inactive"])
def test_nothing_is_refused_because_of_a_default(tries: Tries, active: str) -> None:
    """Such as one that a flag of the unit has, too."""
    tries.refuses["log-driver"] = "log-driver is set in daemon.json and by --log-driver"
    tries.planned.host["engine"]["service"]["active"] = active
    seen = _deferring(tries, "restart")
    assert (seen.left_out, seen.refused) == (["log-driver", "log-opts"], [])
    assert seen.composition is not None
    tries.refuses = {**tries.refuses, "live-restore": "hosts is wrong"}
    assert tries.observe().refused == ["hosts is wrong"]
