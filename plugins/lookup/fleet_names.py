# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the names and addresses of all hosts of the inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_names
short_description: Get the names and addresses of all hosts in the inventory
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns one dictionary with all hosts of the inventory, including those that are not in the play. For each host, it
    has the name and C(ansible_host) in the notation of certificates.
  - The lookup reads the variables of every host, so use it once in a play and keep the result.
options:
  _terms:
    description: None.
"""

EXAMPLES = r"""
- name: Show the names and addresses of all hosts
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
