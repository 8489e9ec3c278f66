# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback: what is planned, what changed, what failed, and a line for each host at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: steps
type: stdout
short_description: Print the plan of each host, what changes, and a line for each host at the end
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Prints the steps that M(mooring.docker.plan) has planned, with their reasons and effects, tasks that change
    something, warnings, the messages of C(ansible.builtin.debug), and failures in full. Tasks that change nothing or
    are skipped are not printed.
  - Ends with one line for each host. For a host that was planned, the line has the number of steps, what they do, and
    what clients and containers notice. For a host that failed or could not be reached, it has that outcome instead.
  - Shows characters that could control a terminal as escapes, such as C(\x1b), also in diffs and warnings.
  - If the standard error is a terminal, its last line shows which task is running, and for which hosts it waits.
  - With C(-v), it also prints the results of tasks that change nothing.
  - The C(ansible.cfg) of this collection's repository selects it. In your own project, set
    C(stdout_callback=mooring.docker.steps) below C([defaults]). With C(ansible.builtin.default), every task is printed.
extends_documentation_fragment:
  - result_format_callback
"""

import sys
from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.plugins.callback import CallbackBase
from ansible_collections.mooring.docker.plugins.module_utils._plan.steps import Plan
from ansible_collections.mooring.docker.plugins.plugin_utils.plan_table import table
from ansible_collections.mooring.docker.plugins.plugin_utils.progress import Progress
from ansible_collections.mooring.docker.plugins.plugin_utils.text import printable, printable_data

_PLAN = "mooring.docker.plan"
_FINDINGS = "mooring.docker.show_findings"
"""Like debug, it exists for what it has to say."""
_CARRY_OUT = "mooring.docker.carry_out"
_FLEET = "mooring.docker.fleet_plan"
_NOBODY = "all:!all"
"""The hosts of a play that a playbook switches off."""
"""It shows under every callback what stands at the end here, fitted to the terminal."""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types.
    """Methods are called by Ansible, one for each event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "mooring.docker.steps"

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress()
        self._plans: dict[str, Plan] = {}
        self._failed_tasks: dict[str, str] = {}
        self._is_meant_for_nobody = False
        self._waiting: list[str] = []
        self._done = 0

    # --- the course of the run

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins: its name is the heading of what follows."""
        self._is_meant_for_nobody = list(play.hosts) == [_NOBODY]
        if self._is_meant_for_nobody:
            return
        self._print(play.get_name().strip() + (" (check mode: nothing is changed)" if play.check_mode else ""))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """The play has no hosts."""
        if not self._is_meant_for_nobody:
            self._print("  no hosts matched", C.COLOR_SKIP)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """All hosts are before the task."""
        self._waiting, self._done = [], 0

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """All hosts are before the handler."""
        self._waiting, self._done = [], 0

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """The task begins on a host."""
        self._waiting.append(host.get_name())
        self._show_progress(task)

    def v2_runner_retry(self, result: Any) -> None:
        """The task is tried again on a host."""
        left = result.result["retries"] - result.result["attempts"]
        self._progress.show(f"{_name(result)}: {result.host.get_name()} is tried again, {left} attempts left")

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well."""
        self._show_warnings(result)
        if result.task.resolved_action == _PLAN:
            self._add_plan(result)
        elif not _has_items(result):
            self._show_success(result, "")
        self._finish(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """The task was not for this host."""
        self._show_warnings(result)
        self._finish(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed."""
        self._show_warnings(result)
        if not ignore_errors:
            self._failed_tasks[result.host.get_name()] = _failed(result)
        if result.task.resolved_action == _PLAN:
            self._add_plan(result)
        self._show_failure(result, "failed, which is ignored" if ignore_errors else "failed")
        self._finish(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host did not answer."""
        self._show_warnings(result)
        ignored = result.task.ignore_unreachable
        if result.task.resolved_action == _PLAN:
            self._add_plan(result)
        self._show_failure(result, "unreachable, which is ignored" if ignored else "unreachable")
        self._finish(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """A round of a loop went well."""
        self._show_warnings(result)
        self._show_success(result, f" ({self._get_item_label(result.result)})")

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """A round of a loop failed."""
        self._show_warnings(result)
        self._show_failure(result, f"failed ({self._get_item_label(result.result)})")

    def v2_on_file_diff(self, result: Any) -> None:
        """A task has changed something, or would, and Ansible was asked to show it."""
        results = result.result["results"] if _has_items(result) else _steps(result) or [result.result]
        for each in results:
            if each.get("diff") and each.get("changed"):
                # Its colours come after what the host has said.
                text = self._get_diff(printable_data(each["diff"]))
                if text:
                    self._print(f"  {self.host_label(result)}: changes of: {each.get('title') or _name(result)}")
                    self._display.display(text)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """It is over."""
        outcomes = {}
        for host in stats.processed:
            tally = stats.summarize(host)
            if tally["unreachable"]:
                outcomes[host] = "unreachable"
            elif tally["failures"]:
                outcomes[host] = f"failed: {self._failed_tasks.get(host, 'see above')}"
            elif host not in self._plans and (tally["changed"] or not self._plans):
                # The controller, where it only helps, is no line of the fleet's.
                outcomes[host] = f"{tally['changed']} changed" if tally["changed"] else "nothing changed"
        self._print("")
        if self._plans:
            lines = table(self._plans, self._display.columns if sys.stdout.isatty() else None, outcomes)
        else:
            longest = max(map(len, outcomes), default=0)
            lines = [f"{host:<{longest}}  {outcomes[host]}" for host in sorted(outcomes)]
        for line in lines:
            self._print(line)

    # --- what is shown of a result

    def _add_plan(self, result: Any) -> None:
        """Show the steps of a host, and keep them for the end. Roles that are used alone plan one after the other.

        Where nothing was planned, the message tells why, whether the play goes on with the host or not.
        """
        host, planned = result.host.get_name(), result.result.get("plan")
        if not isinstance(planned, Mapping):
            planned = {"refusals": [str(result.result.get("msg", "no reason given"))], "steps": []}
        plan = self._plans.setdefault(host, {"refusals": [], "steps": []})
        plan["refusals"] += planned["refusals"]
        plan["steps"] += planned["steps"]
        for step in planned["steps"]:
            # A summary may say why by itself.
            untold = [reason for reason in step["reasons"] if reason not in step["summary"]]
            reasons = f" ({'; '.join(untold)})" if untold else ""
            self._print(f"  {host}: planned: {step['summary']}{reasons}", C.COLOR_CHANGED)
            for effect in step["effects"]:
                self._print(f"    {effect}", C.COLOR_WARN)

    def _show_success(self, result: Any, item: str) -> None:
        """The line of a change, the message of a playbook, or, where asked for, the whole result."""
        if result.task.action in C._ACTION_DEBUG or result.task.resolved_action == _FINDINGS:
            self._clean_results(result.result, result.task.action)
            self._show_details(result, "  ")
            return
        if result.task.resolved_action == _FLEET and not result.result.get("changed"):
            return
        if result.task.resolved_action == _CARRY_OUT:
            self._show_steps(result)
            return
        # Some actions, such as assert, always want to be shown whole. Here the operator decides.
        verbose = self._display.verbosity > 0 and self._run_is_verbose(result)
        if result.result.get("changed"):
            self._print(f"  {self.host_label(result)}: changed: {_name(result)}{item}", C.COLOR_CHANGED)
        elif verbose:
            self._print(f"  {self.host_label(result)}: ok: {_name(result)}{item}", C.COLOR_OK)
        if verbose:
            self._show_details(result, "    ")

    def _show_steps(self, result: Any) -> None:
        """A line for each step of several that one task has carried out, as if it were a task of its own."""
        verbose = self._display.verbosity > 0 and self._run_is_verbose(result)
        for step in _steps(result):
            if step["changed"] or verbose:
                what, color = ("changed", C.COLOR_CHANGED) if step["changed"] else ("ok", C.COLOR_OK)
                self._print(f"  {self.host_label(result)}: {what}: {step['title']}", color)
            if verbose:
                details = {key: value for key, value in step.items() if key not in ("title", "changed", "diff")}
                for line in self._dump_results(details).strip("\n").splitlines():
                    self._print(f"    {line.removeprefix('    ')}", C.COLOR_OK)

    def _show_failure(self, result: Any, what: str) -> None:
        """All that is known of a failure, below a line that says where it was."""
        self._show_steps(result)
        path = result.task.get_path()
        where = f" [{path}]" if path and self._display.verbosity else ""
        self._print(f"  {self.host_label(result)}: {what}: {_failed(result)}{where}", C.COLOR_ERROR)
        # The lines of the table are shown at the end.
        if result.task.resolved_action != _FLEET or not isinstance(result.result.get("msg"), list):
            self._show_details(result, "    ", C.COLOR_ERROR)

    def _show_details(self, result: Any, indent: str, color: str | None = None) -> None:
        """The message of a result, line by line, and what else there is of it but statuses."""
        details = self._dump_results(result.result, serialize=False)
        message = details.pop("msg", "")
        # Rounds of a loop were shown by themselves; the lines of an output are the output.
        for key in ("results", "stdout_lines", "stderr_lines", "changed", "failed", "unreachable", "plan"):
            details.pop(key, None)
        if result.task.resolved_action == _CARRY_OUT:
            details.pop("steps", None)
            details.pop("step", None)
        lines = message if isinstance(message, list) else str(message).splitlines()
        for line in lines:
            self._print(f"{indent}{line}", color)
        details = {key: value for key, value in details.items() if value not in ("", None, [], {})}
        if details:
            for line in self._dump_results(details).strip("\n").splitlines():
                self._print(f"{indent}{line.removeprefix('    ')}", color)

    def _show_warnings(self, result: Any) -> None:
        deprecated = [f"Deprecated: {each['msg']}" for each in result.result.get("deprecations") or []]
        for text in [*(result.result.get("warnings") or []), *deprecated]:
            self._progress.clear()
            self._display.warning(printable(f"{result.host.get_name()}: {text}", lines=True))

    def _print(self, line: str, color: str | None = None) -> None:
        self._progress.clear()
        self._display.display(printable(line), color=color)

    # --- progress

    def _finish(self, result: Any) -> None:
        """A host is done with the task."""
        if result.host.get_name() in self._waiting:
            self._waiting.remove(result.host.get_name())
        self._done += 1
        self._show_progress(result.task)

    def _show_progress(self, task: Any) -> None:
        waiting = f", waiting for {', '.join(self._waiting)}" if self._waiting else ""
        self._progress.show(f"{task.get_name()}: {self._done} of {self._done + len(self._waiting)} hosts done{waiting}")


def _name(result: Any) -> str:
    """The task's own name, without that of its role."""
    return str(result.task.name or result.task.get_name()).strip()


def _has_items(result: Any) -> bool:
    """Whether the task is a loop, whose rounds are told one by one."""
    return bool(result.task.loop) and "results" in result.result


def _steps(result: Any) -> list[Any]:
    """The steps that the task has carried out, if it is one for several."""
    return list(result.result.get("steps") or []) if result.task.resolved_action == _CARRY_OUT else []


def _failed(result: Any) -> str:
    """The step that failed, if the task is one for several; else the task."""
    step = result.result.get("step") if result.task.resolved_action == _CARRY_OUT else None
    return str(step) if step else _name(result)
