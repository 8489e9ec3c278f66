"""Variables of a host as Ansible has them for a task that stands in no role, for tests."""

from __future__ import annotations

from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import variables

INVENTORY = {
    "trixie": {"ansible_host": "192.0.2.7"},
    "forky": {"ansible_host": "192.0.2.8"},
    "gate.example.com": {"ansible_host": "2001:db8::1"},
}


def task_vars(**declared: Any) -> dict[str, Any]:
    """The variables of a task on the host trixie, with the templates in ``declared`` as trusted as an inventory's."""
    return {
        "inventory_hostname": "trixie",
        "inventory_dir": "/srv/fleet",
        "groups": {"all": list(INVENTORY), "docker_hosts": list(INVENTORY)},
        "hostvars": INVENTORY,
        **INVENTORY["trixie"],
        **_trusted(declared),
    }


def templar(variables: dict[str, Any]) -> Templar:
    """That of the task."""
    return Templar(loader=DataLoader(), variables=variables)


def read(*roles: str, **declared: Any) -> tuple[variables.Variables | None, list[str]]:
    """What ``variables.read`` makes of ``declared``."""
    of_task = task_vars(**declared)
    return variables.read(roles, of_task, templar(of_task))


def resolved(*roles: str, **declared: Any) -> variables.Variables:
    """The variables of ``roles``, where nothing is wrong with them."""
    values, problems = read(*roles, **declared)
    assert problems == []
    assert values is not None
    return values


def _trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _trusted(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_trusted(element) for element in value]
    return trust_as_template(value) if isinstance(value, str) else value
