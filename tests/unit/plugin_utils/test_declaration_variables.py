"""A misspelled variable is found, and told with the name that was meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import declared

ROLES = ["docker_engine", "docker_network", "docker_client", "docker_pki"]
SETTING = ["docker_engine", "docker_network"]
"""Those that set variables of the host during a run."""


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_a_role_is_known(role: str) -> None:
    assert declared.known(role)
    assert declared.unknown(role, declared.known(role)) == []


def test_a_misspelled_name_is_told_with_the_one_that_was_meant() -> None:
    assert declared.unknown("docker_engine", ["docker_engine_endpoint", "docker_engine_endpoints"]) == [
        "docker_engine_endpoint is not a variable of the role docker_engine: did you mean docker_engine_endpoints?"
    ]


def test_a_name_like_no_other_is_told_where_to_look() -> None:
    (sentence,) = declared.unknown("docker_engine", ["docker_engine_wibble_wobble"])
    assert sentence.endswith("`ansible-doc -t role mooring.docker.docker_engine` lists them")


@pytest.mark.parametrize(
    "name",
    ["docker_network_mtu", "docker_engines", "_docker_engine_anything", "ansible_host", "my_docker_engine_thing"],
)
def test_names_of_others_are_not_looked_at(name: str) -> None:
    assert declared.unknown("docker_engine", [name]) == []


def test_what_the_role_sets_itself_is_no_stranger() -> None:
    assert declared.unknown("docker_engine", ["docker_engine_host"]) != []
    assert declared.unknown("docker_engine", ["docker_engine_host"], ["docker_engine_host"]) == []


@pytest.mark.parametrize("role", ROLES)
def test_no_playbook_takes_a_variable_that_the_roles_refuse(role: str) -> None:
    """What an inventory has for one playbook keeps no other from running."""
    root = Path(__file__).resolve().parents[3]
    facts = re.search(
        r"_facts: \[(.*)\]", (root / "roles" / role / "vars/main.yml").read_text() if role in SETTING else ""
    )
    playbooks = [path.read_text() for path in (root / "playbooks").rglob("*.yml")]
    taken = {name for text in playbooks for name in re.findall(rf"\b{role}_\w+", text)}
    assert taken
    assert declared.unknown(role, taken, facts[1].split(", ") if facts else []) == []
