#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: the group of the daemon's socket."""

from __future__ import annotations

DOCUMENTATION = r"""
module: socket_group
short_description: Manage the members of the group of the daemon's socket
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Adds users to the group of the daemon's socket, which makes them root on the host, and removes users from it. Other
    groups of these users are not changed.
  - A process keeps the groups with which its session began. The module ends processes that still hold the group and
    belong to users who must not be in it, even if an earlier run removed the user and was interrupted before it ended
    them.
  - Users who must not be in the group cannot administer it either. With O(exclusive), the group has no password
    (gshadow(5)).
  - Root, the accounts that Mooring creates for clients over SSH, and the processes of containers are not changed.
options:
  group:
    description: The group.
    type: str
    required: true
  users:
    description: Users who must be in the group. They must exist.
    type: list
    elements: str
    default: []
  exclusive:
    description:
      - Whether to remove everybody else. A user whose primary group it is cannot be removed, and is an error.
    type: bool
    default: false
  absent:
    description: Users who must not be in the group. It is not an error if such a user does not exist.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description:
      - Reports who would be added and removed, and how many processes would be ended. The group may be missing.
    support: full
  diff_mode:
    description: Shows the members of the group.
    support: full
"""

EXAMPLES = r"""
- name: Give one user access to the daemon, and nobody else
  mooring.docker.socket_group:
    group: docker
    users: [deploy]
    exclusive: true

- name: Revoke a person's access to the daemon
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
  description: Users who were removed.
  returned: success
  type: list
  elements: str
ended:
  description: Number of processes that still held the group and were ended.
  returned: success
  type: int
reconnect:
  description:
    - Whether the connection of this task still holds the group. The following tasks then do, too, until a task
      C(meta reset_connection).
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._steps import socket_group
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=socket_group.OPTIONS, supports_check_mode=True)
    try:
        with state.locked():
            result = socket_group.execute(module.params, module.check_mode)
    except (StepError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
