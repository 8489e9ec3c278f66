# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: a key on the machine, its certificate from this controller's authority."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.plugin_utils import issuing, signing
from ansible_collections.mooring.docker.plugins.plugin_utils.on_host import OnHost


class ActionModule(OnHost):
    """Two trips to the machine, with the signature in between."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the key, sign its request, put the certificate beside it."""
        super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            argument_spec={
                "kind": {"type": "str", "choices": ["server", "client"], "required": True},
                "name": {"type": "str", "required": True},
                "names": {"type": "list", "elements": "str", "default": []},
                "place": {"type": "path", "required": True},
                "days": {"type": "int", "required": True},
                "authorities": {"type": "path", "required": True},
                "passphrase": {"type": "str", "required": True, "no_log": True},
                "trust_file": {"type": "path"},
            }
        )
        order = issuing.Order(
            options["kind"],
            options["name"],
            options["names"],
            options["days"],
            options["authorities"],
            options["passphrase"],
        )
        try:
            order.refuse(task_vars or {}, self._templar)
            made = self._on_machine(options, {}, task_vars)
            done = {"pair": made["pair"], "certificate": order.sign(made["csr"])}
        except signing.SigningError as error:
            raise AnsibleActionFail(str(error)) from error
        if options["trust_file"]:
            done |= {"trust_file": options["trust_file"], "trusted": order.trusted}
        self._on_machine(options, done, task_vars)
        order.confirm()
        return {"changed": True, "pair": made["pair"]}

    def _on_machine(
        self, options: dict[str, Any], more: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        arguments = {"place": options["place"], "kind": options["kind"], **more}
        result: dict[str, Any] = self._execute_module(
            module_name="mooring.docker.certificate_pair", module_args=arguments, task_vars=task_vars
        )
        if result.get("failed"):
            raise AnsibleActionFail(str(result.get("msg")))
        return result
