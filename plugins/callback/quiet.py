# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback: nothing but what a playbook has to say."""

from __future__ import annotations

DOCUMENTATION = r"""
name: quiet
type: stdout
short_description: Print only messages and failures, one line each
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Prints the messages of a playbook, such as those of C(ansible.builtin.debug), and one line with the reason for each
    host that fails or cannot be reached. Characters that could control a terminal are shown as escapes, such as
    C(\x1b).
  - Use it to run C(playbooks/verify.yml) from a timer or a monitoring system. If there are no findings, it prints
    nothing.
  - If the standard error is a terminal, its last line shows which host has finished which task, and how many hosts are
    left.
"""

from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.mooring.docker.plugins.plugin_utils.progress import Progress
from ansible_collections.mooring.docker.plugins.plugin_utils.text import printable

_TELLING = ("debug", "fleet_plan", "show_findings")
"""Actions that exist for what they have to say."""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types.
    """Methods are called by Ansible, one for each event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "mooring.docker.quiet"

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress()
        self._hosts: list[str] = []
        self._task = ""
        self._done = 0

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Hosts are known now."""
        if self._progress.is_shown:
            self._hosts = play.get_variable_manager().get_vars(play=play)["ansible_play_hosts_all"]

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """All hosts are before them."""
        self._task, self._done = task.get_name(), 0

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well."""
        if result.task.action.rpartition(".")[2] in _TELLING and "msg" in result.result:
            self._say(result, "")
        self._step(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Nothing was to do."""
        self._step(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed."""
        if not ignore_errors:
            self._say(result, f"{result.host.get_name()}: ")
        self._step(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host did not answer. Where the play goes on with it, the play has the word."""
        if not result.task.ignore_unreachable:
            self._say(result, f"{result.host.get_name()}: ")
        self._step(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """It is over."""
        self._progress.clear()

    def _say(self, result: Any, prefix: str) -> None:
        """A list of lines is a playbook's own words, anything else is shown by its first line."""
        message = result.result.get("msg")
        if isinstance(message, list):
            lines = [str(line) for line in message]
        else:
            lines = [prefix + (str(message or "").strip().splitlines() or ["no reason given"])[0]]
        self._progress.clear()
        for line in lines:
            self._display.display(printable(line))

    def _step(self, result: Any) -> None:
        """One host more is done with the task."""
        self._done += 1
        left = max(0, len(self._hosts) - self._done)
        self._progress.show(f"{self._task}: {result.host.get_name()} is done, {left} of {len(self._hosts)} hosts left")
