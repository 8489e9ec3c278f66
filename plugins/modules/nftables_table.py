#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: an nftables table of Mooring's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_table
short_description: Manage a separate nftables table, now and at each boot
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Loads the table C(inet mooring_NAME) in one transaction and stores it in C(/etc/mooring/NAME.nft). At boot,
    C(mooring-nftables.service) loads each of these tables separately, before the network comes up. If a table cannot be
    loaded, the others still are, and the unit is in the state C(failed). Other tables, including those of ufw,
    firewalld and Docker, are never changed.
  - Compares the rules in force with the declared ones, so that a table that was flushed or changed is repaired. A
    drop-in for C(nftables.service) loads the tables again after that service has flushed all tables.
  - The rules are first loaded in a separate network namespace. If nft refuses them, the module fails before anything is
    changed. It also refuses rules that name an interface by its index (C(iif)), which could not be loaded at boot.
  - Requires C(nft) from the package nftables. The service of this package does not have to run.
options:
  name:
    description: The table's name without C(mooring_).
    type: str
    required: true
  rules:
    description: The content of the table between its braces, that is, sets, maps and chains as in C(nft(8)).
    type: str
  state:
    description: V(absent) removes the table. With the last table, everything that loads them is removed, too.
    type: str
    choices: [present, absent]
    default: present
  required:
    description:
      - Whether C(docker.service) starts only if the table is in force. A drop-in loads it before dockerd starts. If
        that fails, and no earlier state of the table is in force, the start fails with a line in the journal.
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
    description: Reports what would change. If nft is installed, rules that it refuses are refused.
    support: full
  diff_mode:
    description: Shows the table before and after the change, both as nft lists them, and the file.
    support: full
seealso:
  - module: mooring.docker.confirm
"""

EXAMPLES = r"""
- name: Admit one network to port 9323, and nobody else
  mooring.docker.nftables_table:
    name: metrics
    rules: |
      chain input {
          type filter hook input priority filter - 10; policy accept;
          tcp dport 9323 ip saddr != 192.0.2.0/24 drop
          tcp dport 9323 meta nfproto ipv6 drop
      }
    confirm: 60

- name: Close the connection
  ansible.builtin.meta: reset_connection

- name: Confirm the filter over a new connection
  mooring.docker.confirm:
"""

RETURN = r"""
table:
  description: The table as nft lists it, without counters, or null.
  returned: success
  type: str
armed:
  description: Whether this or an earlier change is pending confirmation by M(mooring.docker.confirm).
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
