# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the roles' shares of daemon.json."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fragments
short_description: Get the fragments of daemon.json that the roles' variables declare
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns one dictionary of fragments of C(daemon.json), as M(mooring.docker.daemon_config) takes them.
  - Fragments may contain secrets, and a plan never does. Therefore, they are looked up when they are written.
options:
  _terms:
    description: Names of fragments. V(10-engine) is that of docker_engine, V(20-network) that of docker_network.
    required: true
  chosen:
    description: The values that the plan of the host has chosen for options that are declared as V(auto).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show what the engine's variables declare
  ansible.builtin.debug:
    msg: "{{ lookup('mooring.docker.fragments', '10-engine') }}"
"""

RETURN = r"""
_list:
  description: "One dictionary, such as V({'10-engine': {'hosts': ['fd://']}})."
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mooring.docker.plugins.module_utils._plan import configuration
from ansible_collections.mooring.docker.plugins.module_utils._plan.selection import ENGINE_FRAGMENT, NETWORK_FRAGMENT
from ansible_collections.mooring.docker.plugins.plugin_utils import declaration, injected_facts

_ROLES = {ENGINE_FRAGMENT: declaration.ENGINE, NETWORK_FRAGMENT: declaration.NETWORK}


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.fragments``."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """One answer. Raises AnsibleError where the variables are refused, or hosts could replace them."""
        injected_facts.refuse()
        self.set_options(var_options=variables, direct=kwargs)
        gathered, problems = declaration.gather(
            [_ROLES[name] for name in terms],
            variables,
            self._templar,
            variables.get("_docker_engine_inventory"),
            signs=False,
        )
        if gathered is None:
            raise AnsibleLookupError("; ".join(problems))
        return [configuration.content(gathered.declaration, self.get_option("chosen"))]
