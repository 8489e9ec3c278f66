# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role for one host, as plain data: resolved, of the right types, and all of them known.

Ansible does some of this for a task that stands in a role. A plan is made by a task that stands in none, so the roles'
defaults are read from their files here. Ansible ignores a variable that nobody uses; here a name that begins like a
role's and is none of its variables is refused, since what it was to declare would not hold.
"""

from __future__ import annotations

import datetime
import difflib
import functools
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.errors import UnsupportedError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display

Variables = dict[str, Any]
"""Every variable of some roles by its name, as JSON can say it. One that is not set is None."""

RENAMED = {
    "docker_engine": {"docker_engine_vantages": "docker_engine_probe_hosts"},
    "docker_network": {"docker_network_slot": "docker_network_address_block"},
}
"""Role to its variables of the release before, by their names of then; they are still accepted, with a warning."""

_ROLES = Path(__file__).resolve().parents[3] / "roles"


def read(roles: Iterable[str], task_vars: Mapping[str, Any], templar: Any) -> tuple[Variables | None, list[str]]:
    """All variables of ``roles`` for the host of ``task_vars``, and what is wrong with them, a sentence each.

    A variable is what ``task_vars`` has, else its role's default. Defaults may refer to one another, to the defaults of
    the other ``roles``, and to what ``task_vars`` has; ``templar`` is that of the task. There are no variables where a
    template cannot be resolved or a value is not of its type. Unknown variables are problems beside the variables.
    """
    roles = list(roles)
    task_vars, conflicts = _renamed(roles, task_vars)
    problems = conflicts + [sentence for role in roles for sentence in unknown(role, task_vars)]
    defaults = {name: value for role in roles for name, value in _defaults(role).items()}
    options = {name: option for role in roles for name, option in _options(role).items()}
    resolved, unresolved = _resolve(options, task_vars, defaults, templar)
    if unresolved:
        return None, problems + unresolved
    variables, mistyped = _validated(resolved, options)
    return (None if mistyped else variables), problems + mistyped


def _renamed(roles: Iterable[str], task_vars: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    """``task_vars`` with today's names too, and a sentence for each variable that is declared by both names."""
    renamed, conflicts = {}, []
    old_names = [(role, old, new) for role in roles for old, new in RENAMED.get(role, {}).items() if old in task_vars]
    for role, old, new in old_names:
        default = _defaults(role).get(new)
        # Inside the role, its default is among the variables.
        if task_vars.get(new, default) != default:
            conflicts.append(f"{old} is the old name of {new}, and both are declared: leave out {old}")
        renamed[new] = task_vars[old]
        Display().warning(f"{old} is now called {new}. The old name is accepted in this release only.")
    return {**task_vars, **renamed} if renamed else task_vars, conflicts


def known(role: str) -> frozenset[str]:
    """The names of all variables in the argument specs of ``role``. Raises OSError where there is no such role."""
    return frozenset(name for entry_point in _specs(role).values() for name in entry_point.get("options", {}))


def unknown(role: str, names: Iterable[str]) -> list[str]:
    """A sentence for each of ``names`` that begins like a variable of ``role`` and is none."""
    accepted = known(role) | RENAMED.get(role, {}).keys()
    strangers = sorted(name for name in {*names} - accepted if name.startswith(f"{role}_"))
    return [f"{name} is not a variable of the role {role}{_suggestion(name, role)}" for name in strangers]


def _suggestion(name: str, role: str) -> str:
    close = difflib.get_close_matches(name, known(role), n=1, cutoff=0.8)
    return f": did you mean {close[0]}?" if close else f"; `ansible-doc -t role mooring.docker.{role}` lists them"


def preload(roles: Iterable[str]) -> None:
    """Read the files of ``roles``. Ansible imports an action before it forks, so its workers need not read them."""
    for role in roles:
        _options(role)
        _defaults(role)


@functools.cache
def _specs(role: str) -> dict[str, Any]:
    """The entry points of a role's argument specs."""
    specs = yaml_load((_ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return dict(specs["argument_specs"])


@functools.cache
def _options(role: str) -> dict[str, Any]:
    """The argument spec of the entry point main."""
    return _without_paths(_specs(role)["main"]["options"])


@functools.cache
def _defaults(role: str) -> dict[str, Any]:
    """The role's defaults, with templates that Ansible trusts."""
    path = str(_ROLES / role / "defaults" / "main.yml")
    return dict(DataLoader().load_from_file(path, trusted_as_template=True))


def _without_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with paths as strings: a validator on the controller would put its own home for a host's "~"."""
    return {
        name: {
            **option,
            **({"type": "str"} if option.get("type") == "path" else {}),
            **({"options": _without_paths(option["options"])} if "options" in option else {}),
        }
        for name, option in options.items()
    }


def _resolve(
    names: Iterable[str], task_vars: Mapping[str, Any], defaults: Mapping[str, Any], templar: Any
) -> tuple[Variables, list[str]]:
    """Those of ``names`` that have a value, every template resolved; and why one has none, a sentence each.

    A cause that shows in several variables is told of the first, of those that the operator declared if it is among
    them.
    """
    scope = templar.copy_with_new_env(available_variables=ChainMap(dict(task_vars), dict(defaults)))
    names = list(names)
    resolved, failed = templated({name: task_vars[name] for name in names if name in task_vars}, scope)
    # Whatever is declared as "{{ omit }}" keeps its default.
    left = {name: defaults[name] for name in names if name in defaults and name not in resolved and name not in failed}
    from_defaults, failed_defaults = templated(left, scope)
    problems = {
        message: f"{name}: {message}" for name, message in reversed([*failed.items(), *failed_defaults.items()])
    }
    for name, value in resolved.items():
        if value is None and name in defaults and task_vars[name] != defaults[name]:
            if defaults[name] in ([], {}, ""):
                resolved[name] = _plain(defaults[name])
            # Nothing is chosen then, and nothing declared: dockerd has its own default.
            elif defaults[name] != "auto":
                problems[name] = f"{name} has no value (null): give it one, or leave the variable out"
    return {**resolved, **from_defaults}, list(problems.values())


def templated(values: Mapping[str, Any], scope: Any) -> tuple[Variables, dict[str, str]]:
    """``values`` as plain data, without those that are omitted; and Ansible's message for each that fails.

    ``scope`` is the templar that resolves their templates.
    """
    try:
        return _plain(scope.template(dict(values))), {}
    except AnsibleError:
        pass
    resolved: Variables = {}
    failed = {}
    for name, value in values.items():
        try:
            resolved.update(_plain(scope.template({name: value})))
        except AnsibleError as error:
            failed[name] = " ".join(str(error.message).split())
    return resolved, failed


def _plain(value: Any) -> Any:
    """``value`` as JSON can say it, without Ansible's own types, which carry tags."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(element) for element in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)


def _validated(variables: Variables, options: Mapping[str, Any]) -> tuple[Variables, list[str]]:
    """``variables`` with the types of ``options``, None for those that are not set; and what is wrong with them."""
    # The validator would put defaults, and texts, in the place of null.
    null = {name: None for name, value in variables.items() if value is None}
    options = {name: option for name, option in options.items() if name not in null}
    result = ArgumentSpecValidator(options).validate({name: variables[name] for name in variables.keys() - null.keys()})
    problems = [str(error.msg) for error in result.errors if not isinstance(error, UnsupportedError)]
    problems += [_unsupported(path, options) for path in sorted(result.unsupported_parameters)]
    return ({} if problems else {**null, **_without_unset(result.validated_parameters, options)}), problems


def _unsupported(path: Iterable[str], options: Mapping[str, Any]) -> str:
    """A sentence on the key at the end of ``path``, which the spec does not have there."""
    *outer, key = path
    for name in outer:
        options = options[name]["options"]
    return f"{'.'.join([*outer, key])} is not known: write one of {', '.join(sorted(options))}"


def _without_unset(values: Mapping[str, Any], options: Mapping[str, Any], outermost: bool = True) -> dict[str, Any]:
    """``values``, in which mappings have only the keys that are set, as the validator has added all others as None."""
    kept = {}
    for name, value in values.items():
        inner = options.get(name, {}).get("options")
        if inner and isinstance(value, list):
            value = [_without_unset(element, inner, False) for element in value]
        elif inner and isinstance(value, dict):
            value = _without_unset(value, inner, False)
        if outermost or value is not None:
            kept[name] = value
    return kept
