#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: confirm a pending change."""

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Confirm a change that the host would revert by itself
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - A change that could cost you the connection to a host is pending until it is confirmed, and a timer runs on the
    host. This module confirms the change and stops the timer. If it is not called in time, because the connection or
    the controller is lost, the host reverts the change by itself. It also does so at its next boot, before the network
    comes up.
  - Requires an SSH connection that began after the change, such as one after C(meta reset_connection). The module fails
    over an older connection, because open connections often survive a change that prevents new ones.
  - If the host is not reached over SSH, there is no connection to prove, and the change is confirmed. If an operator
    has started a play on the host itself (C(ansible_connection=local)) over SSH, the operator needs a new SSH session.
  - A host has one timer. Changes that are pending together are confirmed together, or reverted together to the state
    before the first of them. The last of them sets the time.
  - Does nothing if no change is pending. Fails if the host has reverted a change and none was made since.
attributes:
  check_mode:
    description: Reports whether something would be confirmed.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
seealso:
  - module: mooring.docker.nftables_table
"""

EXAMPLES = r"""
- name: Close the connection
  ansible.builtin.meta: reset_connection

- name: Confirm the change over a new connection
  mooring.docker.confirm:
"""

RETURN = r"""
confirmed:
  description: The changes that were confirmed.
  returned: success
  type: list
  elements: str
  sample: [table inet mooring_endpoint]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._steps import confirm
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=confirm.OPTIONS, supports_check_mode=True)
    try:
        with state.locked():
            result = confirm.execute(module.params, module.check_mode)
    except (StepError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
