# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the controller's own addresses towards a host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: controller_addresses
short_description: The controller's own addresses towards hosts
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns the addresses from which the controller's kernel would speak to the named hosts. That is what the controller
    has, whatever a translation or a jump host on the way shows to the host.
  - No packet is sent, apart from those of a resolver for a host that is named and not numbered.
options:
  _terms:
    description: Addresses or names of hosts.
    required: true
"""

EXAMPLES = r"""
- name: Show where the host would have to answer to
  ansible.builtin.debug:
    msg: "{{ query('mooring.docker.controller_addresses', ansible_host) }}"
"""

RETURN = r"""
_list:
  description: The addresses, none for a host that the controller knows no way to.
  type: list
  elements: str
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.mooring.docker.plugins.plugin_utils.controller import addresses_towards


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.controller_addresses``."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """The addresses towards all of ``terms``, each once."""
        return list(dict.fromkeys(address for host in terms for address in addresses_towards(host)))
