#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: an nftables table of Mooring's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_table
short_description: Keep an nftables table of its own in force, now and over a boot
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Loads the table C(inet mooring_NAME) in one transaction and keeps it in C(/etc/mooring/NAME.nft), from where
    C(mooring-nftables.service) loads it at boot, before the network comes up, each table by itself. One that cannot be
    loaded keeps no other from it; the unit has failed then. Other tables, those of ufw, firewalld and
    Docker among them, are never touched.
  - Compares what is in force with what is wanted, so a table that somebody flushed or changed is repaired. A drop-in
    for C(nftables.service) loads the tables again after that service flushed all there are.
  - The rules are first loaded in a network namespace of their own. What nft refuses is refused before anything is
    touched; so are rules that name an interface by its index (C(iif)), which could not be loaded at boot.
  - Needs C(nft), from the package nftables, whose own service does not have to run.
options:
  name:
    description: The table's name without C(mooring_).
    type: str
    required: true
  rules:
    description: What stands between the braces of the table. Sets, maps and chains as in C(nft(8)).
    type: str
  state:
    description: V(absent) removes the table; with the last one goes all that loads them.
    type: str
    choices: [present, absent]
    default: present
  required:
    description:
      - Whether C(docker.service) starts only with the table in force. A drop-in loads it before dockerd starts. Where
        that cannot be done, and no earlier state of it is in force, the start fails with a line in the journal.
    type: bool
    default: false
  confirm:
    description:
      - Seconds after which the host reverts the change, unless M(mooring.docker.confirm) is called over a new
        connection in time. What is loaded, and what is on disk, is then as before. V(0) applies the change without a
        timer.
    type: int
    default: 0
attributes:
  check_mode:
    description: Tells what would change, and refuses what nft refuses where it is installed.
    support: full
  diff_mode:
    description: Shows the table in force and the one that would be, both as nft lists them, and the file.
    support: full
seealso:
  - module: mooring.docker.confirm
"""

EXAMPLES = r"""
- name: Let one network in to port 9323, and nobody else
  mooring.docker.nftables_table:
    name: metrics
    rules: |
      chain input {
          type filter hook input priority filter - 10; policy accept;
          tcp dport 9323 ip saddr != 192.0.2.0/24 drop
          tcp dport 9323 meta nfproto ipv6 drop
      }
    confirm: 60

- name: Come back over a new connection
  ansible.builtin.meta: reset_connection

- name: Keep the filter
  mooring.docker.confirm:
"""

RETURN = r"""
table:
  description: The table as nft lists it, without counters, or null.
  returned: success
  type: str
armed:
  description: Whether a change waits for M(mooring.docker.confirm), this one or an earlier one.
  returned: success
  type: bool
"""

import re
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._apply import filter_table, revert_timer
from ansible_collections.mooring.docker.plugins.module_utils._config import fragments, state
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables


def _ensure(module: AnsibleModule) -> None:
    rules = module.params["rules"] if module.params["state"] == "present" else None
    if rules is not None and module.check_mode and not shutil.which("nft", path="/usr/sbin:/sbin"):
        module.exit_json(changed=True, table=None, armed=False)
    table = nftables.Table(module.params["name"], rules, module.params["required"])
    module.exit_json(**filter_table.ensure(table, module.params["confirm"], module.check_mode))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "rules": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "required": {"type": "bool", "default": False},
            "confirm": {"type": "int", "default": 0},
        },
        required_if=[("state", "present", ["rules"])],
        supports_check_mode=True,
    )
    params = module.params
    if not re.match(r"^[a-z][a-z0-9_]{0,31}$", params["name"]):
        module.fail_json(msg=f"name {params['name']!r}: write small letters, digits and _, and begin with a letter")
    if params["confirm"] < 0:
        module.fail_json(msg=f"confirm {params['confirm']}: write seconds, or 0 to load without that safety")
    problem = nftables.problem(params["rules"] or "")
    if problem:
        module.fail_json(msg=f"table {nftables.table(params['name'])}: {problem}")
    try:
        with state.locked():
            _ensure(module)
    except (nftables.NftError, fragments.ConfigError, revert_timer.ConfirmError, TimeoutError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
