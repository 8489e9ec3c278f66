# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: compare a host with its declaration, in one trip and from the controller."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.mooring.docker.plugins.module_utils._plan.declaration import Declaration
from ansible_collections.mooring.docker.plugins.plugin_utils import declaration, verification
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import ERROR, Finding
from ansible_collections.mooring.docker.plugins.plugin_utils.on_host import OnHost

ROLES = [declaration.ENGINE, declaration.NETWORK]


class ActionModule(OnHost):
    """Nothing is changed, and nothing fails: what cannot be observed is a finding."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the findings, and what they stand on."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, options = self.validate_argument_spec(
            argument_spec={
                "inventory": {"type": "dict", "required": True},
                "probes": {"type": "list", "elements": "dict", "default": []},
                "client": {"type": "path"},
                "renew_days": {"type": "int"},
                "active": {"type": "bool", "default": False},
                "evidence": {"type": "path"},
            }
        )
        host = variables["inventory_hostname"]
        tags = list(variables.get("ansible_run_tags", ["all"])), list(variables.get("ansible_skip_tags", []))
        given, problems = declaration.gather(ROLES, variables, self._templar, options["inventory"], signs=False)
        if given is None:
            refused = Finding(
                "host.declaration", ERROR, "variables that the roles take", "; ".join(problems), "correct them"
            )
            return {**result, "changed": False, "findings": verification.asked([refused], host, *tags)}
        declared = self._declared(given, options, variables)
        seen = self._observe(declared, options["active"], variables)
        comparison = verification.compare(declared, seen, options["probes"])
        if options["evidence"]:
            comparison = verification.write(comparison, Path(options["evidence"]), host)
        result.update(
            changed=False,
            findings=verification.asked(comparison.findings, host, *tags),
            evidence=comparison.evidence,
        )
        return result

    def _declared(
        self, given: declaration.Gathered, options: dict[str, Any], variables: dict[str, Any]
    ) -> verification.Declared:
        issued = given.place.authorities
        directory = options["client"] or f"~/.docker/{Path(variables.get('inventory_dir') or '.').name}"
        hosts = given.variables["docker_engine_probe_hosts"]
        addresses = {name: variables["hostvars"][name].get("ansible_host") or "" for name in hosts}
        return verification.Declared(
            declaration=given.declaration,
            variables=given.variables,
            place=given.place,
            renew_days=options["renew_days"] or given.variables["docker_engine_certificate_renew_days"],
            observer=verification.observer(
                directory,
                issued.server["signer"]["certificate"] if issued and issued.server["signer"]["key_id"] else None,
            ),
            # What a name leads to is not known here.
            probe_hosts={name: str(self._templar.template(address)) for name, address in addresses.items()},
        )

    def _observe(self, declared: verification.Declared, active: bool, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = {
            "declaration": _for_comparison(declared.declaration),
            "observe": True,
            "test": active,
            "asked_at": time.time(),
        }
        try:
            return self._execute_module("mooring.docker.host_plan", arguments, task_vars=variables)
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "msg": str(error)}


def _for_comparison(declared: Declaration) -> Declaration:
    """What is declared, whatever ``--tags`` asks for, and whether a restart would be allowed or not."""
    whole: Declaration = {**declared, "run_tags": ["all"], "skip_tags": []}
    if declared["engine"] is not None:
        whole["engine"] = {**declared["engine"], "restart": "never"}
    if declared["network"] is not None:
        whole["network"] = {**declared["network"], "restart": "never"}
    return whole
