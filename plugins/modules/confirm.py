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
  - A change that can lose the connection to a host is pending until it is confirmed, and a timer runs on the host.
    This module confirms the change and stops the timer. If nobody does in time, because the connection is lost or the
    controller is gone, the host reverts the change by itself. It also does so at its next boot, before the network
    comes up.
  - Works over an SSH connection that began after the change, as C(meta reset_connection) makes one. Over an older one
    it fails, because an open connection often survives a change that lets no new one in.
  - Where the host is not reached by SSH there is no connection to prove, and the change is confirmed. A play on the
    host itself (C(ansible_connection=local)) that an operator has started over SSH needs a new SSH session of the
    operator.
  - A host has one timer. Changes that are pending together are confirmed together, or reverted together to the state
    before the first of them. The last of them sets the time.
  - Does nothing where nothing is pending. Fails where the host reverted a change by itself and none was made since.
attributes:
  check_mode:
    description: Tells whether something would be kept.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
seealso:
  - module: mooring.docker.nftables_table
"""

EXAMPLES = r"""
- name: Come back over a new connection
  ansible.builtin.meta: reset_connection

- name: Keep what was changed
  mooring.docker.confirm:
"""

RETURN = r"""
confirmed:
  description: What was kept.
  returned: success
  type: list
  elements: str
  sample: [table inet mooring_endpoint]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._apply import revert_timer
from ansible_collections.mooring.docker.plugins.module_utils._config import state


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        with state.locked():
            confirmed = revert_timer.confirm(module.check_mode)
    except (revert_timer.ConfirmError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(confirmed), confirmed=confirmed)


if __name__ == "__main__":
    main()
