# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: show the plans of all hosts, and keep them in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._config.fragments import ConfigError
from ansible_collections.mooring.docker.plugins.plugin_utils import plan_file, plan_table
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController


class ActionModule(OnController):
    """On the controller, from what the task before has registered for each host."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the table. Fails where a host has no plan, after all others were told."""
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            argument_spec={
                "hosts": {"type": "list", "elements": "str", "required": True},
                "output": {"type": "path"},
            }
        )
        hostvars = (task_vars or {})["hostvars"]
        plans = {host: _plan(hostvars[host].get("plan")) for host in options["hosts"]}
        table = plan_table.table(plans)
        # Shown by every callback, as debug is.
        result.update(changed=False, msg=table, _ansible_verbose_always=True)
        if options["output"]:
            text, path = plan_file.text(plans), Path(options["output"])
            # A device, such as /dev/null, would be replaced by a file.
            if path.exists() and not path.is_file():
                raise AnsibleActionFail(f"plan_output {path} cannot be written: it is not a regular file")
            try:
                result["changed"] = state.read(path) != text
                if not self._task.check_mode:
                    state.write(path, text, 0o600)
            except (ConfigError, OSError) as error:
                raise AnsibleActionFail(f"plan_output {path} cannot be written: {error}") from error
        result["failed"] = any(plan["refusals"] for plan in plans.values())
        return result


def _plan(registered: Any) -> Any:
    """The plan that was registered for a host; a refusal where it has none."""
    registered = registered or {"msg": "it was not planned: --limit leaves it out"}
    return registered.get("plan") or {"refusals": [registered.get("msg", "it has no plan")], "steps": []}
