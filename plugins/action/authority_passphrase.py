# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: another passphrase for the keys of all authorities."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.plugin_utils import generations, keys
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController


class ActionModule(OnController):
    """On the controller, without a trip."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Open all keys, then encrypt them anew."""
        result = super().run(tmp, task_vars)
        secret = {"type": "str", "required": True, "no_log": True}
        _checked, options = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "passphrase": dict(secret),
                "new_passphrase": dict(secret),
            }
        )
        try:
            done = generations.change_passphrase(
                options["directory"], options["passphrase"], options["new_passphrase"], dry=self._task.check_mode
            )
        except (keys.KeyFileError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error
        return {**result, "changed": bool(done), "files": done}
