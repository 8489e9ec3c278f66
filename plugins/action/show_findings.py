# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: show findings, and fail where one is an error."""

from __future__ import annotations

from typing import Any

from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import ERROR, INFO, line


class ActionModule(OnController):
    """On the controller, without a trip."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a line for each finding. Recommendations are told to those who ask for them, --tags cis."""
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            argument_spec={"findings": {"type": "list", "elements": "dict", "required": True}}
        )
        wants_recommendations = "cis" in (task_vars or {}).get("ansible_run_tags", [])
        shown = [finding for finding in options["findings"] if finding["severity"] != INFO or wants_recommendations]
        # Errors last: they are what the run fails of.
        shown.sort(key=lambda finding: finding["severity"] == ERROR)
        result["failed"] = any(finding["severity"] == ERROR for finding in shown)
        result["changed"] = False
        if shown:
            result["msg"] = [line(finding) for finding in shown]
            # Shown by every callback, as debug is.
            result["_ansible_verbose_always"] = True
        return result
