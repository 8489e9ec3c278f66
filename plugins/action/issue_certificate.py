# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: a key on the machine, its certificate from this controller's authority."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.module_utils._tls import names as certificate_names
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities, names, signing
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
        self._refuse_what_is_not_its_own(options, task_vars or {})
        known = authorities.view(options["authorities"])
        authority = known[options["kind"]]
        if problem := signing.validity_problem(authority["signer"]):
            raise AnsibleActionFail(problem)
        made = self._on_machine(options, {}, task_vars)
        try:
            certificate = signing.sign(
                made["csr"],
                options["kind"],
                options["name"],
                options["names"],
                options["days"],
                authority["signer"],
                options["passphrase"],
            )
        except signing.SigningError as error:
            raise AnsibleActionFail(str(error)) from error
        # Before the machine has it: what is not in the index would be forgotten by a rotation.
        entry = options["authorities"], options["kind"], options["name"]
        signing.announce(*entry, certificate)
        done = {"pair": made["pair"], "certificate": certificate + authority["chain"]}
        if options["trust_file"]:
            others = known["client" if options["kind"] == "server" else "server"]
            done |= {"trust_file": options["trust_file"], "trusted": others["bundle"]}
        self._on_machine(options, done, task_vars)
        signing.confirm(*entry)
        return {"changed": True, "pair": made["pair"]}

    def _refuse_what_is_not_its_own(self, options: dict[str, Any], variables: dict[str, Any]) -> None:
        """The last line: whatever a role or a variable says, no host gets a certificate for another."""
        if problem := names.index_problem(options["name"]):
            raise AnsibleActionFail(f"name {problem}")
        if options["kind"] != "server":
            return
        host = variables["inventory_hostname"]
        address = self._templar.template(variables.get("ansible_host", host))
        own = names.server_names(host, address, [], [])
        beyond = [
            name
            for name in map(certificate_names.normal, [f"DNS:{options['name']}", *options["names"]])
            if name not in own
        ]
        # To look at every host's variables costs something, and mostly nothing is left to be looked up.
        known = names.fleet(variables["hostvars"], variables["groups"]["all"]) if beyond else {}
        if foreign := names.owners(beyond, host, address, known):
            said = ", ".join(f"{name} is for {owner}" for name, owner in foreign.items())
            raise AnsibleActionFail(f"{host} gets no certificate for other hosts of the inventory: {said}")

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
