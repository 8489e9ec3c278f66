# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the names and addresses of all hosts of the inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_names
short_description: By what each host of the inventory is known
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns one dictionary, from the name of each host in the inventory, whatever hosts the play has, to its name and
    its C(ansible_host), as they would stand in a certificate.
  - Every host's variables are looked at, so ask once for a play and keep the answer.
options:
  _terms:
    description: None.
"""

EXAMPLES = r"""
- name: Show by what the hosts are known
  ansible.builtin.debug:
    msg: "{{ lookup('mooring.docker.fleet_names') }}"
"""

RETURN = r"""
_list:
  description: "One dictionary, such as V({'web-1': ['DNS:web-1', 'IP:192.0.2.7']})."
  type: list
  elements: dict
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.mooring.docker.plugins.plugin_utils import names


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.fleet_names``."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[names.Fleet]:
        """One answer."""
        return [names.fleet(variables["hostvars"], variables["groups"]["all"])]
