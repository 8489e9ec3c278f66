#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: the group of the daemon's socket."""

from __future__ import annotations

DOCUMENTATION = r"""
module: socket_group
short_description: Decide who is in the group of the daemon's socket
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Adds users to the group of the daemon's socket, which makes them root on the host, and takes users out of it. No
    other group of theirs is changed.
  - A process keeps the groups that its session began with. Those of users who must not be in the group are ended where
    they still hold it, also where an earlier run took the user out and was cut before it ended them.
  - Who must not be in the group does not administer it either, and with O(exclusive) it has no password (gshadow(5)).
  - Root, the accounts that Mooring makes for clients over SSH, and the processes of containers are left alone.
options:
  group:
    description: The group.
    type: str
    required: true
  users:
    description: Users who are in it. They must exist.
    type: list
    elements: str
    default: []
  exclusive:
    description:
      - Whether everybody else is taken out. A user whose primary group it is cannot be taken out, and is an error.
    type: bool
    default: false
  absent:
    description: Users who are not in it in any case. It is no error where there is no such user.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Tells who would be added and removed, and how many processes would be ended. The group may be missing.
    support: full
  diff_mode:
    description: Shows the members of the group.
    support: full
"""

EXAMPLES = r"""
- name: Let one user talk to the daemon, and nobody else
  mooring.docker.socket_group:
    group: docker
    users: [deploy]
    exclusive: true

- name: Take a person's access to the daemon away
  mooring.docker.socket_group:
    group: docker
    absent: [alice]
"""

RETURN = r"""
added:
  description: Users who were added.
  returned: success
  type: list
  elements: str
removed:
  description: Users who were taken out.
  returned: success
  type: list
  elements: str
ended:
  description: How many processes were ended, which held the group still.
  returned: success
  type: int
reconnect:
  description:
    - Whether the connection of this very task holds the group still, and so do the following tasks until
      M(ansible.builtin.meta) has done C(reset_connection).
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._engine import socket_group
from ansible_collections.mooring.docker.plugins.module_utils._system import processes


def main() -> None:
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "group": {"type": "str", "required": True},
            "users": dict(names),
            "exclusive": {"type": "bool", "default": False},
            "absent": dict(names),
        },
        supports_check_mode=True,
    )
    params = module.params
    declared = socket_group.Declaration(params["group"], params["users"], params["exclusive"], params["absent"])
    try:
        with state.locked():
            module.exit_json(**socket_group.ensure(declared, module.check_mode))
    except (socket_group.GroupError, processes.EndError, TimeoutError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
