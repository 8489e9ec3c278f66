"""The variables of a host are read as plain data, with what is wrong with them in sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import variables
from declaring import read, resolved, task_vars, templar

ROLES = ["docker_engine", "docker_network", "docker_client", "docker_pki"]
BOTH = ("docker_engine", "docker_network")


def _types(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {dict}.union(*(_types(key) | _types(element) for key, element in value.items()))
    if isinstance(value, list):
        return {list}.union(*map(_types, value))
    return {type(value)}


def test_a_host_that_declares_nothing_has_the_defaults_of_the_roles() -> None:
    values = resolved(*BOTH)
    assert values["docker_engine_endpoints"] == ["unix:///run/docker.sock"]
    assert values["docker_network_bridge_address"] == "auto"
    assert values["docker_network_restart"] == "only_without_containers"
    assert values["docker_engine_ca_directory"] == "/srv/fleet/pki"
    assert values["docker_network_mtu"] is None


@pytest.mark.parametrize("name", ["docker_network_bridge_address", "docker_network_pools"])
def test_null_leaves_to_dockerd_what_is_chosen_otherwise(name: str) -> None:
    assert resolved(*BOTH)[name] == "auto"
    assert resolved(*BOTH, **{name: None})[name] is None


@pytest.mark.parametrize("role", ROLES[:3])
def test_every_variable_has_a_value_or_none(role: str) -> None:
    declared = {"docker_client_contexts": {}} if role == "docker_client" else {}
    assert set(resolved(role, **declared)) == set(variables.known(role))


def test_a_default_follows_the_variable_that_it_names_in_whatever_role() -> None:
    assert resolved("docker_network", docker_engine_restart="never")["docker_network_restart"] == "never"
    assert resolved("docker_engine", docker_network_containers="drain")["docker_engine_containers"] == "drain"
    endpoints = ["unix:///run/docker.sock", "tcp://192.0.2.7:2376"]
    declared = resolved("docker_network", docker_engine_endpoints=endpoints)
    assert declared["docker_network_engine_endpoints"] == endpoints


def test_endpoints_of_an_engine_that_is_not_declared_are_left_to_the_host() -> None:
    assert resolved("docker_network")["docker_network_engine_endpoints"] is None
    assert resolved(*BOTH)["docker_network_engine_endpoints"] == ["unix:///run/docker.sock"]


def test_a_declared_template_may_use_the_inventory_and_the_defaults() -> None:
    values = resolved(
        "docker_engine",
        docker_engine_certificate_names=["{{ hostvars['forky'].ansible_host }}", "{{ groups['all'] | length }}"],
        docker_engine_tls_directory="/srv/{{ docker_engine_socket_group }}",
    )
    assert values["docker_engine_certificate_names"] == ["192.0.2.8", "3"]
    assert values["docker_engine_tls_directory"] == "/srv/docker"


def test_what_looks_like_a_template_and_is_not_trusted_stays_text() -> None:
    of_task = {**task_vars(), "docker_engine_socket_owner": "{{ lookup('pipe', 'id') }}"}
    values, _problems = variables.read(["docker_engine"], of_task, templar(of_task))
    assert values is not None
    assert values["docker_engine_socket_owner"] == "{{ lookup('pipe', 'id') }}"


def test_the_variables_are_plain_data() -> None:
    values = resolved(
        *BOTH,
        docker_engine_options={"labels": ["{{ 'a=b' }}"], "log-opts": {1: 2.5}},
        docker_network_networks=[{"name": "app", "ranges": [{"subnet": "10.90.0.0/24"}]}],
    )
    assert _types(values) <= {dict, list, str, int, float, bool, type(None)}
    assert json.loads(json.dumps(values)) == values


def test_an_undefined_variable_is_one_problem() -> None:
    values, problems = read(*BOTH, docker_engine_endpoints=["{{ nowhere }}"])
    assert values is None
    assert problems == ["docker_engine_endpoints: 'nowhere' is undefined"]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ [] | nonsense }}", "No filter named 'nonsense'"),
        ("{{", "Syntax error"),
    ],
)
def test_a_template_that_fails_is_a_problem_of_its_variable(template: str, reason: str) -> None:
    _values, (problem,) = read("docker_engine", docker_engine_users=template)
    assert problem.startswith("docker_engine_users: ")
    assert reason in problem


def test_a_variable_that_is_omitted_has_its_default() -> None:
    values = resolved(
        "docker_engine", docker_engine_ca_directory="{{ omit }}", docker_engine_allowed_clients="{{ omit }}"
    )
    assert values["docker_engine_ca_directory"] == "/srv/fleet/pki"
    assert values["docker_engine_allowed_clients"] is None


def test_null_is_an_empty_list_or_mapping_where_that_is_the_default() -> None:
    values = resolved(*BOTH, docker_engine_users=None, docker_network_sysctls=None, docker_network_mtu=None)
    assert (values["docker_engine_users"], values["docker_network_sysctls"]) == ([], {})
    assert values["docker_network_mtu"] is None


@pytest.mark.parametrize("name", ["docker_network_published", "docker_engine_endpoints", "docker_engine_tls"])
def test_null_is_refused_where_the_default_says_something(name: str) -> None:
    values, problems = read(*BOTH, **{name: None})
    assert values is None
    assert problems == [f"{name} has no value (null): give it one, or leave the variable out"]


def test_values_of_the_command_line_are_of_their_types() -> None:
    values = resolved(*BOTH, docker_engine_tls="false", docker_engine_timeout="90", docker_network_address_block="7")
    assert (values["docker_engine_tls"], values["docker_engine_timeout"], values["docker_network_address_block"]) == (
        False,
        90,
        7,
    )


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"docker_engine_timeout": "soon"}, "'docker_engine_timeout' is of type str"),
        (
            {"docker_engine_restart": "sometimes"},
            "value of docker_engine_restart must be one of: only_without_containers",
        ),
        ({"docker_network_networks": [{"driver": "bridge"}]}, "name found in docker_network_networks"),
        (
            {"docker_network_networks": [{"name": "app", "ranges": [{"subnet": "10.0.0.0/8", "gate": "10.0.0.1"}]}]},
            "docker_network_networks.ranges.gate is not known: write one of gateway, iprange, subnet",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(declared: dict[str, Any], sentence: str) -> None:
    values, (problem, *_of_those_that_follow) = read(*BOTH, **declared)
    assert values is None
    assert sentence in problem


def test_a_required_variable_is_missed() -> None:
    assert read("docker_client") == (None, ["missing required arguments: docker_client_contexts"])


def test_paths_of_a_host_are_not_those_of_the_controller() -> None:
    values = resolved("docker_client", docker_client_contexts={}, docker_client_directory="~/.docker/x")
    assert values["docker_client_directory"] == "~/.docker/x"


def test_mappings_inside_have_only_what_is_declared() -> None:
    (network,) = resolved("docker_network", docker_network_networks=[{"name": "app"}])["docker_network_networks"]
    assert None not in network.values()
    assert network["driver"] == "bridge"


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_a_role_is_known(role: str) -> None:
    assert variables.known(role)
    assert variables.unknown(role, variables.known(role)) == []


def test_a_misspelled_name_is_told_with_the_one_that_was_meant() -> None:
    values, problems = read("docker_engine", docker_engine_endpoint=[])
    assert problems == [
        "docker_engine_endpoint is not a variable of the role docker_engine: did you mean docker_engine_endpoints?"
    ]
    assert values is not None


def test_a_name_like_no_other_is_told_where_to_look() -> None:
    (sentence,) = variables.unknown("docker_engine", ["docker_engine_wibble_wobble"])
    assert sentence.endswith("`ansible-doc -t role mooring.docker.docker_engine` lists them")


@pytest.mark.parametrize(
    "name",
    ["docker_network_mtu", "docker_engines", "_docker_engine_anything", "ansible_host", "my_docker_engine_thing"],
)
def test_names_of_others_are_not_looked_at(name: str) -> None:
    assert variables.unknown("docker_engine", [name]) == []


@pytest.mark.parametrize("role", ["docker_engine", "docker_network", "docker_client"])
def test_no_playbook_takes_a_variable_that_the_roles_refuse(role: str) -> None:
    """What an inventory has for one playbook keeps no other from running."""
    playbooks = [path.read_text() for path in (Path(__file__).resolve().parents[3] / "playbooks").rglob("*.yml")]
    taken = {name for text in playbooks for name in re.findall(rf"\b{role}_\w+", text)}
    assert taken
    assert variables.unknown(role, taken) == []


def test_a_name_of_the_release_before_is_accepted_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(variables.Display, "warning", lambda _display, text: warnings.append(text))
    assert resolved("docker_engine", docker_engine_vantages=["forky"])["docker_engine_probe_hosts"] == ["forky"]
    assert resolved("docker_network", docker_network_slot=3)["docker_network_address_block"] == 3
    # As inside the role, whose default is there beside it.
    both = {"docker_engine_vantages": ["forky"], "docker_engine_probe_hosts": []}
    assert resolved("docker_engine", **both)["docker_engine_probe_hosts"] == ["forky"]
    assert len(warnings) == 3
    assert "docker_engine_vantages is now called docker_engine_probe_hosts" in warnings[0]
    _values, problems = read("docker_network", docker_network_slot=3, docker_network_address_block=4)
    assert problems == [
        "docker_network_slot is the old name of docker_network_address_block, and both are declared: "
        "leave out docker_network_slot"
    ]
