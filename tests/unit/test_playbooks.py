"""Playbooks and roles take their steps in the right order, on real inventories, with modules that only say so."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mooring.docker.plugins.module_utils._plan.steps import STEPS

PROJECT = Path(__file__).resolve().parents[2]
ACTION = """
import json, os

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp=None, task_vars=None):
        host = task_vars["inventory_hostname"]
        name = self._task.action.rpartition(".")[2]
        told = {"authority_rotation": "step", "carry_out": "part"}.get(name)
        said = f"{name} {self._task.args[told]}" if told else name
        with open(os.environ["RECORD"], "a") as stream:
            stream.write(json.dumps([host, said, self._task.args]) + "\\n")
        answers = task_vars["answers"]
        return {"changed": False, **answers.get(name, {}), **answers.get(f"{name} {host}", {})}
"""
CONNECTION = """
import json, os

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = "{name: recording, short_description: local, description: [local], options: {}}"


class Connection(Local):
    transport = "recording"

    def reset(self):
        with open(os.environ["RECORD"], "a") as stream:
            stream.write(json.dumps(["", "reset_connection", {}]) + "\\n")
"""
FILTER = {"confirm": 30, "required": True}
PARAMETERS: dict[str, dict[str, Any]] = {
    "packages": {"required": ["docker.io"], "optional": []},
    "sysctls": {"file": "/nowhere", "parameters": []},
    "published_filter": {
        **FILTER,
        "policy": "closed",
        "container_bridges": ["br0"],
        "other_bridges": ["lan"],
        "services": ["2376/tcp"],
    },
    "ssh_access": {"clients": {"alice": "key"}, "user": "docker-remote", "group": "docker", "socket": "/run/d.sock"},
    "endpoint_filter": {**FILTER, "name": "endpoint", "rules": "rules", "state": "present"},
    "certificate": {"reason": "there is none", "trust": True, "authorities": ["make it"], "check": False},
    "configuration": {
        "fragments": [],
        "chosen": {},
        "on_conflict": "refuse",
        "socket": {"mode": "0660"},
        "restart": "never",
        "containers": "drain",
    },
    "socket_group": {"group": "docker", "users": ["alice"], "exclusive": True},
    "apply": {"restart": "never", "containers": "drain", "timeout": 61, "confirm": 31},
    "confirm": {"pending": ["docker.service"]},
    "networks": {"docker_host": "unix:///run/d.sock", "timeout": 62},
}
"""What each step needs, by the names of the module's options where a task passes it on."""


@dataclass
class Operator:
    """Runs playbooks with modules that write down that they were asked, and answer what the test says."""

    directory: Path
    inventory: dict[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)

    def run(self, playbook: Path, *options: str, **variables: Any) -> int:
        """The exit status."""
        hosts = self.directory / "hosts.json"
        hosts.write_text(json.dumps(self.inventory))
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(hosts), "-c", "recording"]
        words += ["-e", json.dumps({"answers": self.answers, "ansible_connection": "recording", **variables})]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
            "ANSIBLE_CONNECTION_PLUGINS": str(self.directory / "connection"),
            "RECORD": str(self.directory / "record"),
        }
        done = subprocess.run([*words, *options, str(playbook)], capture_output=True, text=True, env=environment)
        self.output = done.stdout + done.stderr
        return done.returncode

    @property
    def record(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Host, module and its options, in the order in which they were asked."""
        path = self.directory / "record"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def done(self) -> list[str]:
        """The same without options, as "host module"."""
        return [f"{host} {name}".strip() for host, name, _options in self.record]

    def asked(self, name: str) -> dict[str, Any]:
        """The options of the one task that ran this module."""
        (options,) = (options for _host, one, options in self.record if one == name)
        return options


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    place = tmp_path / "collections/ansible_collections/mooring/docker"
    _link(PROJECT, place, {"plugins", "meta"})
    _link(PROJECT / "plugins", place / "plugins", {"action"})
    # Without meta/runtime.yml, each module has the action of its own name.
    (place / "meta").mkdir()
    (place / "meta/runtime.yml").write_text("requires_ansible: '>=2.17.0'\n")
    actions = place / "plugins/action"
    actions.mkdir()
    for module in (PROJECT / "plugins/modules").glob("*.py"):
        (actions / module.name).write_text(ACTION)
    (actions / "show_findings.py").write_text((PROJECT / "plugins/action/show_findings.py").read_text())
    (tmp_path / "connection").mkdir()
    (tmp_path / "connection/recording.py").write_text(CONNECTION)
    fleet = {"docker_hosts": {"hosts": {"a": {}, "b": {}}}, "ungrouped": {"hosts": {"c": {}}}}
    variables = {"ansible_python_interpreter": sys.executable, "docker_network_networks": [{"name": "app"}]}
    return Operator(tmp_path, {"all": {"children": fleet, "hosts": {"localhost": {}}, "vars": variables}})


def _link(original: Path, copy: Path, left_out: set[str]) -> None:
    copy.mkdir(parents=True)
    for entry in original.iterdir():
        if entry.name not in {*left_out, ".git", ".venv", ".cache", "__pycache__"}:
            (copy / entry.name).symlink_to(entry)


def planned(*names: str) -> dict[str, Any]:
    """What the action plan answers for a plan of these steps."""
    steps = {name: {"name": name, "parameters": PARAMETERS[name]} for name in names}
    return {"steps": steps, "certificate_names": ["DNS:a"]}


def site(operator: Operator, *options: str, **variables: Any) -> int:
    secrets = {"docker_engine_ca_directory": str(operator.directory / "pki"), "docker_engine_ca_passphrase": "secret"}
    days = {"docker_engine_certificate_days": 397, "docker_engine_ca_days": 3650, "docker_engine_tls_directory": "/tls"}
    return operator.run(PROJECT / "playbooks/site.yml", *options, **{**secrets, **days, **variables})


def test_steps_are_taken_in_their_order(operator: Operator) -> None:
    """What is filtered is confirmed before the next step, over a connection that is newer than the filter."""
    operator.answers = {
        "plan a": planned(*STEPS),
        "plan b": planned(),
        **{name: {"armed": True} for name in ("published_ports", "nftables_table")},
        "carry_out": {"key": {"pair": "/tls/server-1", "csr": "request"}},
    }
    assert site(operator) == 0, operator.output
    confirming = ["reset_connection", "a confirm"]
    # Which host plans first is chance.
    assert sorted(operator.done[:2]) == ["a plan", "b plan"]
    assert operator.done[2:] == [
        "a carry_out preparation",
        *("a published_ports", *confirming),
        "a ssh_access",
        *("a nftables_table", *confirming),
        "a carry_out change",
    ]
    preparation, change = (options for _host, name, options in operator.record if name.startswith("carry_out "))
    assert (preparation["steps"], change["steps"]) == (planned(*STEPS)["steps"],) * 2
    assert (preparation["certificate_names"], change["certificate_names"]) == (["DNS:a"], ["DNS:a"])
    assert change["prepared"]["key"] == {"pair": "/tls/server-1", "csr": "request"}


def test_modules_get_what_was_planned(operator: Operator) -> None:
    operator.answers = {
        "plan": planned(*(step for step in STEPS if step != "confirm")),
        **{name: {"armed": False} for name in ("published_ports", "nftables_table")},
    }
    assert site(operator, "--limit", "a") == 0, operator.output
    assert "reset_connection" not in operator.done
    modules = {
        "published_ports": "published_filter",
        "ssh_access": "ssh_access",
        "nftables_table": "endpoint_filter",
    }
    for module, step in modules.items():
        assert operator.asked(module) == PARAMETERS[step], module


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        (["packages"], ["carry_out preparation", "carry_out change"]),
        (["certificate"], ["carry_out preparation", "carry_out change"]),
        (["published_filter"], ["published_ports", "carry_out change"]),
        (["ssh_access"], ["ssh_access", "carry_out change"]),
        (["endpoint_filter"], ["nftables_table", "carry_out change"]),
        (["configuration", "apply"], ["carry_out change"]),
    ],
    ids=lambda names: "-".join(names),
)
def test_a_step_is_taken_only_where_it_was_planned(operator: Operator, steps: list[str], taken: list[str]) -> None:
    operator.answers = {
        "plan": planned(*steps),
        **{name: {"armed": False} for name in ("published_ports", "nftables_table")},
    }
    assert site(operator, "--limit", "a") == 0, operator.output
    assert operator.done == ["a plan", *(f"a {name}" for name in taken)]


def test_a_provided_certificate_is_planned_again_once_it_can_be_read(operator: Operator) -> None:
    check = {"name": "certificate", "parameters": {**PARAMETERS["certificate"], "check": True}}
    operator.answers = {"plan": {"steps": {"certificate": check}, "certificate_names": []}}
    assert site(operator, "--limit", "a") == 0, operator.output
    assert operator.done == ["a plan", "a carry_out preparation", "a plan", "a carry_out change"]


def test_nothing_is_begun_before_every_host_of_a_batch_is_planned(operator: Operator) -> None:
    operator.answers = {"plan": planned("packages"), "plan a": {"failed": True, "msg": "refused"}}
    assert site(operator) == 2
    assert sorted(operator.done[:2]) == ["a plan", "b plan"]
    assert operator.done[2:] == ["b carry_out preparation", "b carry_out change"]


def test_a_rollout_in_batches_finishes_one_before_it_begins_the_next(operator: Operator) -> None:
    operator.answers = {"plan": planned("packages")}
    assert site(operator, docker_batch=1) == 0, operator.output
    assert operator.done == [
        f"{host} {name}" for host in ("a", "b") for name in ("plan", "carry_out preparation", "carry_out change")
    ]


def test_a_step_that_fails_ends_the_run_on_its_host(operator: Operator) -> None:
    operator.answers = {
        "plan": planned("ssh_access", "apply"),
        "ssh_access a": {"failed": True, "msg": "refused"},
    }
    assert site(operator) == 2
    for host, taken in (("a", ["ssh_access"]), ("b", ["ssh_access", "carry_out change"])):
        assert [name for one, name, _options in operator.record if one == host] == ["plan", *taken]


def test_roles_alone_plan_their_own_part(operator: Operator) -> None:
    playbook = operator.directory / "play.yml"
    roles = [{"role": f"mooring.docker.{name}"} for name in ("docker_engine", "docker_network")]
    playbook.write_text(json.dumps([{"hosts": "docker_hosts", "gather_facts": False, "roles": roles}]))
    operator.answers = {"plan": planned("apply")}
    assert operator.run(playbook, "--limit", "a") == 0, operator.output
    assert [(name, options.get("roles")) for _host, name, options in operator.record] == [
        ("plan", ["docker_engine"]),
        ("carry_out change", None),
        ("plan", ["docker_network"]),
        ("carry_out change", None),
    ]


# Rotation --------------------------------------------------------------------------------------------


def rotate(operator: Operator, steps: Sequence[str], batch: str = "1", emergency: bool = False) -> int:
    """Run the plays of a rotation of which these steps are planned; c is a client."""
    host = {"restart": "when_needed"}
    fleet = {
        "name": "fleet",
        "ca_directory": str(operator.directory / "pki"),
        "passphrase": "secret",
        "hosts": {"a": host, "b": host},
        "tls": ["a", "b"],
        "clients": {"c": "carol"},
    }
    rotation = {
        "steps": steps,
        "trust": ["a", "b"] if "trust" in steps else [],
        "forget": ["a", "b"] if "forget" in steps else [],
        "batch": batch,
        "leaving": [],
        "emergency": emergency,
    }
    operator.inventory["all"]["hosts"]["localhost"] = {"mooring_fleet": fleet, "mooring_rotation": rotation}
    return operator.run(PROJECT / "playbooks/plays/rotation.yml", clients="c")


def of(host: str) -> list[str]:
    return [f"{host} plan", f"{host} host_info"]


BEGINNING = ["localhost authority_rotation begin", *of("a"), *of("b")]
PROMOTION = ["localhost authority_rotation promote", "c client_plan"]
RETIREMENT = ["localhost authority_rotation retire", "localhost authority_rotation remove"]
END = ["localhost authority_rotation confirm", "c client_plan", "localhost authority_rotation finish"]
ALL = ("begin", "trust", "promote", "renew", "retire", "remove", "forget", "confirm", "update", "finish")


def test_a_rotation_locks_nobody_out_on_its_way(operator: Operator) -> None:
    """Daemons trust the next authority before it signs, clients have its certificates before the old one goes."""
    operator.answers = {"plan": planned(), "client_plan": {"steps": {}}, "host_info": {"host": {}}}
    assert rotate(operator, ALL) == 0, operator.output
    assert operator.done == [*BEGINNING, *PROMOTION, *RETIREMENT, *of("a"), *of("b"), *END]


@pytest.mark.parametrize(
    ("failing", "done"),
    [
        # A daemon that does not trust it yet: the rotation waits, and no other daemon restarts.
        ("plan a", BEGINNING[:2]),
        ("authority_rotation promote", [*BEGINNING, PROMOTION[0]]),
        # A client that has none yet.
        ("authority_rotation retire", [*BEGINNING, *PROMOTION, RETIREMENT[0]]),
    ],
)
def test_a_rotation_waits_where_somebody_would_be_locked_out(operator: Operator, failing: str, done: list[str]) -> None:
    failure = {"failed": True, "msg": "not yet"}
    answers = {"plan": planned(), "client_plan": {"steps": {}}, "host_info": {"host": {}}, failing: failure}
    operator.answers = answers
    if failing.startswith("authority_rotation"):
        step = failing.partition(" ")[2]
        action = operator.directory / "collections/ansible_collections/mooring/docker/plugins/action"
        text = ACTION.replace("answers = task_vars", f"failed = said.endswith('{step}')\n        answers = task_vars")
        text = text.replace('"changed": False', '"changed": False, "failed": failed, "msg": ""')
        (action / "authority_rotation.py").write_text(text)
    assert rotate(operator, ALL) == 2
    assert operator.done == done


def test_one_daemon_that_cannot_forget_keeps_no_other_from_it(operator: Operator) -> None:
    operator.answers = {
        "plan": planned(),
        "plan a": {"failed": True, "msg": "no"},
        "client_plan": {"steps": {}},
        "host_info": {"host": {}},
    }
    assert rotate(operator, ["remove", "forget", "confirm", "update", "finish"]) == 0, operator.output
    assert operator.done == [RETIREMENT[1], *of("a"), *of("b"), *END]


def test_in_an_emergency_daemons_forget_at_once(operator: Operator) -> None:
    operator.answers = {"plan": planned(), "client_plan": {"steps": {}}, "host_info": {"host": {}}}
    assert rotate(operator, ["forget"], batch="100%", emergency=True) == 0, operator.output
    assert sorted(operator.done[:2]) == ["a plan", "b plan"]


# What a task must not do -----------------------------------------------------------------------------


def _tasks(content: Any) -> list[dict[str, Any]]:
    """All tasks in a file of tasks or plays, those in blocks too."""
    found: list[dict[str, Any]] = []
    for entry in content if isinstance(content, list) else []:
        if isinstance(entry, dict):
            found.append(entry)
            for key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
                found += _tasks(entry.get(key))
    return found


LOOKS = {"mooring.docker.host_info", "mooring.docker.endpoint_info", "mooring.docker.plan"}
"""Modules that change nothing, and whose replies are data."""

FILES = [*PROJECT.glob("roles/*/tasks/*.yml"), *PROJECT.glob("playbooks/**/*.yml")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_failure_is_swallowed(path: Path) -> None:
    """Only where somebody looks, and what could not be seen is told. A fact with a passphrase is in no log."""
    for task in _tasks(yaml.safe_load(path.read_text())):
        assert "ignore_errors" not in task, task
        if task.get("failed_when") is False:
            assert LOOKS & set(task), task
        if "fleet_with_passphrase" in str(task.get("ansible.builtin.set_fact")):
            assert task["no_log"] is True


def test_a_removal_fails_of_whatever_is_left() -> None:
    """In its last task, which no condition but that keeps from it."""
    *_others, last = yaml.safe_load((PROJECT / "playbooks/remove_client.yml").read_text())[-1]["tasks"]
    assert last["ansible.builtin.fail"] == {"msg": "{{ summary.left | join('. ') }}"}
    assert last["when"] == "summary.left | length > 0"


@pytest.mark.parametrize("role", ["docker_engine", "docker_network", "docker_client", "docker_pki"])
def test_what_is_documented_is_the_default(role: str) -> None:
    """Where it is a template, the documentation says so in words."""
    defaults = yaml.safe_load((PROJECT / f"roles/{role}/defaults/main.yml").read_text())
    specs = yaml.safe_load((PROJECT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
    options = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    assert documented == {name: value for name, value in defaults.items() if "{{" not in str(value)}


def test_settings_of_ansible_are_safe() -> None:
    settings = configparser.ConfigParser()
    settings.read(PROJECT / "ansible.cfg")
    # What a host answers never becomes a variable, and a host with another key is not talked to.
    assert settings["defaults"].getboolean("inject_facts_as_vars") is False
    assert settings["defaults"].getboolean("host_key_checking") is True
    # A bare run never touches a real server.
    assert settings["defaults"]["inventory"] == "inventory/lab"


def test_defaults_are_safe() -> None:
    defaults = {}
    for role in ("docker_engine", "docker_network"):
        defaults.update(yaml.safe_load((PROJECT / f"roles/{role}/defaults/main.yml").read_text()))
    assert {name: defaults[name] for name in SAFE} == SAFE


SAFE = {
    "docker_engine_endpoints": ["unix:///run/docker.sock"],
    "docker_engine_plaintext_loopback": False,
    "docker_engine_socket_mode": "0660",
    "docker_engine_socket_owner": "root",
    "docker_engine_live_restore": True,
    "docker_engine_on_conflict": "refuse",
    "docker_engine_restart": "only_without_containers",
    "docker_engine_confirm_timeout": 60,
    "docker_engine_require_filters": True,
    "docker_engine_tls": True,
    "docker_engine_certificate_renew": False,
    "docker_engine_users_exclusive": False,
    "docker_network_check_addresses": True,
    "docker_network_containers": "keep",
}
"""Variables whose defaults are a promise."""
