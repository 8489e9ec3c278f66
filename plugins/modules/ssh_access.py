#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: who reaches the daemon over SSH."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_access
short_description: Decide who reaches the daemon over SSH
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Lets clients reach the daemon over SSH, which makes them root on the host, by an account that is good for nothing
    else. Its home and its keys are root's, and each key is bound to C(docker system dial-stdio).
  - A drop-in for sshd, C(/etc/ssh/sshd_config.d/00-mooring.conf), binds the account to the same command for every way
    in that sshd may know, certificates and C(AuthorizedKeysCommand) included, without forwarding, terminal,
    environment and rc files. It is tried before it is written, and is as it was before where sshd does not do as it
    says. No other file of sshd's is changed.
  - Where a client is taken out, or the account could do more than is declared, all connections of the account are
    ended. Clients who stay connect again. Adding a client ends nothing.
  - Without O(clients) the account, its home and the drop-in are removed. A user id that is freed has no process left.
  - It decides from the state of the host. A run that was killed is finished by the next.
options:
  clients:
    description: Clients, each a name and its public key, the one line of a file such as C(id_ed25519.pub).
    type: dict
    required: true
  user:
    description: Account that they come in by. One that Mooring has not made is refused.
    type: str
    default: docker-remote
  group:
    description: Group of the daemon's socket, the only one that the account is in.
    type: str
    default: docker
  socket:
    description: Path of the daemon's socket.
    type: path
    default: /run/docker.sock
attributes:
  check_mode:
    description: Tells what it would do, and refuses what sshd would not do. The group may be missing.
    support: full
  diff_mode:
    description: Shows the keys and the drop-in.
    support: full
"""

EXAMPLES = r"""
- name: Let one client in
  mooring.docker.ssh_access:
    clients:
      alice: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... alice@laptop

- name: Let nobody in
  mooring.docker.ssh_access:
    clients: {}
"""

RETURN = r"""
steps:
  description:
    - What was due. Sshd's drop-in (V(sshd)), which it must read (V(load)), the V(account), its V(home), its V(keys),
      accounts or a home to V(remove), and what a run that was killed has left to V(finish).
  returned: success
  type: list
  elements: str
  sample: [keys]
ending:
  description: Accounts whose connections had to end.
  returned: success
  type: list
  elements: str
  sample: [docker-remote]
ended:
  description: How many processes that were.
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
