# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: which authorities of clients the running daemons trust, by trying."""

from __future__ import annotations

DOCUMENTATION = r"""
name: client_trust
short_description: Try which generations of the clients' authority the running daemons trust
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Makes a client certificate of ten minutes by each generation of the clients' authority that is trusted, or that a
    daemon may still trust though it was retired, and shows it to each daemon, from the controller and to all daemons at
    once. Keys and certificates live in a temporary directory that only the user can read, and are in no index.
  - A refusal counts where the daemon lets in a client by the authority that signs now.
options:
  _terms:
    description: Names of hosts, as in O(hosts).
    required: true
  hosts:
    description: For each host a dictionary with its TCP endpoints C(endpoints), as the controller reaches them.
    type: dict
    required: true
  authorities:
    description: Directory on the controller with the authorities, see the role mooring.docker.docker_pki.
    type: path
    required: true
  passphrase:
    description: Passphrase of the authorities' keys.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show which authorities the daemon of trixie trusts
  ansible.builtin.debug:
    msg: >-
      {{ query('mooring.docker.client_trust', 'trixie', hosts={'trixie': {'endpoints': ['tcp://192.0.2.7:2376']}},
               authorities='pki', passphrase=vault_docker_ca_passphrase)[0] }}
"""

RETURN = r"""
_raw:
  description:
    - One dictionary. For each host the names of the generations, as in C(Mooring client CA 1), and whether the daemon
      trusts them; null where trying did not tell.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mooring.docker.plugins.plugin_utils import signing, trust


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.client_trust``."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, trust.Trust]]:
        """One dictionary: what the daemons of ``terms`` trust."""
        self.set_options(var_options=variables, direct=kwargs)
        hosts = self.get_option("hosts")
        urls = {str(name): [str(url) for url in hosts[name]["endpoints"]] for name in terms}
        try:
            return [trust.tried(str(self.get_option("authorities")), str(self.get_option("passphrase")), urls)]
        except signing.SigningError as error:
            raise AnsibleError(str(error)) from error
