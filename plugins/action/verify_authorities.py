# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: findings on the fleet's authorities and on its clients."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.plugin_utils import verification
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import certificates


class ActionModule(OnController):
    """On the controller, without a trip."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the findings."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, options = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "client_days": {"type": "int", "required": True},
                "days": {"type": "int", "required": True},
            }
        )
        try:
            findings = list(certificates.controller(options["directory"], options["client_days"], options["days"]))
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"directory {options['directory']}: {error}") from error
        tags = list(variables.get("ansible_run_tags", ["all"])), list(variables.get("ansible_skip_tags", []))
        result.update(changed=False, findings=verification.asked(findings, "controller", *tags))
        return result
