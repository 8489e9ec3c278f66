# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: declared variables that their role does not know."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unknown_variables
short_description: Find declared variables that a role of this collection does not know
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Compares the names of all variables of the host that begin with the name of a role with the role's argument specs.
  - Ansible ignores variables that nobody uses, so a misspelled name would silently declare nothing.
options:
  _terms:
    description: Names of roles of this collection.
    required: true
  facts:
    description: Names that the role sets itself during a run.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what is misspelled
  ansible.builtin.debug:
    msg: "{{ query('mooring.docker.unknown_variables', 'docker_engine') }}"
"""

RETURN = r"""
_list:
  description: A sentence for each variable that the role does not know, with the name that was probably meant.
  type: list
  elements: str
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.mooring.docker.plugins.plugin_utils.declaration import variables as declared


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.unknown_variables``."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """A sentence for each variable that none of ``terms`` knows."""
        self.set_options(var_options=variables, direct=kwargs)
        facts = self.get_option("facts")
        return [sentence for role in terms for sentence in declared.unknown(role, variables, facts)]
