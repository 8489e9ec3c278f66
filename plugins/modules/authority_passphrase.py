#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authority_passphrase
short_description: Change the passphrase of the certificate authorities' keys on the controller
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Encrypts the keys of all generations, including those that are no longer trusted, with another passphrase.
    Authorities and certificates do not change.
  - Opens all keys before it writes the first one, so a wrong passphrase changes nothing. Each file is replaced in one
    operation after the new one has been read back. To complete a change that was interrupted, run the module again.
options:
  new_passphrase:
    description: The new passphrase. It must have at least 12 characters.
    type: str
    required: true
attributes:
  check_mode:
    description: Opens all keys, and reports which ones would be encrypted again.
    support: full
extends_documentation_fragment:
  - mooring.docker.authorities
  - mooring.docker.authorities.directory
  - mooring.docker.authorities.controller
"""

EXAMPLES = r"""
- name: Change the passphrase
  mooring.docker.authority_passphrase:
    directory: pki
    passphrase: "{{ vault_docker_ca_passphrase }}"
    new_passphrase: "{{ vault_docker_new_ca_passphrase }}"
"""

RETURN = r"""
files:
  description: Names of the files that were encrypted again.
  returned: success
  type: list
  elements: str
  sample: [client-1-key.pem, server-1-key.pem]
"""
