"""What a machine needs to be the client that is declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import client_plan

CERTIFICATE: dict[str, Any] = {
    "sha256": "c1",
    "subject": "CN=alice",
    "days_left": 80,
    "not_after": "2027-02-01T00:00:00Z",
    "names": [],
    "authority_key_id": "aa",
    "bundle": ["c1"],
    "contents": [],
    "extended_key_usage": ["clientAuth"],
    "key": {"type": "EC", "bits": 256},
}
AUTHORITY: dict[str, Any] = {**CERTIFICATE, "subject": "CN=Mooring server CA 1", "bundle": ["s1"]}


def _declared(directory: Path, **changes: Any) -> Any:
    return {
        "name": "alice",
        "fleet": "lab",
        "contexts": {"trixie": "tcp://192.0.2.7:2376"},
        "directory": "~/.docker/lab",
        "files": {name: f"~/.docker/lab/{name}.pem" for name in ("certificate", "key", "ca")},
        "uses_tls": True,
        "uses_ssh": False,
        "issued": {
            "directory": str(directory),
            "days": 90,
            "renew_days": 14,
            "reissue": "",
            "replace": False,
            "signer": {"name": "Mooring client CA 1", "key_id": "aa"},
            "server_fingerprints": ["s1"],
            "authority_work": [],
        },
        "cli": "docker",
        "host_keys": {},
        "ssh_key": False,
        "ssh_config": "~/.ssh/config",
        **changes,
    }


def _host(**changes: Any) -> Any:
    return {
        "certificates": {"/root/cert.pem": CERTIFICATE, "/root/ca.pem": AUTHORITY},
        "engine": {"cli_version": "28.5.2"},
        "packages": {
            "docker-cli": {"installed": None, "candidate": "26.1.5"},
            "openssh-client": {"installed": "1:10", "candidate": "1:10"},
        },
        "system": {"python_libraries": ["cryptography"], "apt": True},
        **changes,
    }


def _steps(declared: Any, host: Any) -> dict[str, Any]:
    plan = client_plan.plan(declared, host)
    assert plan["refusals"] == []
    names = [step["name"] for step in plan["steps"]]
    assert names == sorted(names, key=client_plan.STEPS.index)
    return {step["name"]: step for step in plan["steps"]}


def test_a_client_that_is_as_declared_needs_nothing_but_a_look_at_its_contexts(tmp_path: Path) -> None:
    assert set(_steps(_declared(tmp_path), _host())) == {"contexts"}


def test_a_bare_machine_needs_everything(tmp_path: Path) -> None:
    bare = _host(
        certificates={"/root/cert.pem": None, "/root/ca.pem": None},
        engine={"cli_version": None},
        system={"python_libraries": [], "apt": True},
    )
    steps = _steps(_declared(tmp_path, ssh_key=True), bare)
    assert set(steps) == {"packages", "ssh_key", "contexts", "certificate"}
    assert steps["packages"]["parameters"]["required"] == ["docker-cli", "python3-cryptography"]
    assert steps["certificate"]["parameters"] == {
        "issue": True, "trust": True, "unconfirmed": False, "protect": False, "link": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"days_left": 3}, "it ends on 2027-02-01, in 3 days"),
        ({"authority_key_id": "bb"}, "it is not signed by Mooring client CA 1"),
        ({"subject": "CN=bob"}, "it is of CN=bob"),
    ],
)
def test_a_certificate_is_issued_anew(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    host = _host(certificates={"/root/cert.pem": {**CERTIFICATE, **change}, "/root/ca.pem": AUTHORITY})
    step = _steps(_declared(tmp_path), host)["certificate"]
    assert step["summary"] == f"issue the client certificate of alice: {why}"
    assert step["parameters"]["issue"]
    assert not step["parameters"]["link"]


def test_authorities_of_servers_follow_the_fleet(tmp_path: Path) -> None:
    host = _host(certificates={"/root/cert.pem": CERTIFICATE, "/root/ca.pem": {**AUTHORITY, "bundle": ["s0"]}})
    step = _steps(_declared(tmp_path), host)["certificate"]
    assert step["summary"] == "replace the authorities of the servers"
    assert (step["parameters"]["issue"], step["parameters"]["trust"]) == (False, True)


def test_a_machine_without_any_cli_to_install_is_refused(tmp_path: Path) -> None:
    packages = {"docker-cli": {"installed": None, "candidate": None}, "openssh-client": {"installed": "1"}}
    plan = client_plan.plan(_declared(tmp_path), _host(engine={"cli_version": None}, packages=packages))
    assert plan["steps"] == []
    assert "name it in docker_client_cli" in plan["refusals"][0]
    # One that the operator names is not looked for.
    assert set(_steps(_declared(tmp_path, cli="/opt/docker"), _host(engine={"cli_version": None}))) == {"contexts"}


def test_a_provided_certificate_is_checked_as_soon_as_it_can_be_read(tmp_path: Path) -> None:
    unread = {**CERTIFICATE, "days_left": None}
    host = _host(
        certificates={"/root/cert.pem": unread, "/root/ca.pem": AUTHORITY},
        system={"python_libraries": [], "apt": True},
    )
    assert set(_steps(_declared(tmp_path, issued=None), host)) == {"packages", "provided", "contexts"}
    server = {**CERTIFICATE, "extended_key_usage": ["serverAuth"]}
    wrong = _host(certificates={"/root/cert.pem": server, "/root/ca.pem": AUTHORITY})
    plan = client_plan.plan(_declared(tmp_path, issued=None), wrong)
    assert "it is not for clients" in plan["refusals"][0]
    assert plan["steps"] == []
