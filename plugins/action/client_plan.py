# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: plan what the role docker_client would do on a machine, in one trip."""

from __future__ import annotations

from typing import Any

from ansible_collections.mooring.docker.plugins.plugin_utils import client_plan, declaration
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import refused
from ansible_collections.mooring.docker.plugins.plugin_utils.on_host import OnHost


class ActionModule(OnHost):
    """Declare and decide on the controller; the machine only tells what is there."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan. Fails where the machine, or what is declared of it, refuses one."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        name = variables["inventory_hostname"]
        declared, problems = declaration.declare_client(variables, self._templar)
        if declared is None:
            return {**result, **refused(name, problems)}
        questions = {
            "packages": list(client_plan.PACKAGES),
            "certificates": [declared["files"]["certificate"], declared["files"]["ca"]],
        }
        reply = self._execute_module("mooring.docker.host_info", questions, task_vars=variables)
        if reply.get("failed") or reply.get("unreachable"):
            return {**result, **reply}
        plan = client_plan.plan(declared, reply["host"])
        if plan["refusals"]:
            return {**result, **refused(name, plan["refusals"]), "plan": plan}
        steps = {step["name"]: step for step in plan["steps"]}
        decided = [step for step in plan["steps"] if step["name"] not in client_plan.ALWAYS]
        if self._task.check_mode:
            # The others tell for themselves what they would do, where there is a CLI to ask.
            steps = {
                name: step for name, step in steps.items() if name in client_plan.ALWAYS and "packages" not in steps
            }
            result["diff"] = [{"after": "".join(f"{step['summary']}\n" for step in decided), "before": ""}]
        result.update(
            changed=self._task.check_mode and bool(decided),
            plan=plan,
            steps=steps,
            files=dict(declared["files"]) if declared["uses_tls"] else {},
        )
        return result
