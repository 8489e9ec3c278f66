#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: who reaches the daemon over SSH."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_access
short_description: Control who can reach the daemon over SSH
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Gives clients access to the daemon over SSH, which makes them root on the host, through an account that cannot be
    used for anything else. Its home and its keys belong to root, and each key is restricted to C(docker system
    dial-stdio).
  - A drop-in for sshd, C(/etc/ssh/sshd_config.d/00-mooring.conf), restricts the account to the same command for every
    authentication method, including certificates and C(AuthorizedKeysCommand), without forwarding, terminal,
    environment and rc files. The module tests the drop-in before it is written, and restores the previous one if sshd
    does not behave as declared. No other file of sshd is changed.
  - If a client is removed, or the account could do more than is declared, all connections of the account are ended. The
    other clients reconnect. Adding a client ends no connection.
  - Without O(clients), the account, its home and the drop-in are removed, and no process with its user id is left.
  - The module decides from the state of the host, so the next run completes a run that was killed.
options:
  clients:
    description: Clients, each a name and its public key, that is, the line of a file such as C(id_ed25519.pub).
    type: dict
    required: true
  user:
    description: Account for the clients. An existing account that Mooring did not create is refused.
    type: str
    default: docker-remote
  group:
    description: Group of the daemon's socket, which is the only group of the account.
    type: str
    default: docker
  socket:
    description: Path of the daemon's socket.
    type: path
    default: /run/docker.sock
attributes:
  check_mode:
    description: Reports what would be done, and refuses settings that sshd would not apply. The group may be missing.
    support: full
  diff_mode:
    description: Shows the keys and the drop-in.
    support: full
"""

EXAMPLES = r"""
- name: Give one client access
  mooring.docker.ssh_access:
    clients:
      alice: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... alice@laptop

- name: Give nobody access
  mooring.docker.ssh_access:
    clients: {}
"""

RETURN = r"""
steps:
  description:
    - What had to be done. V(sshd) stands for the drop-in and V(load) for reloading it. V(account), V(home) and V(keys)
      are those of the account, V(remove) stands for accounts or a home that were removed, and V(finish) for work that a
      killed run had left.
  returned: success
  type: list
  elements: str
  sample: [keys]
ending:
  description: Accounts whose connections had to be ended.
  returned: success
  type: list
  elements: str
  sample: [docker-remote]
ended:
  description: Number of processes that were ended.
  returned: success
  type: int
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._ssh import access as ssh_access
from ansible_collections.mooring.docker.plugins.module_utils._ssh import keys as ssh_keys
from ansible_collections.mooring.docker.plugins.module_utils._system import processes


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "clients": {"type": "dict", "required": True},
            "user": {"type": "str", "default": "docker-remote"},
            "group": {"type": "str", "default": "docker"},
            "socket": {"type": "path", "default": "/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    declared = ssh_access.Access(**module.params)
    found = [f"clients {problem}" for problem in ssh_keys.problems(declared.clients)]
    if not re.match(ssh_keys.ACCOUNT, declared.user):
        found.append(f"user {declared.user!r} is no name of an account")
    if found:
        module.fail_json(msg="; ".join(found))
    try:
        with state.locked():
            module.exit_json(**ssh_access.ensure(declared, module.check_mode))
    except (ssh_access.AccessError, processes.EndError, TimeoutError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
