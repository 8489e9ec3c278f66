"""What the playbooks about certificates go by is worked out from what is declared, and refused where it cannot be."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.fleet import resolve, restart_problems

TLS = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]


def host(name: str, **variables: Any) -> dict[str, Any]:
    return {"inventory_hostname": name, "inventory_dir": "/srv/fleet", "docker_engine_endpoints": TLS, **variables}


def test_a_fleet_without_hosts_is_refused() -> None:
    assert "no hosts in a group docker_hosts" in resolve([], [], "root")["problems"][0]


def test_hosts_of_several_authorities_are_refused_by_name() -> None:
    (problem,) = resolve([host("a"), host("b", docker_engine_ca_directory="/elsewhere"), host("c")], [], "x")[
        "problems"
    ]
    assert "/srv/fleet/pki of a, c; /elsewhere of b" in problem
    # One directory may be spelled in several ways.
    assert not resolve([host("a"), host("b", docker_engine_ca_directory="/srv/fleet/x/../pki")], [], "x")["problems"]


def test_an_endpoint_that_is_none_is_refused() -> None:
    assert "tcp://x" in resolve([host("a", docker_engine_endpoints=["tcp://x"])], [], "root")["problems"][0]


def test_a_fleet_is_what_is_declared(tmp_path: Path) -> None:
    hosts = [
        host("a", ansible_host="192.0.2.1", docker_engine_ca_passphrase="secret", docker_engine_restart="never"),
        host("b", docker_engine_endpoints=["tcp://127.0.0.1:2376"]),
        host("c", docker_engine_endpoints=["unix:///run/docker.sock"]),
        host("d", docker_engine_endpoints=["tcp://127.0.0.1:2375"], docker_engine_tls=False),
        host("e", docker_engine_endpoints=["unix:///run/docker.sock"]),
        host("f", docker_engine_provided_certificate={"client_ca": "/etc/ssl/clients.pem"}),
    ]
    for one in hosts:
        one["docker_engine_ca_directory"] = str(tmp_path)
    (tmp_path / "issued/servers").mkdir(parents=True)
    (tmp_path / "issued/servers/e.pem").write_text("")
    clients = [{"inventory_hostname": "localhost"}, host("b"), host("c", docker_client_name="carol")]
    fleet = resolve(hosts, clients, "root")
    assert (fleet["name"], fleet["passphrase"], fleet["ca_directory"]) == ("fleet", "secret", str(tmp_path))
    assert fleet["tls"] == ["a", "b"]
    # Who had a certificate once may still serve by it.
    assert fleet["checked"] == ["a", "b", "e", "f"]
    assert [fleet["hosts"][name]["endpoints"] for name in "ab"] == [["tcp://192.0.2.1:2376"], []]
    assert fleet["clients"] == {"localhost": "root", "b": "b", "c": "carol"}
    assert "never on a, but" in restart_problems(fleet, ["a", "b", "c"])[0]
    assert restart_problems(fleet, ["b", "c"]) == []


PLAYBOOK = """
- hosts: localhost:all
  gather_facts: false
  tasks:
    - ansible.builtin.import_tasks: {tasks}
- hosts: docker_hosts
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        {{docker_engine_ca_directory: /evil, docker_engine_restart: never, ansible_host: 192.0.2.9}}
- hosts: localhost:all
  gather_facts: false
  tasks:
    - ansible.builtin.import_tasks: {tasks}
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ {{'fleet': mooring_fleet, 'late': hostvars['a'].docker_engine_ca_directory}} | to_json }}}}"
        dest: {told}
"""


def test_nothing_that_hosts_answer_changes_the_fleet(tmp_path: Path) -> None:
    """Whatever becomes a host's variable after the first play: the control is a variable that did."""
    tasks = Path(__file__).resolve().parents[3] / "playbooks/tasks/fleet.yml"
    (tmp_path / "play.yml").write_text(PLAYBOOK.format(tasks=tasks, told=tmp_path / "told.json"))
    variables = "ansible_connection=local docker_engine_endpoints='[\"tcp://0.0.0.0:2376\"]'"
    (tmp_path / "hosts").write_text(f"[docker_hosts]\na ansible_host=192.0.2.1 {variables}\n")
    words = ["ansible-playbook", "-i", str(tmp_path / "hosts"), str(tmp_path / "play.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["late"] == "/evil"
    assert told["fleet"]["ca_directory"] == str(tmp_path / "pki")
    assert told["fleet"]["hosts"]["a"]["restart"] == "only_without_containers"
    assert told["fleet"]["hosts"]["a"]["endpoints"] == ["tcp://192.0.2.1:2376"]


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_host_decides_nothing_alone(order: int) -> None:
    hosts = [host("a"), host("b", docker_engine_restart="never")][::order]
    assert "never on b, but" in restart_problems(resolve(hosts, [], "root"), ["a", "b"])[0]


def test_machines_do_not_share_the_name_of_a_client() -> None:
    clients = [{"inventory_hostname": name, "docker_client_name": "ops"} for name in ("localhost", "m1", "m2")]
    (problem,) = resolve([host("a")], clients, "root")["problems"]
    assert "docker_client_name ops would be that of localhost, m1, m2" in problem
    # Of this machine nothing is said by what makes another one a client.
    assert not resolve([host("a")], clients[:2], "root")["problems"]


def test_hosts_without_tls_need_no_passphrase() -> None:
    hosts = [host("a", docker_engine_endpoints=[]), host("b", docker_engine_ca_passphrase="secret")]
    assert resolve(hosts, [], "root")["passphrase"] == "secret"
    assert resolve(hosts[:1], [], "root")["passphrase"] == ""


@pytest.mark.parametrize(("rotate", "status"), [({"rotate": "ca"}, 0), ({}, 2)])
def test_a_rotation_renews_nobody_whom_a_removal_that_was_cut_takes_out(
    tmp_path: Path, rotate: dict[str, str], status: int
) -> None:
    """Whatever command goes on with it. Without a rotation it is an error to make that machine a client."""
    client = {"signer": 1, "trusted": [2, 1]}
    rotation = {"step": "promoted", "kinds": ["client"], "leaving": ["mallory"]}
    state = {"server": {"signer": 1, "trusted": [1]}, "client": client, "rotation": rotation, "distrusted": []}
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/authorities.json").write_text(json.dumps(state))
    endpoint = "docker_engine_endpoints='[\"tcp://192.0.2.1:2376\"]'"
    (tmp_path / "hosts").write_text(f"m docker_client_name=mallory\n[docker_hosts]\na {endpoint}\n")
    playbook = Path(__file__).resolve().parents[3] / "playbooks/client.yml"
    variables = json.dumps({"clients": "m", **rotate})
    words = ["ansible-playbook", "-i", str(tmp_path / "hosts"), str(playbook), "-e", variables]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout
