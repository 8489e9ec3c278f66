# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback: nothing but what a playbook has to say."""

from __future__ import annotations

DOCUMENTATION = r"""
name: quiet
type: stdout
short_description: Print only what a playbook has to say, a line each
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Prints the messages of C(ansible.builtin.debug), and for each host that fails or cannot be reached a line that says
    why.
  - Made for C(playbooks/verify.yml) under a timer or a monitoring system. Without findings it prints nothing.
"""

from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Methods are called by Ansible, one for each event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "mooring.docker.quiet"

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well."""
        if result.task.action.rpartition(".")[2] == "debug":
            self._say(result, "")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed."""
        if not ignore_errors:
            self._say(result, f"{result.host.get_name()}: ")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host did not answer. Where the play goes on with it, the play has the word."""
        if not result.task.ignore_unreachable:
            self._say(result, f"{result.host.get_name()}: ")

    def _say(self, result: Any, prefix: str) -> None:
        """A list of lines is a playbook's own words, anything else is shown by its first line."""
        message = result.result.get("msg")
        if isinstance(message, list):
            lines = [str(line) for line in message]
        else:
            lines = [prefix + (str(message or "").strip().splitlines() or ["no reason given"])[0]]
        for line in lines:
            self._display.display(line)
