"""What a host replies is data: of the module's keys and types, printable, and without a meaning for Ansible."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.plugin_docs import read_docstring
from ansible_collections.mooring.docker.plugins.plugin_utils import reply
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
CONFIRMED: dict[str, Any] = {"changed": False, "confirmed": ["table inet x"]}


def cleaned(said: dict[str, Any] | str, module: str = "confirm", **more: Any) -> dict[str, Any]:
    text = said if isinstance(said, str) else json.dumps(said)
    found = json.loads(reply.cleaned(module, text, more.get("stderr", ""), more.get("status", 0), "is_async" in more))
    assert isinstance(found, dict)
    return found


def test_an_honest_reply_stays_as_it_is() -> None:
    said = {
        **CONFIRMED,
        "diff": {"before": "a\n", "after": "b\n"},
        "invocation": {"module_args": {}},
        "warnings": ["x"],
    }
    assert cleaned(said) == said
    assert cleaned(f"motd\n{json.dumps(said)}\nfarewell {{}}") == said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ansible_facts", {"observations": "/etc"}),
        ("ansible_facts", []),
        ("add_host", {"host_name": "mallory"}),
        ("add_group", "docker_hosts"),
        ("ansible_stats", 5),
        ("unreachable", True),
        ("results", [{"skipped": True}]),
        ("rc", 1),
        ("_ansible_no_log", True),
        ("_ansible_delegated_vars", {"ansible_host": "192.0.2.1"}),
        ("deprecations", ["x"]),
        ("anything", "else"),
    ],
)
def test_what_has_a_meaning_for_ansible_is_left_out(key: str, value: Any) -> None:
    assert cleaned({**CONFIRMED, key: value}) == CONFIRMED


def test_nothing_in_it_becomes_an_object_of_ansibles() -> None:
    tagged = {"__ansible_type": "_AnsibleTaggedStr", "value": "{{ 1 }}", "tags": [], "_ansible_x": 1}
    found = cleaned({"changed": True, "contexts": {}, "invocation": {"deep": [tagged]}}, "docker_contexts")
    assert found["invocation"] == {"deep": [{"value": "{{ 1 }}", "tags": []}]}


def test_messages_that_ansible_describes_are_texts() -> None:
    event = {"__ansible_type": "Event", "msg": "broken\x1b[2J", "formatted_traceback": "Traceback\x1b\n"}
    summary = {"__ansible_type": "ErrorSummary", "event": event}
    found = cleaned({"failed": True, "exception": summary, "warnings": [summary]})
    assert found["msg"] == r"broken\x1b[2J"
    assert found["exception"] == "Traceback\\x1b\n"
    assert found["warnings"] == [r"broken\x1b[2J"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "confirmed is missing"),
        ({"confirmed": "x"}, "confirmed must be a list and is a string"),
        ({"confirmed": [1]}, "confirmed[0] must be a string and is a whole number"),
        ({**CONFIRMED, "changed": 1}, "changed must be true or false and is a whole number"),
        ({**CONFIRMED, "warnings": [{}]}, "warnings[0] must be a string and is null"),
        ({**CONFIRMED, "diff": {"before": 5}}, "diff.before must be"),
        ({"failed": "no", **CONFIRMED}, "failed must be true or false"),
        ({"failed": True, "msg": ["x"]}, "msg must be a string and is a list"),
        ('{"confirmed": [', "cannot be read"),
        ("{" * 100_000, "cannot be read"),
        ('{"confirmed": ' + "[" * 100_000, "cannot be read"),
        ('{"confirmed": [NaN]}', "NaN is no number"),
        ('{"x": 1e999, "invocation": {"a": 1e999}, "confirmed": []}', "cannot be read"),
        ('{"x": ' + "9" * 5000 + "}", "cannot be read"),
        ('{"confirmed": ["\x1b"]}', "cannot be read"),
        ("{" + " " * reply.MOST, "and may have"),
        ("", "ended with status 3 and without a reply: sh: no python\\x1b"),
        ("[]\n", "without a reply"),
    ],
)
def test_another_shape_is_a_failure_that_says_so(said: dict[str, Any] | str, reason: str) -> None:
    found = cleaned(said, stderr="sh: no python\x1b", status=3)
    assert found["failed"] is True
    assert reason in found["msg"]
    assert found["msg"].isprintable()


def test_a_failure_needs_no_more_than_its_message() -> None:
    assert cleaned({"failed": True, "msg": "no"}) == {"failed": True, "msg": "no"}
    assert cleaned({"skipped": True, "msg": "no"}, "certificate_pair") == {"skipped": True, "msg": "no"}


@pytest.mark.parametrize("how", ["failed", "skipped"])
def test_nothing_is_beside_a_failure(how: str) -> None:
    """A task that does not mind failures has a result all the same."""
    assert cleaned({how: True, "msg": "no", "host": {"ssh": {"host_keys": ["evil"]}}}, "host_info") == {
        how: True,
        "msg": "no",
    }


def test_a_module_that_was_only_started_tells_where() -> None:
    started = {"started": 1, "finished": 0, "ansible_job_id": "j1", "results_file": "/x"}
    found = cleaned({**started, "changed": True, "add_host": {}}, is_async=True)
    assert found == {**started, "changed": True, "_ansible_suppress_tmpdir_delete": True}


@pytest.mark.parametrize("keys", [[f"{KEY}\n@cert-authority * {KEY}"], ["x"], [KEY] * 17, KEY, [None]])
def test_host_keys_are_keys(keys: Any) -> None:
    problem = reply.mismatch({"keys": keys}, {"keys": reply.HostKeys()}, "")
    assert problem is not None
    assert problem.isprintable()
    assert reply.mismatch({"keys": [KEY]}, {"keys": reply.HostKeys()}, "") is None


def test_another_system_says_only_what_it_is() -> None:
    said = {"host": {"system": {"kernel": "FreeBSD", "root": True, "systemd": False}}}
    assert cleaned(said, "host_info") == said
    assert cleaned({"host": {**said["host"], "ssh": {"host_keys": ["evil"]}}}, "host_info") == said
    said["host"]["system"]["kernel"] = "Linux"
    assert "is missing" in cleaned(said, "host_info")["msg"]


STEP: dict[str, Any] = {
    "name": "packages",
    "role": "docker_engine",
    "summary": "install docker.io",
    "reasons": [],
    "effects": [],
    "parameters": {"required": ["docker.io"], "optional": []},
    "diff": [],
}


def planned(*steps: Any, **more: Any) -> dict[str, Any]:
    said = {"certificate_names": [], "composition": None, "host": None, **more}
    return cleaned({"plan": {"refusals": [], "steps": list(steps)}, **said}, "host_plan")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "reboot"}, "plan.steps[0].name must be one of packages, "),
        ({"name": ["packages"]}, "plan.steps[0].name must be one of packages, "),
        ({"name": "networks"}, "plan.steps[0].parameters.optional is unknown"),
        ({"role": "docker_pki"}, "plan.steps[0].role must be one of docker_engine, docker_network"),
        ({"parameters": {"required": ["x"]}}, "plan.steps[0].parameters.optional is missing"),
        ({"parameters": {"required": "x", "optional": []}}, "plan.steps[0].parameters.required must be a list"),
        ({"parameters": {"required": [], "optional": [], "src": "/etc"}}, "plan.steps[0].parameters.src is unknown"),
        ({"delegate_to": "localhost"}, "plan.steps[0].delegate_to is unknown"),
        ({"diff": [{"before": "x"}]}, "plan.steps[0].diff[0].after is missing"),
        ({"effects": [{}]}, "plan.steps[0].effects[0] must be a string"),
    ],
)
def test_a_hosts_plan_has_the_steps_that_there_are_and_nothing_else(change: dict[str, Any], problem: str) -> None:
    assert planned(STEP)["plan"]["steps"] == [STEP]
    assert problem in planned({**STEP, **change})["msg"]


ENDPOINT_FILTER: dict[str, Any] = {
    **STEP,
    "name": "endpoint_filter",
    "parameters": {"name": "endpoint", "rules": "", "state": "present", "required": True, "confirm": 60},
}
CONFIGURATION: dict[str, Any] = {
    **STEP,
    "name": "configuration",
    "parameters": {
        "fragments": ["10-engine", "20-network"],
        "chosen": {"bip": "172.18.0.1/16"},
        "on_conflict": "refuse",
        "socket": {"mode": "0660"},
        "restart": "never",
        "containers": "keep",
        "data_root_change": "refuse",
        "adopted": False,
        "files": [],
    },
}


@pytest.mark.parametrize(
    ("step", "change", "problem"),
    [
        (ENDPOINT_FILTER, {"name": "../../etc/passwd"}, "parameters.name must be one of endpoint"),
        (ENDPOINT_FILTER, {"state": "flushed"}, "parameters.state must be one of present, absent"),
        (ENDPOINT_FILTER, {"confirm": False}, "parameters.confirm must be a whole number"),
        (CONFIGURATION, {"fragments": ["10-engine", "00-adopted"]}, "parameters.fragments[1] must be one of 10-engine"),
        (CONFIGURATION, {"chosen": {"data-root": "/etc"}}, "parameters.chosen.data-root is unknown"),
        (CONFIGURATION, {"socket": {"directory": "/etc"}}, "parameters.socket.directory is unknown"),
    ],
)
def test_parameters_of_a_step_are_its_own(step: dict[str, Any], change: dict[str, Any], problem: str) -> None:
    assert planned(step)["plan"]["steps"] == [step]
    assert problem in planned({**step, "parameters": {**step["parameters"], **change}})["msg"]


@pytest.mark.parametrize("step", ["packages", None, [], 5])
def test_a_step_is_a_dictionary(step: Any) -> None:
    assert "plan.steps[0].name must be one of" in planned(step)["msg"]


def test_a_hosts_plan_has_each_step_once_and_in_their_order() -> None:
    confirm = {**STEP, "name": "confirm", "parameters": {"pending": []}}
    assert planned(STEP, confirm)["plan"]["steps"] == [STEP, confirm]
    assert "plan.steps must be packages, confirm and are confirm, packages" in planned(confirm, STEP)["msg"]
    assert "plan.steps must be packages and are packages, packages" in planned(STEP, STEP)["msg"]


def test_a_host_of_another_system_has_a_plan_too() -> None:
    system = {"kernel": "FreeBSD", "root": True, "systemd": False}
    assert planned(host={"system": system})["host"] == {"system": system}


def test_every_module_that_runs_on_hosts_is_taken_in() -> None:
    """Those without an action of their own, with the keys that they document."""
    actions = {path.stem for path in (ROOT / "plugins/action").glob("*.py")}
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")} - actions
    routing = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["plugin_routing"]["modules"]
    assert routing == {name: {"action_plugin": "mooring.docker.on_host"} for name in modules}
    assert set(reply.REPLIES) == modules
    for name in modules:
        returned = read_docstring(str(ROOT / f"plugins/modules/{name}.py"))["returndocs"]
        assert set(reply.REPLIES[name]) == set(returned), name


KEYS = ["host", "system", "kernel", "Linux", "failed", "msg", "warnings", "exception", "event", "diff", "ansible_facts"]
TEXT = st.text() | st.sampled_from(KEYS)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(sorted(reply.REPLIES)), DATA, st.text())
def test_whatever_a_host_says_is_a_reply(module: str, data: Any, noise: str) -> None:
    for text in (noise, json.dumps(data), f"{noise}\n{json.dumps(data, ensure_ascii=False)}{noise}"):
        found = cleaned(text, module, stderr=noise)
        assert set(found) <= {*reply.REPLIES[module], *reply._ALWAYS, "rc", "module_stdout", "module_stderr"}
        assert found.get("failed") or reply.mismatch(found, reply.REPLIES[module], "") is None or found.get("skipped")
        assert json.dumps(found, ensure_ascii=False).isprintable()
