# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: another passphrase for the keys of all authorities."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mooring.docker.plugins.plugin_utils import generations, keys


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    """On the controller, without a trip."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Open all keys, then encrypt them anew."""
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
        return {"changed": bool(done), "files": done}
