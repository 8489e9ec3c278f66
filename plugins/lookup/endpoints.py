# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: endpoints as the controller sees them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: endpoints
short_description: Observe endpoints of Docker daemons from the controller, all at once
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns for each endpoint what M(mooring.docker.endpoint_info) would on the controller, without a process and a task
    for each.
options:
  _terms:
    description: Endpoints, V(tcp://192.0.2.7:2376).
    required: true
  ca:
    description: As O(mooring.docker.endpoint_info#module:ca).
    type: path
  certificate:
    description: As O(mooring.docker.endpoint_info#module:client_certificate).
    type: path
  key:
    description: As O(mooring.docker.endpoint_info#module:client_key).
    type: path
"""

EXAMPLES = r"""
- name: Show who gets in
  ansible.builtin.debug:
    msg: "{{ query('mooring.docker.endpoints', 'tcp://192.0.2.7:2376', 'tcp://192.0.2.8:2376', ca='pki/ca.pem') }}"
"""

RETURN = r"""
_list:
  description:
    - For each endpoint in turn a dictionary with C(endpoint), or with the reason C(msg) why it could not be tried.
  type: list
  elements: dict
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.mooring.docker.plugins.module_utils._config.endpoints import EndpointError
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import CredentialError, probe
from ansible_collections.mooring.docker.plugins.plugin_utils.text import printable_data


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.endpoints``."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """What is seen of each of ``terms``."""
        self.set_options(var_options=variables, direct=kwargs)
        files = [self.get_option(option) for option in ("ca", "certificate", "key")]

        def visit(url: str) -> dict[str, Any]:
            try:
                return {"endpoint": probe(url, *files)}
            except (CredentialError, EndpointError) as error:
                return {"msg": str(error)}

        with ThreadPoolExecutor(max_workers=8) as pool:
            # Certificates and errors are in the words of whoever answers.
            found: list[dict[str, Any]] = printable_data(list(pool.map(visit, terms)))
            return found
