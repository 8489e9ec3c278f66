"""What the variables of a host declare is tied together on the controller, without a trip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._plan import configuration
from ansible_collections.mooring.docker.plugins.plugin_utils import controller, declaration, generations
from declaring import task_vars, templar

BOTH = ("docker_engine", "docker_network")
TCP = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]
PASSPHRASE = "long enough for keys"


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller's address towards every host."""
    monkeypatch.setattr(controller, "addresses_towards", lambda host: [f"towards {host}"])


def _declare(*roles: str, fleet: Any = None, signs: bool = True, **declared: Any) -> tuple[Any, list[str]]:
    variables = task_vars(**declared)
    gathered, problems = declaration.gather(roles, variables, templar(variables), fleet, signs)
    return gathered and gathered.declaration, problems


@pytest.fixture
def authorities(tmp_path: Path) -> str:
    for kind in ("server", "client"):
        generations.make(str(tmp_path), kind, 1, PASSPHRASE, 1, 1)
    return str(tmp_path)


def test_a_declaration_is_json_and_has_a_part_for_each_role() -> None:
    declared, problems = _declare(*BOTH, ansible_run_tags=["apply"], ansible_skip_tags=["networks"])
    assert problems == []
    assert json.loads(json.dumps(declared)) == declared
    assert (declared["name"], declared["controller"]) == ("trixie", ["towards 192.0.2.7"])
    assert (declared["run_tags"], declared["skip_tags"]) == (["apply"], ["networks"])
    assert declared["engine"]["options"]["hosts"] == ["fd://"]
    assert declared["network"]["endpoints"] == ["unix:///run/docker.sock"]
    assert declared["network"]["fleet"] == ["192.0.2.7", "192.0.2.8", "2001:db8::1"]


def test_a_role_alone_declares_its_part() -> None:
    engine, _problems = _declare("docker_engine")
    network, _problems = _declare("docker_network")
    assert (engine["network"], network["engine"]) == (None, None)
    assert network["network"]["endpoints"] is None


def test_a_host_without_an_address_has_its_name() -> None:
    variables = task_vars()
    del variables["ansible_host"]
    gathered, _problems = declaration.gather(["docker_engine"], variables, templar(variables))
    assert gathered is not None
    assert gathered.declaration["controller"] == ["towards trixie"]


def test_problems_of_all_roles_are_told_at_once() -> None:
    declared, problems = _declare(
        *BOTH,
        ansible_connection="winrm",
        docker_engine_socket_mode="0666",
        docker_network_address_block=-1,
        docker_engine_endpoint="fd://",
    )
    assert declared is None
    assert [problem.split()[0] for problem in problems] == [
        "the",
        "docker_engine_endpoint",
        "docker_engine_socket_mode",
        "docker_network_address_block",
    ]
    assert "Windows" in problems[0]


def test_variables_that_cannot_be_read_are_all_that_is_told() -> None:
    declared, problems = _declare(*BOTH, docker_engine_tls="{{ nowhere }}", docker_engine_socket_mode="0666")
    assert (declared, problems) == (None, ["docker_engine_tls: 'nowhere' is undefined"])


def test_the_authorities_of_the_directory_sign(authorities: str) -> None:
    declared, problems = _declare(
        "docker_engine",
        docker_engine_endpoints=TCP,
        docker_engine_ca_directory=authorities,
        docker_engine_ca_passphrase=PASSPHRASE,
    )
    assert problems == []
    issued = declared["engine"]["issued"]
    assert issued["signer"]["name"] == "Mooring server CA 1"
    assert issued["signer"]["key_id"]
    assert len(issued["client_fingerprints"]) == 1
    assert issued["authority_work"] == []
    assert authorities not in json.dumps(declared)


def test_authorities_that_are_still_to_be_made_are_work(tmp_path: Path) -> None:
    declared, _problems = _declare(
        "docker_engine",
        docker_engine_endpoints=TCP,
        docker_engine_ca_directory=str(tmp_path / "pki"),
        docker_engine_ca_passphrase=PASSPHRASE,
    )
    issued = declared["engine"]["issued"]
    assert (issued["signer"]["key_id"], issued["client_fingerprints"]) == (None, [])
    assert "make Mooring server CA 1" in issued["authority_work"]


def test_a_passphrase_is_needed_only_by_who_signs(authorities: str) -> None:
    variables = {"docker_engine_endpoints": TCP, "docker_engine_ca_directory": authorities}
    _nothing, (problem,) = _declare("docker_engine", **variables)
    assert problem.startswith("docker_engine_ca_passphrase is needed")
    assert _declare("docker_engine", signs=False, **variables)[1] == []


def test_fragments_have_what_the_plan_has_chosen() -> None:
    variables = task_vars(docker_network_mtu=1400)
    gathered, _problems = declaration.gather(BOTH, variables, templar(variables))
    assert gathered is not None
    assert configuration.content(gathered.declaration, {"bip": "172.30.0.1/24"}, ["log-opts"]) == {
        "10-engine": {"hosts": ["fd://"], "live-restore": True, "log-driver": "json-file"},
        "20-network": {"mtu": 1400, "bip": "172.30.0.1/24"},
    }


def test_a_directory_of_authorities_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "authorities.json").write_text("{")
    declared, (problem,) = _declare(
        "docker_engine",
        docker_engine_endpoints=TCP,
        docker_engine_ca_directory=str(tmp_path),
        docker_engine_ca_passphrase=PASSPHRASE,
    )
    assert declared is None
    assert problem.startswith(f"docker_engine_ca_directory {tmp_path} cannot be read: ")


def test_a_name_of_another_host_is_refused_by_what_the_inventory_has(tmp_path: Path) -> None:
    declared = {
        "docker_engine_endpoints": TCP,
        "docker_engine_ca_directory": str(tmp_path),
        "docker_engine_ca_passphrase": PASSPHRASE,
        "docker_engine_certificate_names": ["gate.example.com"],
    }
    _nothing, (problem,) = _declare("docker_engine", **declared)
    assert "is also for gate.example.com, another host of the inventory" in problem
    assert _declare("docker_engine", fleet={"trixie": ["DNS:trixie"]}, **declared)[1] == []


def test_a_client_is_declared_with_the_authorities_of_its_fleet(authorities: str) -> None:
    variables = task_vars(
        docker_client_contexts={"trixie": "tcp://192.0.2.7:2376"},
        docker_client_ca_directory=authorities,
        docker_client_ca_passphrase=PASSPHRASE,
    )
    declared, problems = declaration.declare_client(variables, templar(variables))
    assert problems == []
    assert declared is not None
    assert declared["issued"] is not None
    assert declared["issued"]["signer"]["name"] == "Mooring client CA 1"
    assert declared["name"] == "trixie"
    assert declared["fleet"] == "fleet"
