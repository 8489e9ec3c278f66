"""The callback for monitoring says what a playbook says, and on a terminal how far it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import terminal

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.set_fact: {seen: true}
    - name: Tell
      ansible.builtin.debug: {msg: ["{{ inventory_hostname }} is seen"]}
      when: inventory_hostname == 'b'
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """A play on three hosts that are all this machine."""
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return [program, "-i", "a,b,c", "-c", "local", str(tmp_path / "play.yml")]


ENVIRONMENT = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "mooring.docker.quiet"}


def test_without_a_terminal_there_is_but_what_the_playbook_says(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert (done.stdout, done.stderr) == ("b is seen\n", "")


def test_on_a_terminal_the_last_line_tells_how_far_it_is(command: list[str]) -> None:
    stdout, shown = terminal.run(command, ENVIRONMENT)
    assert stdout == "b is seen\n"
    lines = [line for line in shown.decode().split("\r\x1b[K") if line]
    assert [line.partition("is done, ")[2] for line in lines if line.startswith("Look: ")] == [
        f"{left} of 3 hosts left" for left in (2, 1, 0)
    ]
    # Nothing stays on the terminal.
    assert shown.endswith(b"\r\x1b[K")


STEERING = """
- hosts: all
  gather_facts: false
  ignore_unreachable: false
  tasks:
    - ansible.builtin.debug: {msg: ["\\e[2J lines\\nof one", "\\u202e"]}
    - ansible.builtin.debug: {msg: "\\x9b31m text\\nmore"}
    - ansible.builtin.fail: {msg: "\\e]0;title\\a failed"}
"""


def test_what_would_steer_the_terminal_is_shown_as_an_escape(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(STEERING)
    command[command.index("a,b,c")] = "a,"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.stdout.splitlines() == [
        r"\x1b[2J lines\nof one",
        r"\u202e",
        r"\x9b31m text",
        r"a: \x1b]0;title\x07 failed",
    ]


def test_warnings_of_a_verification_are_told(command: list[str]) -> None:
    finding = "{host: a, id: x.y, severity: warning, expected: e, observed: o, remedy: r}"
    task = f"    - mooring.docker.show_findings: {{findings: [{finding}]}}\n"
    Path(command[-1]).write_text("- hosts: a\n  gather_facts: false\n  tasks:\n" + task)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "a: warning x.y: expected: e; found: o; remedy: r\n"
