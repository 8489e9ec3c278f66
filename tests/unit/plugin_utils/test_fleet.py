"""What the playbooks about certificates go by is worked out from what is declared, and refused where it cannot be."""

from __future__ import annotations

import json
import os
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


PLAY = """
- hosts: m
  gather_facts: false
  vars:
    fleet: {{clients: {{m: mallory}}}}
    rotation: {{leaving: [mallory], emergency: false}}
  tasks:
    - ansible.builtin.import_tasks: {tasks}
"""


@pytest.mark.parametrize(("rotating", "status"), [(True, 0), (False, 2)])
def test_a_rotation_renews_nobody_whom_a_removal_that_was_cut_takes_out(
    tmp_path: Path, rotating: bool, status: int
) -> None:
    """Whatever command goes on with it. Without a rotation it is an error to make that machine a client."""
    client = {"signer": 1, "trusted": [2, 1]}
    rotation = {"step": "promoted", "kinds": ["client"], "leaving": ["mallory"]}
    state = {"server": {"signer": 1, "trusted": [1]}, "client": client, "rotation": rotation, "distrusted": []}
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/authorities.json").write_text(json.dumps(state))
    endpoint = "docker_engine_endpoints='[\"tcp://192.0.2.1:2376\"]'"
    (tmp_path / "hosts").write_text(f"m docker_client_name=mallory\n[docker_hosts]\na {endpoint}\n")
    playbooks = Path(__file__).resolve().parents[3] / "playbooks"
    (tmp_path / "play.yml").write_text(PLAY.format(tasks=playbooks / "tasks/rotation_client.yml"))
    playbook = tmp_path / "play.yml" if rotating else playbooks / "client.yml"
    words = ["ansible-playbook", "-i", str(tmp_path / "hosts"), str(playbook), "-e", json.dumps({"clients": "m"})]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout


def play(directory: Path, playbook: str, variables: dict[str, object], *words: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook on a fleet of one host, which cannot be reached."""
    endpoint = "ansible_host=192.0.2.1 docker_engine_endpoints='[\"tcp://0.0.0.0:2376\"]'"
    (directory / "hosts").write_text(f"m\n[docker_hosts]\na {endpoint}\n")
    path = Path(__file__).resolve().parents[3] / "playbooks" / f"{playbook}.yml"
    line = ["ansible-playbook", "-i", str(directory / "hosts"), str(path), "-e", json.dumps(variables), *words]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "COLUMNS": "1000"}
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("playbook", "variables", "limit", "sentence"),
    [
        ("replace_authorities", {}, "", "has no authorities to replace yet: run playbooks/site.yml first"),
        ("replace_authorities", {}, "a", "say --limit a,localhost"),
        ("replace_authorities", {"kinds": ["clients"]}, "", "leave it out to replace both authorities"),
        ("replace_client_authority_now", {}, "a", "say --limit a,localhost"),
        ("renew_server_certificates", {"docker_engine_restart": "never"}, "a", "restart is never on a, but"),
        ("remove_client", {}, "", "say -e client=NAME"),
        ("remove_client", {"client": "m"}, "a", "say --limit a,localhost"),
        ("rotate_certificates", {"rotate": "all"}, "", "run playbooks/renew_server_certificates.yml"),
        # The command of the version before does what it did, and says what takes its place.
        ("rotate_certificates", {"rotate": "ca"}, "", "has no authorities to replace yet"),
        ("rotate_certificates", {"rotate": "ca"}, "", "next release: run playbooks/replace_authorities.yml"),
        (
            "rotate_certificates", {"rotate": "ca", "emergency": "yes"}, "",
            "next release: run playbooks/replace_client_authority_now.yml",
        ),
        (
            "rotate_certificates", {"rotate": "server", "docker_engine_restart": "never"}, "a",
            "docker_engine_restart is never on a, but",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_host_is_asked(
    tmp_path: Path, playbook: str, variables: dict[str, object], limit: str, sentence: str
) -> None:
    done = play(tmp_path, playbook, variables, *(["--limit", limit] if limit else []))
    assert done.returncode == 2, done.stdout
    assert sentence in done.stdout
    assert "UNREACHABLE" not in done.stdout
    assert not (tmp_path / "pki").exists()


@pytest.mark.parametrize("playbook", ["verify", "report"])
def test_what_only_looks_asks_for_no_passphrase(tmp_path: Path, playbook: str) -> None:
    """The machine that monitors the fleet has none. It goes by the fleet as the others do."""
    secret = "{{ lookup('ansible.builtin.file', '/nowhere/passphrase') }}"
    done = play(tmp_path, playbook, {"docker_engine_ca_passphrase": secret}, "--limit", "m,localhost")
    assert (done.returncode, "passphrase" in done.stdout) == (0, False), done.stdout
    done = play(tmp_path, "list_certificates", {"docker_engine_ca_passphrase": secret}, "--limit", "m,localhost")
    assert done.returncode == 2, "the control"
