#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: carry out several steps of a plan in one trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: execute_steps
short_description: Carry out several steps on a host in one trip
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Carries out O(steps) one after the other, and stops after the first that fails. Each does what a module of its own
    does, with the same options. M(mooring.docker.carry_out) calls this module; use the other modules in playbooks.
options:
  steps:
    description:
      - Steps with C(name) and C(parameters). They are C(packages) (M(mooring.docker.install_packages)), C(key) and
        C(certificate) (M(mooring.docker.certificate_pair)), C(configuration) (M(mooring.docker.daemon_config)),
        C(socket_group) (M(mooring.docker.socket_group)), C(apply) (M(mooring.docker.daemon_apply)), C(confirm)
        (M(mooring.docker.confirm)) and C(networks) (M(mooring.docker.networks)).
    type: list
    elements: dict
    required: true
attributes:
  check_mode:
    description: Does nothing in check mode.
    support: none
  diff_mode:
    description: The differences are in RV(steps).
    support: none
"""

EXAMPLES = r"""
- name: Compose daemon.json and apply it
  mooring.docker.execute_steps:
    steps:
      - name: configuration
        parameters: {fragments: {30-logging: {log-driver: local}}}
      - name: apply
        parameters: {}
"""

RETURN = r"""
steps:
  description:
    - For each step that was begun its C(name) and what its module returns. The last one has C(failed) and C(msg) if it
      failed.
  returned: success
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mooring.docker.plugins.module_utils._config import options, redaction, state
from ansible_collections.mooring.docker.plugins.module_utils._steps import execution
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def _validate(spec: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    checked = ArgumentSpecValidator(dict(spec)).validate(parameters)
    if checked.error_messages:
        raise StepError("; ".join(checked.error_messages))
    validated: Mapping[str, Any] = checked.validated_parameters
    return validated


def main() -> None:
    """Run the module."""
    # Fragments of daemon.json may be secret, so the steps stay out of the host's log and out of the reply.
    module = AnsibleModule(
        argument_spec={"steps": {"type": "list", "elements": "dict", "required": True, "no_log": True}}
    )
    steps = module.params["steps"]
    fragments = [
        content for step in steps for content in (step.get("parameters", {}).get("fragments") or {}).values() if content
    ]
    module.no_log_values = redaction.long_enough(secret for content in fragments for secret in options.secrets(content))
    shown = {"module_args": {"steps": redaction.PARAMETER}}
    try:
        with state.locked():
            outcomes = execution.execute(steps, _validate)
    except (OSError, TimeoutError) as error:
        module.fail_json(msg=str(error), invocation=shown)
    changed = any(outcome.get("changed") for outcome in outcomes)
    module.exit_json(changed=changed, steps=outcomes, invocation=shown)


if __name__ == "__main__":
    main()
