"""The callback of operators: what is planned, changed and failed, and no more; nothing in it steers a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fleets
import pytest
import terminal

PROJECT = Path(__file__).resolve().parents[2]
PLAN_ACTION = """
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        plan = task_vars["plans"].get(task_vars["inventory_hostname"], {"refusals": [], "steps": []})
        result = {"plan": plan, "changed": self._task.check_mode and bool(plan["steps"])}
        if plan["refusals"]:
            result.update(failed=True, msg=plan["refusals"])
        return result
"""
RESTART: dict[str, Any] = {
    "refusals": [],
    "steps": [
        {
            "name": "configuration",
            "role": "docker_engine",
            "summary": "write daemon.json",
            "reasons": ["log-driver is local, was json-file"],
            "effects": [],
            "parameters": {},
            "diff": [],
        },
        {
            "name": "apply",
            "role": "docker_engine",
            "summary": "restart the daemon",
            "reasons": ["log-driver is read at start only", "live-restore is on"],
            "effects": ["Connections to the API end."],
            "parameters": {},
            "diff": [],
        },
    ],
}
PLANNED = """
- name: Turn servers into Docker hosts
  hosts: all
  gather_facts: false
  tasks:
    - name: Plan
      mooring.docker.plan:
      register: planned
    - name: Write the configuration
      ansible.builtin.command: "true"
      changed_when: true
      when: "'configuration' in planned.plan.steps | map(attribute='name')"
    - name: Apply the configuration
      ansible.builtin.command: "true"
      changed_when: true
      when: "'apply' in planned.plan.steps | map(attribute='name')"
"""


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """The collection as it is, but for an action that plans what the test says."""
    place = tmp_path / "collections" / "ansible_collections" / "mooring" / "docker"
    _link(PROJECT, place, {"plugins"})
    _link(PROJECT / "plugins", place / "plugins", {"action"})
    _link(PROJECT / "plugins" / "action", place / "plugins" / "action", {"plan.py"})
    (place / "plugins" / "action" / "plan.py").write_text(PLAN_ACTION)
    return tmp_path / "collections"


def _link(original: Path, copy: Path, left_out: set[str]) -> None:
    copy.mkdir(parents=True)
    for entry in original.iterdir():
        if entry.name not in {*left_out, ".git", ".venv", ".cache", "__pycache__"}:
            (copy / entry.name).symlink_to(entry)


class Operator:
    """Runs playbooks on hosts that are all this machine."""

    def __init__(self, directory: Path, collections: Path) -> None:
        self._playbook = directory / "play.yml"
        self.environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_STDOUT_CALLBACK": "mooring.docker.steps",
            "ANSIBLE_NOCOLOR": "true",
        }

    def words(self, playbook: str, *options: str, hosts: str = "a,b,c", **variables: Any) -> list[str]:
        self._playbook.write_text(playbook)
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        defaults = {"plans": {}, "ansible_python_interpreter": sys.executable}
        fixed = ["-i", f"{hosts},", "-c", "local", "-e", json.dumps({**defaults, **variables})]
        return [program, *fixed, *options, str(self._playbook)]

    def run(
        self, playbook: str, *options: str, hosts: str = "a,b,c", **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        words = self.words(playbook, *options, hosts=hosts, **variables)
        return subprocess.run(words, capture_output=True, text=True, check=False, env=self.environment)


@pytest.fixture
def operator(tmp_path: Path, collections: Path) -> Operator:
    return Operator(tmp_path, collections)


def test_a_run_with_nothing_to_do_fits_on_one_screen(operator: Operator) -> None:
    done = operator.run(PLANNED)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Turn servers into Docker hosts",
        "",
        "HOST  STEPS  WHAT",
        "a     0      nothing to do",
        "b     0      nothing to do",
        "c     0      nothing to do",
    ]
    assert done.stderr == ""


def test_a_change_is_told_with_step_host_and_reason_and_at_the_end(operator: Operator) -> None:
    done = operator.run(PLANNED, plans={"b": RESTART})
    assert done.stdout.splitlines() == [
        "Turn servers into Docker hosts",
        "  b: planned: write daemon.json (log-driver is local, was json-file)",
        "  b: planned: restart the daemon (log-driver is read at start only; live-restore is on)",
        "    Connections to the API end.",
        "  b: changed: Write the configuration",
        "  b: changed: Apply the configuration",
        "",
        "HOST  STEPS  WHAT                                   EFFECTS",
        "a     0      nothing to do",
        "b     2      write daemon.json; restart the daemon  Connections to the API end.",
        "c     0      nothing to do",
    ]


CARRY_OUT_ACTION = """
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        done = task_vars["carried_out"]
        return {**done, "changed": True, "diff": [entry for step in done["steps"] for entry in step.get("diff", [])]}
"""
IN_ONE_TASK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Do it all
      mooring.docker.carry_out:
"""
CARRIED_OUT: dict[str, Any] = {
    "steps": [
        {"name": "packages", "title": "Install the packages", "changed": False, "packages": []},
        {
            "name": "configuration",
            "title": "Compose daemon.json",
            "changed": True,
            "diff": [
                {
                    "before": "old\n",
                    "after": "new\x1b[2J\n",
                    "before_header": "daemon.json",
                    "after_header": "daemon.json",
                }
            ],
        },
        {"name": "apply", "title": "Apply\x1b[2J it", "changed": True},
    ]
}


@pytest.fixture
def carrying(operator: Operator, collections: Path) -> Operator:
    """An action that has carried out what the test says."""
    action = collections / "ansible_collections/mooring/docker/plugins/action/carry_out.py"
    action.unlink()
    action.write_text(CARRY_OUT_ACTION)
    return operator


def test_each_step_of_a_task_that_carries_out_several_is_told(carrying: Operator) -> None:
    done = carrying.run(IN_ONE_TASK, "--diff", hosts="a", carried_out=CARRIED_OUT)
    lines = done.stdout.splitlines()
    assert [line for line in lines if ": changed: " in line] == [
        "  a: changed: Compose daemon.json",
        r"  a: changed: Apply\x1b[2J it",
    ]
    assert "Do it all" not in done.stdout
    start = lines.index("  a: changes of: Compose daemon.json")
    assert lines[start + 4 : start + 6] == ["-old", r"+new\x1b[2J"]
    verbose = carrying.run(IN_ONE_TASK, "-v", hosts="a", carried_out=CARRIED_OUT).stdout
    assert "  a: ok: Install the packages" in verbose


def test_the_step_that_failed_is_told_after_those_before_it(carrying: Operator) -> None:
    failure = {**CARRIED_OUT, "failed": True, "step": "Make networks", "msg": "the engine\nsays no"}
    done = carrying.run(IN_ONE_TASK, hosts="a", carried_out=failure)
    lines = done.stdout.splitlines()
    start = lines.index(r"  a: changed: Apply\x1b[2J it")
    assert lines[start + 1 :] == [
        "  a: failed: Make networks",
        "    the engine",
        "    says no",
        "",
        "a  failed: Make networks",
    ]


def test_a_host_without_a_plan_has_a_line_only_where_it_changed(operator: Operator) -> None:
    helping = """
- hosts: c:d
  gather_facts: false
  tasks:
    - ansible.builtin.command: "true"
      changed_when: inventory_hostname == 'd'
"""
    done = operator.run(PLANNED.replace("hosts: all", "hosts: a") + helping, hosts="a,b,c,d")
    assert done.stdout.splitlines()[-3:] == [
        "HOST  STEPS  WHAT",
        "a     0      nothing to do",
        "d     -      1 changed",
    ]


FLEET = """
- hosts: all
  gather_facts: false
  tasks:
    - mooring.docker.plan:
      register: plan
      failed_when: false
- name: Show the plan
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Show the fleet's plan
      mooring.docker.fleet_plan: {hosts: [a, b]}
"""


def test_the_plan_of_the_fleet_is_shown_once_with_those_who_have_none(operator: Operator) -> None:
    refused = {"refusals": ["bip covers the controller."], "steps": []}
    done = operator.run(FLEET, hosts="a,b", plans={"a": refused, "b": RESTART})
    assert done.returncode == 2
    assert done.stdout.count("HOST ") == 1
    assert "  localhost: failed: Show the fleet's plan\n\nHOST" in done.stdout
    assert "a          -      refused: bip covers the controller." in done.stdout
    assert operator.run(FLEET, hosts="a,b", plans={"b": RESTART}).stdout.splitlines()[-5:] == [
        "Show the plan",
        "",
        "HOST  STEPS  WHAT                                   EFFECTS",
        "a     0      nothing to do",
        "b     2      write daemon.json; restart the daemon  Connections to the API end.",
    ]


def test_a_plan_that_cannot_be_written_is_told(operator: Operator, tmp_path: Path) -> None:
    done = operator.run(FLEET.replace("[a, b]", f"[a, b], output: {tmp_path}"), hosts="a,b")
    assert done.returncode == 2
    assert f"  localhost: failed: Show the fleet's plan\n    plan_output {tmp_path} cannot be written: " in done.stdout


def test_findings_that_fail_nothing_are_shown(operator: Operator) -> None:
    playbook = (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - mooring.docker.show_findings: {findings: '{{ seen }}'}\n"
    )
    done = operator.run(playbook, hosts="a", seen=[fleets.finding("a", "warning")])
    assert done.returncode == 0
    assert "  a: warning endpoint-plaintext" in done.stdout


def test_check_mode_says_so_and_shows_the_plan(operator: Operator) -> None:
    done = operator.run(PLANNED, "--check", plans={"b": RESTART})
    assert done.stdout.splitlines()[0] == "Turn servers into Docker hosts (check mode: nothing is changed)"
    assert "  b: planned: write daemon.json (log-driver is local, was json-file)" in done.stdout
    assert "b: changed: Plan" not in done.stdout
    assert "b     2      write daemon.json; restart the daemon  Connections to the API end." in done.stdout


def test_a_refusal_is_shown_once_in_full_and_counts_as_a_failure(operator: Operator) -> None:
    refused = {"refusals": ["docker_engine_endpoint is unknown.", "bip covers the controller."], "steps": []}
    done = operator.run(PLANNED, plans={"a": refused})
    assert done.returncode == 2
    assert done.stdout.splitlines()[1:4] == [
        "  a: failed: Plan",
        "    docker_engine_endpoint is unknown.",
        "    bip covers the controller.",
    ]
    assert "a     -      failed: Plan" in done.stdout


def test_roles_that_plan_their_own_part_add_up(operator: Operator) -> None:
    twice = PLANNED.replace("    - name: Write", "    - mooring.docker.plan:\n    - name: Write")
    assert (
        "b     4      write daemon.json; restart the daemon; write daemon.json"
        in operator.run(twice, plans={"b": RESTART}).stdout
    )


FAILING = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Start the daemon
      ansible.builtin.command: sh -c 'echo first; echo second; echo "the reason" >&2; exit 3'
      when: inventory_hostname == 'a'
    - name: Compare
      ansible.builtin.assert:
        that: inventory_hostname == 'b'
        fail_msg: "expected one thing\\nfound another"
    - name: Each
      ansible.builtin.fail: {msg: "{{ item }} is bad"}
      loop: [x, y]
      ignore_errors: true
"""


def test_a_failure_is_shown_whole_with_its_host_and_told_at_the_end(operator: Operator) -> None:
    done = operator.run(FAILING)
    assert done.returncode == 2
    text = done.stdout
    start = text[text.index("  a: failed: Start the daemon") : text.index("  c: failed: Compare")]
    for part in ("non-zero return code", "rc: 3", "first", "second", "the reason"):
        assert part in start
    assert re.search(r"  c: failed: Compare\n    expected one thing\n    found another\n", text)
    assert re.search(r"  b: failed \(x\): Each\n    x is bad\n", text)
    assert re.search(r"  b: failed \(y\): Each\n    y is bad\n", text)
    assert "  b: failed, which is ignored: Each" in text
    assert text.splitlines()[-3:] == ["a  failed: Start the daemon", "b  nothing changed", "c  failed: Compare"]


UNREACHABLE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Reach
      ansible.builtin.ping:
      vars: {ansible_connection: ssh, ansible_port: 1, ansible_host: 127.0.0.1}
"""


def test_a_host_that_cannot_be_reached_is_named_with_the_words_of_ssh(operator: Operator) -> None:
    done = operator.run(UNREACHABLE, hosts="a")
    assert done.returncode == 4
    assert "  a: unreachable: Reach" in done.stdout
    assert "Connection refused" in done.stdout
    assert done.stdout.splitlines()[-1] == "a  unreachable"


TOLD = """
- name: Tell
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: ["first line", "second line"]}
    - ansible.builtin.debug: {msg: "one\\ntext"}
    - ansible.builtin.debug: {var: inventory_hostname}
    - ansible.builtin.debug: {msg: "{{ item }} in a loop"}
      loop: [x]
    - name: Change in a loop
      ansible.builtin.command: "true"
      changed_when: item == 'y'
      loop: [x, y]
    - name: Nobody is to know
      ansible.builtin.command: echo password
      no_log: true
      failed_when: true
"""


def test_messages_of_the_playbook_and_rounds_of_loops_are_told_and_secrets_are_not(operator: Operator) -> None:
    done = operator.run(TOLD, hosts="a")
    assert done.stdout.splitlines()[:7] == [
        "Tell",
        "  first line",
        "  second line",
        "  one",
        "  text",
        "  inventory_hostname: a",
        "  x in a loop",
    ]
    assert "  a: changed: Change in a loop (y)\n" in done.stdout
    assert "(x)" not in done.stdout
    assert "  a: failed: Nobody is to know" in done.stdout
    assert "password" not in done.stdout + done.stderr


def test_verbose_tells_what_tasks_returned(operator: Operator) -> None:
    playbook = "- hosts: all\n  gather_facts: false\n  tasks: [{name: Look, ansible.builtin.ping: {data: seen}}]\n"
    assert "Look" not in operator.run(playbook, hosts="a").stdout
    assert re.search("  a: ok: Look\n    ping: seen\n", operator.run(playbook, "-v", hosts="a").stdout)


STEERING = """
- name: "\\e[2Jplay"
  hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: ["\\e[2Ja", "\\u202eb"]}
    - name: "\\e[3Jtask"
      ansible.builtin.copy: {content: "\\e[4J\\u202e new\\n", dest: "FILE"}
    - ansible.builtin.command: "printf '\\\\033[5J\\\\342\\\\200\\\\256'"
      failed_when: true
"""


def test_nothing_steers_the_terminal_not_even_in_a_diff(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old\n")
    done = operator.run(STEERING.replace("FILE", str(tmp_path / "file")), "--diff", hosts="a")
    assert not re.search("[\x1b\u202e\x9b]", done.stdout + done.stderr)
    for shown in (r"\x1b[2Jplay", r"\x1b[2Ja", r"\u202eb", r"\x1b[3Jtask"):
        assert shown in done.stdout
    assert "\n-old\n+\\x1b[4J\\u202e new\n" in done.stdout
    assert "[5J" in done.stdout


WARN_ACTION = """
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {"changed": False, "warnings": ["the \\x1b[2Jclock is late"]}
"""


def test_a_warning_names_its_host(operator: Operator, collections: Path) -> None:
    (collections / "ansible_collections/mooring/docker/plugins/action/warn.py").write_text(WARN_ACTION)
    done = operator.run("- hosts: all\n  gather_facts: false\n  tasks: [{mooring.docker.warn: }]\n", hosts="a")
    assert r"[WARNING]: a: the \x1b[2Jclock is late" in done.stderr


def test_on_a_terminal_the_last_line_tells_what_is_waited_for(operator: Operator) -> None:
    words = operator.words(PLANNED, plans={"b": RESTART})
    stdout, shown = terminal.run(words, {**operator.environment, "COLUMNS": "60"})
    assert "\x1b" not in stdout
    lines = [line for line in shown.decode().split("\r\x1b[K") if line]
    assert lines[0] == "Plan: 0 of 1 hosts done, waiting for a"
    planning = [
        line.partition(" hosts done, waiting for ")[2].split(", ") for line in lines if line.startswith("Plan: ")
    ]
    assert {name for names in planning for name in names} == {"a", "b", "c", ""}
    assert "Plan: 3 of 3 hosts done" in lines
    assert max(map(len, lines)) < 60
    # Nothing stays on the terminal.
    assert shown.endswith(b"\r\x1b[K")


def test_a_play_that_is_switched_off_is_not_mentioned(operator: Operator) -> None:
    line = "- {{name: {}, hosts: '{}', gather_facts: false}}\n"
    plays = line.format("Report", "all:!all") + line.format("Nobody", "all:!a")
    shown = operator.run(plays, hosts="a").stdout
    assert "Report" not in shown
    assert "Nobody\n  no hosts matched" in shown
