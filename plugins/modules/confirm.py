#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: keep a change that could have cut the line."""

from __future__ import annotations

DOCUMENTATION = r"""
module: confirm
short_description: Keep a change that the host would take back by itself
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - A change that can cut the line to a host is made under a timer on that host. This module stops it. Where nobody
    does, because the line is cut or the controller gone, the host goes back to its old state by itself. It does so at
    its next boot too, before the network comes up.
  - Works over an SSH connection that began after the change, as C(meta reset_connection) makes one. Over an older one
    it fails, for an open connection often survives what lets no new one in.
  - Where the host is not reached by SSH there is no line to prove, and the change is kept. A play on the host itself
    (C(ansible_connection=local)) that an operator has started over SSH needs a new SSH session of the operator.
  - A host has one switch. Changes that are armed together are kept together, or taken back together to the state before
    the first of them, and the last of them sets the time.
  - Does nothing where nothing is armed. Fails where the host went back by itself and nothing was armed since.
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
