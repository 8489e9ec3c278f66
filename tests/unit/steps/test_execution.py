"""Several steps in one trip: each does what its module does, and the first that fails is the last."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._steps import execution, key, packages
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError
from ansible_collections.mooring.docker.plugins.module_utils._system import apt
from ansible_collections.mooring.docker.plugins.modules import execute_steps
from ansible_collections.mooring.docker.plugins.plugin_utils import reply

PACKAGE = "ansible_collections.mooring.docker.plugins.module_utils"


def _execute(*steps: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    told = [{"name": name, "parameters": parameters} for name, parameters in steps]
    outcomes = execution.execute(told, execute_steps._validate)
    assert reply.mismatch({"steps": outcomes}, reply.REPLIES["execute_steps"], "") is None
    return outcomes


def test_a_key_is_made_and_gets_its_certificate(tmp_path: Path) -> None:
    (made,) = _execute(("key", {"place": str(tmp_path), "kind": "server"}))
    assert "BEGIN CERTIFICATE REQUEST" in made["csr"]
    trust = tmp_path / "client-ca.pem"
    (done,) = _execute(
        ("certificate", {"pair": made["pair"], "certificate": "C", "trust_file": str(trust), "trusted": "T"})
    )
    assert done == {"name": "certificate", "changed": True}
    assert (tmp_path / "server/cert.pem").read_text() == "C"
    assert trust.read_text() == "T"
    assert trust.stat().st_mode & 0o777 == 0o644


def test_trust_alone_leaves_the_certificate(tmp_path: Path) -> None:
    _execute(("certificate", {"trust_file": str(tmp_path / "ca.pem"), "trusted": "T"}))
    assert [path.name for path in tmp_path.iterdir()] == ["ca.pem"]


def test_the_first_failure_is_the_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_words: Any) -> tuple[list[str], list[str]]:
        raise apt.AptError("no such package")

    monkeypatch.setattr(packages, "_install", fail)
    outcomes = _execute(("packages", {"required": ["x1"]}), ("key", {"place": str(tmp_path), "kind": "server"}))
    assert outcomes == [{"name": "packages", "failed": True, "msg": "no such package"}]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("packages", {}, "missing required arguments: required"),
        ("packages", {"required": ["--purge"]}, "'--purge' is no name of a package"),
        ("key", {"place": "/tmp", "kind": "root"}, "value of kind must be one of"),
        ("apply", {"restart": "always"}, "value of restart must be one of"),
        ("shell", {}, "there is no step 'shell'"),
    ],
)
def test_parameters_are_those_of_the_module(name: str, parameters: dict[str, Any], reason: str) -> None:
    (outcome,) = _execute_unchecked(name, parameters)
    assert outcome["failed"]
    assert reason in outcome["msg"]


def _execute_unchecked(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    return execution.execute([{"name": name, "parameters": parameters}], execute_steps._validate)


def test_a_trip_that_cannot_begin_tells_nothing_of_its_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy() -> None:
        raise TimeoutError("another run holds the lock")

    monkeypatch.setattr(state, "locked", busy)
    fragments = {"30-logging": {"log-opts": {"splunk-token": "s3cret"}}}
    steps = [{"name": "configuration", "parameters": {"fragments": fragments}}]
    with patch_module_args({"steps": steps}), pytest.raises(SystemExit):
        execute_steps.main()
    said = capsys.readouterr().out
    assert "another run holds the lock" in said
    assert "s3cret" not in said


def test_a_key_needs_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key.pair, "has_cryptography", False)
    with pytest.raises(StepError, match="install python3-cryptography"):
        key.execute({"place": str(tmp_path), "kind": "server"})


def test_a_trip_loads_only_the_steps_that_it_carries_out() -> None:
    """A library that an earlier step installs is looked for afterwards, too."""
    program = (
        f"import sys; from {PACKAGE}._steps import execution; "
        "execution.execute([{'name': 'packages', 'parameters': {'required': ['-']}}], lambda spec, options: options); "
        "print([name for name in sys.modules if '_tls' in name or '_apply' in name])"
    )
    program = program.replace("{'required': ['-']}", "{'required': ['-'], 'optional': []}")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_packages_are_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_install", lambda required, optional, check_mode: (["c1"], [*required, *optional]))
    assert packages.execute({"required": ["a1"], "optional": ["b1"]}, False) == {
        "changed": True,
        "packages": ["a1", "b1"],
        "finished": ["c1"],
        "diff": {"before": "", "after": "c1\na1\nb1\n", "after_header": "installed packages"},
    }
