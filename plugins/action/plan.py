# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: plan what the roles would do on a host, in one trip."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.module_utils._plan.declaration import Declaration
from ansible_collections.mooring.docker.plugins.plugin_utils import declaration, names, plan_file
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import refused
from ansible_collections.mooring.docker.plugins.plugin_utils.on_host import OnHost


class ActionModule(OnHost):
    """Declare on the controller, observe and plan on the host."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan. Fails where the host, or what is declared of it, refuses one."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, options = self.validate_argument_spec(
            argument_spec={
                "roles": {
                    "type": "list",
                    "elements": "str",
                    "required": True,
                    "choices": [declaration.ENGINE, declaration.NETWORK],
                },
                "inventory": {"type": "dict", "required": True},
                "file": {"type": "path"},
                "record": {"type": "bool", "default": True},
            }
        )
        host = variables["inventory_hostname"]
        gathered, problems = declaration.gather(options["roles"], variables, self._templar, options["inventory"])
        if gathered is None:
            return {**result, **refused(host, problems)}
        declared = gathered.declaration
        reply = self._plan(declared, options["record"], variables)
        issued = declared["engine"]["issued"] if declared["engine"] else None
        if issued and not issued["reissue"] and not reply.get("failed"):
            # The names of the inventory's other hosts are not sent to a host. A certificate that has one is rare.
            issued["reissue"] = names.foreign(reply["certificate_names"], issued["names"], options["inventory"])
            if issued["reissue"]:
                reply = self._plan(declared, options["record"], variables)
        if reply.get("failed") or reply.get("unreachable"):
            return {**result, **reply}
        plan = reply["plan"]
        if plan["refusals"]:
            return {**result, **refused(host, plan["refusals"]), "plan": plan}
        if options["file"]:
            try:
                plan_file.require(options["file"], host, plan)
            except plan_file.PlanFileError as error:
                raise AnsibleActionFail(f"{host}: {error}") from error
        result.update(changed=False, plan=plan, steps={step["name"]: step for step in plan["steps"]})
        # What a certificate is for is not a host's to say.
        result["certificate_names"] = issued["names"] if issued else []
        if self._task.check_mode:
            # The plan is what a run would do; nothing is carried out.
            result.update(changed=bool(plan["steps"]), steps={})
            result["diff"] = [entry for step in plan["steps"] for entry in step["diff"]]
        return result

    def _plan(self, declared: Declaration, record: bool, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = {"declaration": declared, "record": record}
        return self._execute_module("mooring.docker.host_plan", arguments, task_vars=variables)
