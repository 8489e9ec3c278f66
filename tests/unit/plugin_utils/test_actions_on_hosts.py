"""The controller's side of modules: what it sends, what it takes of the answers, and in what order it does so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.action import (
    authority_rotation,
    issue_certificate,
    plan,
    show_findings,
    verify,
)
from ansible_collections.mooring.docker.plugins.module_utils._tls import pair
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities, generations, keys, plan_file
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation import steps
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation.states import RotationError
from declaring import INVENTORY, task_vars, templar

PASSPHRASE = "correct horse battery"
STEP: dict[str, Any] = {
    "name": "apply",
    "role": "docker_engine",
    "summary": "restart",
    "reasons": [],
    "effects": [],
    "parameters": {},
    "diff": [{"before": "", "after": "restart"}],
}
Reply = Callable[[str, dict[str, Any]], dict[str, Any]]


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ansible.cfg has it: what hosts answer becomes no variable."""
    monkeypatch.setattr(constants.config, "get_config_value_and_origin", lambda _name: (False, "default"))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fleet's authorities, whose passphrase is cheap to guess."""
    monkeypatch.setattr(keys, "_N", 16)
    for kind in authorities.KINDS:
        generations.make(str(tmp_path / "pki"), kind, 1, PASSPHRASE, 397, 3650)
    return str(tmp_path / "pki")


class Run:
    """One task with an action, on the host trixie; ``reply`` answers for the modules on it."""

    def __init__(
        self, action: Any, options: dict[str, Any], reply: Reply, check: bool = False, **variables: Any
    ) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        of_task = task_vars(**variables)
        task = SimpleNamespace(action="mooring.docker.it", args=options, check_mode=check, async_val=0, diff=False)
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), has_native_async=False)
        sending = type("Sending", (action.ActionModule,), {"_execute_module": self._send(reply)})
        self._module = sending(task, connection, SimpleNamespace(check_mode=check), None, templar(of_task), None)
        self._variables = of_task

    def _send(self, reply: Reply) -> Callable[..., dict[str, Any]]:
        def send(_self: Any, module_name: str, module_args: dict[str, Any], task_vars: Any = None) -> dict[str, Any]:
            name = module_name.rpartition(".")[2]
            self.sent.append((name, json.loads(json.dumps(module_args))))
            return reply(name, module_args)

        return send

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = self._module.run(task_vars=self._variables)
        return found


# plan ------------------------------------------------------------------------------------------------


def planning(directory: str, names: list[str] | None = None, check: bool = False, **options: Any) -> Run:
    """A plan of one step for a host with a TLS endpoint, whose certificate is for ``names``."""
    answer = {"plan": {"refusals": [], "steps": [STEP]}, "certificate_names": names or [], "composition": None}
    return Run(
        plan,
        {"roles": ["docker_engine"], "inventory": {"trixie": ["DNS:trixie"], "forky": ["DNS:forky"]}, **options},
        lambda _name, _sent: answer,
        check,
        docker_engine_endpoints=["unix:///run/docker.sock", "tcp://0.0.0.0:2376"],
        docker_engine_ca_directory=directory,
        docker_engine_ca_passphrase=PASSPHRASE,
    )


def test_steps_of_a_plan_are_given_by_name(directory: str) -> None:
    run = planning(directory)
    result = run.result()
    assert result["steps"] == {"apply": STEP}
    assert not result["changed"]
    # What a certificate is for is the controller's to say.
    assert "DNS:trixie" in result["certificate_names"]
    assert PASSPHRASE not in json.dumps(run.sent)
    assert "forky" not in json.dumps(run.sent), "no host is told of the others"


def test_check_mode_shows_the_plan_and_has_no_steps(directory: str) -> None:
    result = planning(directory, check=True).result()
    assert (result["changed"], result["steps"], result["diff"]) == (True, {}, STEP["diff"])


def test_only_what_was_reviewed_is_carried_out(directory: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plan_file.text({"trixie": {"refusals": [], "steps": [STEP]}}))  # type: ignore[typeddict-item]
    assert planning(directory, file=str(path)).result()["steps"] == {"apply": STEP}
    path.write_text(plan_file.text({"trixie": {"refusals": [], "steps": []}}))
    with pytest.raises(AnsibleActionFail, match="apply is needed now"):
        planning(directory, file=str(path)).result()


def test_a_certificate_with_names_of_another_host_is_planned_anew(directory: str) -> None:
    run = planning(directory, ["DNS:trixie", "DNS:forky"])
    run.result()
    reissue = [sent["declaration"]["engine"]["issued"]["reissue"] for _name, sent in run.sent]
    assert reissue == ["", "it is also for DNS:forky of forky"]


def test_a_refused_plan_fails(directory: str) -> None:
    run = Run(
        plan,
        {"roles": ["docker_engine"], "inventory": {}},
        lambda _name, _sent: {"plan": {"refusals": ["no room"], "steps": []}, "certificate_names": []},
    )
    result = run.result()
    assert (result["failed"], result["msg"], "steps" in result) == (True, "trixie: no room", False)


# issue_certificate -----------------------------------------------------------------------------------


def issuing(directory: str, place: Path, reply: Reply | None = None, **options: Any) -> Run:
    def answer(_name: str, sent: dict[str, Any]) -> dict[str, Any]:
        if "certificate" in sent:
            return {}
        made, csr = pair.request(place, "server")
        return {"pair": made, "csr": csr}

    given = {"kind": "server", "name": "trixie", "names": ["DNS:trixie"], "place": str(place), "days": 397}
    secret = {"authorities": directory, "passphrase": PASSPHRASE}
    return Run(issue_certificate, {**given, **secret, **options}, reply or answer)


def entries(directory: str) -> list[str]:
    """The index of servers: names of its files."""
    return sorted(path.name for path in Path(directory, "issued/servers").iterdir())


def test_a_certificate_is_announced_before_its_machine_has_it_and_confirmed_after(
    directory: str, tmp_path: Path
) -> None:
    seen = []

    def reply(_name: str, sent: dict[str, Any]) -> dict[str, Any]:
        seen.append(entries(directory))
        made, csr = pair.request(tmp_path / "tls", "server")
        return {"pair": made, "csr": csr}

    issuing(directory, tmp_path / "tls", reply, trust_file="/etc/docker/tls/client-ca.pem").result()
    assert [*seen, entries(directory)] == [[], ["trixie.pem.next"], ["trixie.pem"]]


def test_a_machine_gets_its_certificate_and_the_authorities_of_the_others(directory: str, tmp_path: Path) -> None:
    run = issuing(directory, tmp_path / "tls", trust_file="/etc/docker/tls/client-ca.pem")
    run.result()
    (_first, (_name, sent)) = run.sent
    known = authorities.view(directory)
    assert sent["certificate"] == Path(directory, "issued/servers/trixie.pem").read_text() + known["server"]["chain"]
    assert sent["trusted"] == known["client"]["bundle"]
    assert PASSPHRASE not in json.dumps(run.sent)


@pytest.mark.parametrize(
    ("options", "owner"),
    [
        ({"names": ["DNS:trixie", "DNS:forky"]}, "DNS:forky is for forky"),
        ({"names": ["IP:192.0.2.8"]}, "IP:192.0.2.8 is for forky"),
        ({"names": ["DNS:*.example.com"]}, "is for gate.example.com"),
        ({"name": "forky"}, "DNS:forky is for forky"),
    ],
)
def test_no_host_gets_a_certificate_for_another(
    directory: str, tmp_path: Path, options: dict[str, Any], owner: str
) -> None:
    run = issuing(directory, tmp_path / "tls", **options)
    with pytest.raises(AnsibleActionFail, match="gets no certificate for other hosts") as caught:
        run.result()
    assert owner in str(caught.value)
    assert run.sent == []


# verify ----------------------------------------------------------------------------------------------


def test_a_verification_compares_all_whatever_is_asked_for(directory: str) -> None:
    run = Run(
        verify,
        {"inventory": {name: [] for name in INVENTORY}},
        lambda _name, _sent: {"failed": True, "msg": "nothing seen"},
        ansible_run_tags=["endpoints"],
        ansible_skip_tags=["engine"],
        docker_engine_restart="when_needed",
    )
    findings = run.result()["findings"]
    ((_name, sent),) = run.sent
    declared = sent["declaration"]
    assert (declared["run_tags"], declared["skip_tags"]) == (["all"], [])
    # So that a restart that is not allowed is no reason to compare nothing.
    assert (declared["engine"]["restart"], declared["network"]["restart"]) == ("never", "never")
    assert [finding["id"] for finding in findings] == ["host.unobserved"]


def finding(severity: str) -> dict[str, str]:
    return {"host": "a", "severity": severity, "id": "x.y", "expected": "1", "observed": "2", "remedy": "3"}


@pytest.mark.parametrize(
    ("severities", "failed"),
    [([], False), (["warning"], False), (["error"], True), (["error", "warning", "info"], True), (["info"], False)],
)
def test_a_verification_fails_of_any_error(severities: list[str], failed: bool) -> None:
    run = Run(show_findings, {"findings": list(map(finding, severities))}, lambda _name, _sent: {})
    result = run.result()
    assert result["failed"] is failed
    assert len(result.get("msg", [])) == len([one for one in severities if one != "info"])


# authority_rotation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["begin", "promote", "retire", "remove", "confirm", "finish"])
def test_a_rotation_takes_the_step_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    taken: list[str] = []

    def noting(name: str) -> Callable[..., list[str]]:
        return lambda *_words: [taken.append(name) or name]  # type: ignore[func-returns-value]

    for name in ("begin", "promote", "retire", "remove", "confirm", "finish"):
        monkeypatch.setattr(steps, name, noting(name))
    options = {"step": step, "fleet": {"checked": []}, "rotation": {}}
    assert Run(authority_rotation, options, lambda *_: {}, check=True).result()["changed"] is False
    assert taken == []
    assert Run(authority_rotation, options, lambda *_: {}).result() == {"changed": True, "done": [step]}
    assert taken == [step]


def test_a_step_that_must_wait_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_words: Any) -> list[str]:
        raise RotationError("alice would be locked out")

    monkeypatch.setattr(steps, "retire", wait)
    with pytest.raises(AnsibleActionFail, match="alice would be locked out"):
        Run(authority_rotation, {"step": "retire", "fleet": {"checked": []}, "rotation": {}}, lambda *_: {}).result()
