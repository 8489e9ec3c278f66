"""The steps of a plan are carried out in few trips, in their order, and each of them is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.action.carry_out import ActionModule
from ansible_collections.mooring.docker.plugins.module_utils._tls import pair
from ansible_collections.mooring.docker.plugins.plugin_utils import (
    authorities,
    controller,
    generations,
    injected_facts,
    reply,
)
from declaring import task_vars, templar

PASSPHRASE = "long enough for keys"
NETWORK = {"name": "back", "ranges": [{"subnet": "172.30.8.0/24"}]}
PARAMETERS: dict[str, dict[str, Any]] = {
    "packages": {"required": ["docker.io"], "optional": []},
    "certificate": {"reason": "there is none", "trust": True, "authorities": ["make both"], "check": False},
    "configuration": {
        "fragments": ["10-engine", "20-network"],
        "chosen": {"bip": "172.31.0.1/24"},
        "on_conflict": "refuse",
        "socket": {"mode": "0600"},
        "restart": "when_needed",
        "containers": "keep",
        "data_root_change": "refuse",
        "adopted": False,
        "files": [],
    },
    "socket_group": {"group": "docker", "users": ["deploy"], "exclusive": False},
    "apply": {
        "action": "start",
        "restart": "when_needed",
        "containers": "keep",
        "timeout": 60,
        "confirm": 30,
        "keys": [],
        "drained": [],
        "stopped": [],
        "enable": True,
        "pending": None,
    },
    "confirm": {"pending": []},
    "networks": {"make": [NETWORK], "remove": [], "docker_host": "unix:///run/docker.sock", "timeout": 60},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "packages": {"packages": ["docker.io"], "finished": []},
    "certificate": {},
    "configuration": {"effective": {}, "files": [], "plan": {}, "adopted": False, "backup": None},
    "socket_group": {"added": ["deploy"], "removed": [], "ended": 0, "reconnect": False},
    "apply": {"action": "start", "keys": [], "reasons": [], "pending": None, "drained": [], "armed": True},
    "confirm": {"confirmed": ["docker.service"]},
    "networks": {"made": ["back"], "removed": []},
}
"""What a host tells of each step, beside its name and that it changed something."""


class Host:
    """What the action does to a host, in order: the names of the steps of each trip, and "new connection"."""

    def __init__(self, directory: Path) -> None:
        self.course: list[list[str] | str] = []
        self.told: dict[str, Any] = {}
        self.names = ["DNS:trixie", "IP:192.0.2.7"]
        self.answers = {name: {"name": name, "changed": True, **answer} for name, answer in ANSWERS.items()}
        self.variables = task_vars(
            docker_engine_endpoints=["unix:///run/docker.sock", "tcp://0.0.0.0:2376"],
            docker_engine_ca_directory=str(directory / "pki"),
            docker_engine_ca_passphrase=PASSPHRASE,
            docker_network_networks=[NETWORK],
            docker_network_mtu=1400,
        )
        self.key = dict(zip(("pair", "csr"), pair.request(directory / "tls", "server"), strict=True))
        self.answers["key"] = {"name": "key", "changed": True, **self.key}

    def run(self, part: str, *names: str, prepared: dict[str, Any] | None = None) -> dict[str, Any]:
        """Carry out a part of a plan with the steps of these names."""
        arguments = {
            "part": part,
            "steps": {name: {"name": name, "parameters": PARAMETERS[name]} for name in names},
            "certificate_names": self.names,
            "inventory": {},
            **({"prepared": prepared} if prepared else {}),
        }
        task: Any = SimpleNamespace(args=arguments, check_mode=False, async_val=0, action="carry_out", diff=False)
        connection: Any = SimpleNamespace(
            _shell=SimpleNamespace(tmpdir=None), reset=lambda: self.course.append("new connection")
        )
        action = ActionModule(task, connection, None, None, templar(self.variables), None)
        action._execute_module = self._answer
        return action.run(None, self.variables)

    def _answer(self, module: str, arguments: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert module == "mooring.docker.execute_steps"
        self.course.append([step["name"] for step in arguments["steps"]])
        outcomes = []
        for step in arguments["steps"]:
            self.told[step["name"]] = step["parameters"]
            outcomes.append(dict(self.answers[step["name"]]))
            if "failed" in outcomes[-1]:
                break
        said = {"steps": outcomes, "changed": True}
        assert reply.mismatch(said, reply.REPLIES["execute_steps"], "") is None
        return said


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(injected_facts, "refuse", lambda: None)
    monkeypatch.setattr(controller, "addresses_towards", lambda address: [])
    return Host(tmp_path)


def _titles(result: dict[str, Any]) -> list[str]:
    return [step["title"] for step in result["steps"] if step["changed"]]


def _failed(name: str) -> dict[str, Any]:
    return {"name": name, "failed": True, "msg": "dockerd says no"}


def test_a_first_run_takes_three_trips_and_tells_every_step(host: Host, tmp_path: Path) -> None:
    prepared = host.run("preparation", *PARAMETERS)
    assert "failed" not in prepared, prepared.get("msg")
    assert _titles(prepared) == [
        "Install the packages",
        "Make the certificate authorities (Mooring server CA 1)",
        "Make the certificate authorities (Mooring client CA 1)",
    ]
    result = host.run("change", *PARAMETERS, prepared=prepared)
    assert "failed" not in result, result.get("msg")
    assert host.course == [
        ["packages", "key"],
        ["certificate", "configuration", "socket_group", "apply"],
        # A connection from before the change proves nothing.
        "new connection",
        ["confirm", "networks"],
    ]
    assert _titles(result) == [
        "Issue the server's key and certificate",
        "Compose daemon.json",
        "Decide who is in the group of the socket",
        "Bring the daemon to its configuration",
        "Confirm the change over a new connection",
        "Remove and make networks",
    ]
    settings = ("restart", "containers", "timeout", "confirm")
    assert host.told["apply"] == {option: PARAMETERS["apply"][option] for option in settings}
    assert host.told["configuration"]["socket"] == {"mode": "0600"}
    assert host.told["socket_group"] == PARAMETERS["socket_group"]
    assert host.told["certificate"]["pair"] == host.key["pair"]
    known = authorities.view(str(tmp_path / "pki"))
    assert host.told["certificate"]["trusted"] == known["client"]["bundle"] != ""
    fragments = host.told["configuration"]["fragments"]
    assert fragments["10-engine"]["hosts"] == ["fd://", "tcp://0.0.0.0:2376"]
    assert fragments["20-network"]["bip"] == "172.31.0.1/24"
    assert [(each["name"], each["ranges"]) for each in host.told["networks"]["networks"]] == [
        ("back", NETWORK["ranges"])
    ]
    assert host.told["networks"]["networks"][0]["driver_options"] == {"com.docker.network.driver.mtu": 1400}
    (entry,) = authorities.index(str(tmp_path / "pki"), "server")
    assert (entry["name"], entry["status"], entry["names"]) == ("trixie", "current", ["DNS:trixie", "IP:192.0.2.7"])


def test_a_change_alone_is_one_trip(host: Host) -> None:
    entry = {"before": "a", "after": "b"}
    host.answers["configuration"]["diff"] = [entry]
    host.answers["apply"] |= {"armed": False, "diff": entry}
    result = host.run("change", "configuration", "apply")
    assert (result["changed"], result["diff"]) == (True, [entry, entry])
    assert host.course == [["configuration", "apply"]]


def test_what_an_earlier_run_left_pending_is_confirmed_over_a_new_connection(host: Host) -> None:
    host.run("change", "confirm", "networks")
    assert host.course == ["new connection", ["confirm", "networks"]]


def test_what_the_daemon_says_is_pending_decides_where_the_daemon_was_changed(host: Host) -> None:
    host.answers["apply"]["armed"] = False
    host.run("change", "apply", "confirm", "networks")
    assert host.course == [["apply"], ["networks"]]


def test_a_step_that_fails_ends_the_run_and_what_came_before_is_told(host: Host, tmp_path: Path) -> None:
    prepared = host.run("preparation", *PARAMETERS)
    host.answers["apply"] = _failed("apply")
    result = host.run("change", *PARAMETERS, prepared=prepared)
    assert (result["failed"], result["msg"]) == (True, "dockerd says no")
    assert result["step"] == "Bring the daemon to its configuration"
    assert _titles(result)[-2:] == ["Compose daemon.json", "Decide who is in the group of the socket"]
    assert host.course[-1] == ["certificate", "configuration", "socket_group", "apply"]
    # The host has its certificate, whatever came after.
    assert [entry["status"] for entry in authorities.index(str(tmp_path / "pki"), "server")] == ["current"]


def test_a_certificate_that_was_not_installed_stays_unconfirmed(host: Host, tmp_path: Path) -> None:
    prepared = host.run("preparation", *PARAMETERS)
    host.answers["certificate"] = _failed("certificate")
    result = host.run("change", *PARAMETERS, prepared=prepared)
    assert result["step"] == "Issue the server's key and certificate"
    assert [entry["status"] for entry in authorities.index(str(tmp_path / "pki"), "server")] == ["unconfirmed"]


def test_a_connection_that_holds_the_group_is_closed_also_where_the_daemon_fails(host: Host) -> None:
    host.answers["socket_group"]["reconnect"] = True
    host.answers["apply"] = _failed("apply")
    assert host.run("change", "socket_group", "apply")["failed"]
    assert host.course == [["socket_group", "apply"], "new connection"]


def test_only_the_authorities_of_clients_are_replaced(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARAMETERS, "certificate", {**PARAMETERS["certificate"], "reason": ""})
    assert host.run("preparation", "certificate")["key"] is None
    result = host.run("change", "certificate")
    assert host.course == [["certificate"]]
    assert set(host.told["certificate"]) == {"trust_file", "trusted"}
    assert host.told["certificate"]["trust_file"] == "/etc/docker/tls/client-ca.pem"
    assert _titles(result) == ["Replace the authorities whose clients get in"]


def test_authorities_that_cannot_be_made_are_a_failure_after_what_was_done(host: Host, tmp_path: Path) -> None:
    generations.make(str(tmp_path / "pki"), "server", 1, "another passphrase", 1, 1)
    for path in (tmp_path / "pki/authorities").glob("server-1.pem"):
        path.unlink()
    result = host.run("preparation", *PARAMETERS)
    assert (result["failed"], result["step"]) == (True, "Make the certificate authorities")
    assert "server-1-key.pem" in result["msg"]
    assert _titles(result) == ["Install the packages"]


@pytest.mark.parametrize("said", [[], [_failed("configuration")], [ANSWERS["confirm"] | {"name": "confirm"}]])
def test_a_host_that_does_not_tell_all_steps_has_failed(
    host: Host, monkeypatch: pytest.MonkeyPatch, said: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(host, "_answer", lambda *_words, **_more: {"steps": said})
    result = host.run("change", "configuration", "apply")
    assert result["failed"]
    assert result["step"] == "Compose daemon.json"
    assert result["steps"] == []


def test_a_host_gets_no_certificate_for_another(host: Host) -> None:
    host.names = ["DNS:trixie", "DNS:forky"]
    with pytest.raises(AnsibleActionFail, match="trixie gets no certificate for other hosts of the inventory"):
        host.run("preparation", "certificate")


def test_a_warning_of_a_step_is_one_of_the_run(host: Host) -> None:
    host.answers["apply"] |= {"armed": False, "warnings": ["a restart is pending"]}
    result = host.run("change", "apply")
    assert result["warnings"] == ["a restart is pending"]
