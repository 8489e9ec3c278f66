# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: a step of the replacement of authorities, on the controller."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.plugin_utils import keys, signing
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation import plan, states, steps


class ActionModule(OnController):
    """On the controller, without a trip."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            argument_spec={
                "step": {
                    "choices": [plan.BEGIN, plan.PROMOTE, plan.RETIRE, plan.REMOVE, plan.CONFIRM, plan.FINISH],
                    "required": True,
                },
                "fleet": {"type": "dict", "required": True, "no_log": True},
                "rotation": {"type": "dict", "required": True},
            }
        )
        step, fleet, rotation = options["step"], options["fleet"], options["rotation"]
        take = {
            plan.BEGIN: lambda: steps.begin(fleet, rotation),
            plan.PROMOTE: lambda: steps.promote(fleet, rotation, _answers(fleet, task_vars or {})),
            plan.RETIRE: lambda: steps.retire(fleet, rotation),
            plan.REMOVE: lambda: steps.remove(fleet, rotation),
            plan.CONFIRM: lambda: steps.confirm(fleet, _answers(fleet, task_vars or {})),
            plan.FINISH: lambda: steps.finish(fleet, rotation),
        }
        if self._task.check_mode:
            return {**result, "changed": False, "done": [], "skipped": True}
        try:
            done = take[step]()
        except (states.RotationError, keys.KeyFileError, signing.SigningError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        return {**result, "changed": bool(done), "done": done}


def _answers(fleet: dict[str, Any], variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What ``host_info`` replied of each host in this run, where the playbooks register it."""
    hosts = {name: variables["hostvars"][name].get("rotation_seen") for name in fleet["checked"]}
    return {name: answer for name, answer in hosts.items() if answer}
