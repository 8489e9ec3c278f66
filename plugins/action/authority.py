# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: one generation of an authority, and how the keys of all are kept."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.plugin_utils import generations, keys
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController


class ActionModule(OnController):
    """On the controller, without a trip."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make what is missing, protect what is there."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "passphrase": {"type": "str", "required": True, "no_log": True},
                "kind": {"type": "str", "choices": ["server", "client"]},
                "generation": {"type": "int"},
                "days": {"type": "int"},
                "authority_days": {"type": "int"},
            },
            required_together=[("kind", "generation", "days", "authority_days")],
        )
        directory, passphrase = options["directory"], options["passphrase"]
        if self._task.check_mode:
            pending = generations.due(directory, options["kind"], options["generation"])
            return {**result, "changed": bool(pending), "done": pending}
        try:
            if options["kind"]:
                days = options["days"], options["authority_days"]
                done = generations.make(directory, options["kind"], options["generation"], passphrase, *days)
            else:
                done = generations.protect(directory, passphrase)
        except (keys.KeyFileError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        return {**result, "changed": bool(done), "done": done}
