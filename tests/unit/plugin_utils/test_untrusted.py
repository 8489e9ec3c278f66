"""One host's words are that host's matter: not another's, not the controller's, and no run's without the setting."""

from __future__ import annotations

import configparser
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import fleets
import pytest
from ansible import constants
from ansible.errors import AnsibleError
from ansible_collections.mooring.docker.plugins.filter.certificates import FilterModule as Certificates
from ansible_collections.mooring.docker.plugins.filter.fleet import FilterModule as Fleet
from ansible_collections.mooring.docker.plugins.module_utils._config import endpoints
from ansible_collections.mooring.docker.plugins.plugin_utils import injected_facts, verification
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import engine, network
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration.place import Place
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import line
from ansible_collections.mooring.docker.plugins.plugin_utils.report import document
from declaring import resolved

ROOT = Path(__file__).resolve().parents[3]

WRONG: list[Any] = [None, 5, "x", [], {}, {"installed": 1}, [{}], {"x": None}]

PLACE = Place(name="web-1", address="192.0.2.7")
VARIABLES = {**resolved("docker_engine"), **resolved("docker_network")}
DECLARED = verification.Declared(
    declaration={
        "name": "web-1",
        "controller": [],
        "run_tags": ["all"],
        "skip_tags": [],
        "engine": engine.declare(VARIABLES, PLACE)[0],
        "network": network.declare(VARIABLES, PLACE)[0],
    },
    variables=VARIABLES,
    place=PLACE,
    renew_days=30,
    observer={},
    probe_hosts={},
)
HOST: dict[str, Any] = fleets.host("web-1")["host"]


def configured(monkeypatch: pytest.MonkeyPatch, value: object, origin: str) -> None:
    """Ansible's setting, as its configuration has it."""

    def get(name: str) -> tuple[object, str]:
        assert name == "INJECT_FACTS_AS_VARS"
        if isinstance(value, Exception):
            raise value
        return value, origin

    monkeypatch.setattr(constants.config, "get_config_value_and_origin", get)


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [
        ("default", 'write "inject_facts_as_vars = false" below [defaults] into /srv/ansible.cfg'),
        ("/srv/ansible.cfg", 'write "inject_facts_as_vars = false" below [defaults] into /srv/ansible.cfg'),
        ("env: ANSIBLE_INJECT_FACT_VARS", "set ANSIBLE_INJECT_FACT_VARS=false"),
    ],
)
def test_facts_that_become_variables_are_refused(monkeypatch: pytest.MonkeyPatch, origin: str, remedy: str) -> None:
    configured(monkeypatch, True, origin)
    monkeypatch.setattr(constants, "CONFIG_FILE", "/srv/ansible.cfg")
    with pytest.raises(AnsibleError) as caught:
        injected_facts.refuse()
    assert remedy in str(caught.value)
    # What asks for the authorities' directory.
    for name in ("authorities", "issued_certificates", "certificate_table"):
        with pytest.raises(AnsibleError):
            Certificates().filters()[name]("/nowhere")
    for name in ("removal_plan", "removal_summary", "rotation_plan"):
        with pytest.raises(AnsibleError):
            Fleet().filters()[name]({})


@pytest.mark.parametrize("value", [False, AnsibleError("No config definition exists for INJECT_FACTS_AS_VARS.")])
def test_facts_that_stay_facts_are_none_of_it(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    """Also where ansible-core has no such setting any more."""
    configured(monkeypatch, value, "default")
    injected_facts.refuse()


@pytest.mark.parametrize(
    ("listening", "looked_at"),
    [
        (["tcp://0.0.0.0:2376", "tcp://[::]:2377", "unix:///x"], ["tcp://192.0.2.7:2376", "tcp://192.0.2.7:2377"]),
        (["tcp://192.0.2.7:2376"], ["tcp://192.0.2.7:2376"]),
        (["tcp://10.0.0.7:2376"], ["tcp://10.0.0.7:2376"]),
        (["tcp://10.0.0.8:2376", "tcp://169.254.169.254:80", "tcp://127.0.0.1:22", "tcp://localhost:22"], []),
        (["tcp://10.0.0.7:22"], []),
        (["tcp://[::ffff:10.0.0.8]:22", "tcp://web-2:22", "tcp://x y:1", "tcp://a:b:c", "http://x", ""], []),
        ([f"tcp://0.0.0.0:{port}" for port in range(1, 65536)], [f"tcp://192.0.2.7:{port}" for port in range(1, 17)]),
    ],
)
def test_a_host_does_not_say_whom_the_controller_asks(listening: list[str], looked_at: list[str]) -> None:
    assert endpoints.observed(listening, "192.0.2.7", ["tcp://10.0.0.7:2376"]) == looked_at


@pytest.mark.parametrize("key", ["system", "engine", "configuration", "network", "nftables", "sysctls", "bridge"])
@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_read_is_a_finding_on_its_host(words: Any, key: str) -> None:
    """Nothing that a host says keeps the others from being compared."""
    host = {**HOST, key: words}
    findings = verification.compare(DECLARED, {"host": host, "composition": words}, []).findings
    assert findings
    assert all(finding.subject for finding in findings)
    broken = verification.compare(DECLARED, {"host": {**HOST, "engine": 5}}, [])
    assert [finding.id for finding in broken.findings] == ["host.unobserved"]
    assert "cannot be read" in broken.findings[0].observed
    assert broken.evidence["host"] is None


def test_what_the_controller_cannot_read_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def vanished(*_anything: Any) -> Any:
        raise FileNotFoundError(2, "No such file or directory", "/srv/ca/index")

    monkeypatch.setattr(verification.platforms, "problem", vanished)
    comparison = verification.compare(DECLARED, {"host": HOST, "composition": None}, [])
    assert [(one.id, "/srv/ca/index" in one.observed) for one in comparison.findings] == [("host.unobserved", True)]
    assert "/srv/ca/index" in comparison.evidence["problems"][0]


def test_evidence_that_cannot_be_written_is_a_finding(tmp_path: Path) -> None:
    comparison = verification.Comparison([], {"host": 1})
    (tmp_path / "file").write_text("")
    assert verification.write(comparison, tmp_path / "evidence", "web-1").findings == []
    assert json.loads((tmp_path / "evidence/web-1.json").read_text()) == {"host": 1}
    (found,) = verification.write(comparison, tmp_path / "file", "web-1").findings
    assert (found.id, found.severity) == ("host.evidence", "error")
    assert str(tmp_path / "file") in found.expected


def test_client_whose_directory_is_closed_is_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cert.pem").write_text("")
    assert verification.observer(str(tmp_path), "ca.pem")["certificate"] == f"{tmp_path}/cert.pem"
    # As access(2) tells users who may not enter.
    monkeypatch.setattr(verification.os, "access", lambda _path, _mode: False)
    assert verification.observer(str(tmp_path), "ca.pem") == {"ca": "ca.pem"}


def test_a_finding_is_one_printable_line() -> None:
    finding = {
        "host": "web-1", "severity": "error", "id": "a.b",
        "expected": "x", "observed": "1\nweb-2: fine\x1b[2J\u202e", "remedy": "y",
    }  # fmt: skip
    shown = line(finding)
    assert shown.isprintable()
    assert r"found: 1\nweb-2: fine\x1b[2J\u202e; remedy" in shown


@pytest.mark.parametrize("wrong", WRONG[1:])
@pytest.mark.parametrize("key", ["system", "engine", "sockets", "listening"])
def test_a_report_without_a_host_that_cannot_be_read_is_the_others(key: str, wrong: Any) -> None:
    honest, liar = fleets.host("web-1"), fleets.host("web-2")
    liar["host"] = {**liar["host"], key: wrong}
    report = document.document([honest, liar], None, [], "lab", fleets.GENERATED)
    assert {one["name"] for one in report["hosts"]} == {"web-1", "web-2"}
    (first,) = (one for one in report["hosts"] if one["name"] == "web-1")
    assert first["observed"]
    assert first["containers"]


@pytest.mark.parametrize("key", ["bridges", "networks", "containers", "uplinks"])
def test_a_bridge_that_cannot_be_read_is_said_of_its_host(key: str) -> None:
    liar = fleets.host("web-2")
    liar["bridge"] = {**liar["bridge"], key: [5]}
    report = document.document([fleets.host("web-1"), liar], None, [], "lab", fleets.GENERATED)
    assert {one["name"]: one["observed"] for one in report["hosts"]} == {"web-1": True, "web-2": False}
    assert "what it says cannot be read" in report["hosts"][0]["error"]


def test_a_host_that_says_too_much_is_not_drawn() -> None:
    """A reply of some MiB may name every container on every bridge."""
    for bridges, containers in ((200, 200), (20_000, 20_000)):
        liar = fleets.host("web-2")
        bridge, container = liar["bridge"]["bridges"][0], liar["bridge"]["containers"][0]
        liar["bridge"]["bridges"] = [bridge] * bridges
        liar["bridge"]["containers"] = [{**container, "id": str(number)} for number in range(containers)]
        container["networks"] = {bridge["network"]: {"addresses": []}}
        for number, one in enumerate(liar["bridge"]["containers"]):
            one.update(name=f"n{number}", networks=container["networks"])
        report = document.document([fleets.host("web-1"), liar], None, [], "lab", fleets.GENERATED)
        assert {one["name"]: one["observed"] for one in report["hosts"]} == {"web-1": True, "web-2": False}


def test_connections_of_the_controller_forward_nothing(tmp_path: Path) -> None:
    """Whatever the operator's own settings give to other hosts."""
    config = tmp_path / "config"
    config.write_text("Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  RemoteForward 8080 localhost:80\n")
    settings = configparser.ConfigParser()
    settings.read(ROOT / "ansible.cfg")
    # As the connection plugin splits them.
    words = shlex.split(settings["ssh_connection"]["ssh_args"])
    for given, forwards in (([], True), (words, False)):
        line = ["ssh", "-F", str(config), *given, "-G", "web-1"]
        said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
        expected = ["yes", "yes", "no"] if forwards else ["no", "no", "yes"]
        names = ("forwardagent", "forwardx11", "clearallforwardings")
        assert [one.split()[1] for name in names for one in said if one.split()[0] == name] == expected
