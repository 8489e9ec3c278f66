#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authority
short_description: Create a generation of a certificate authority on the controller, and protect all keys
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Creates the key (P-384) and the certificate of a generation if they are missing. A generation of servers is also
    signed by the previous one, if there is one, for clients that know only that one.
  - Keys are PKCS#8 files, encrypted with a key that scrypt (N=16384, r=8, p=5) derives from the passphrase. To write a
    key, the passphrase must have at least 12 characters. Keys with weaker encryption, such as those of an earlier
    version, are encrypted again. Each file is replaced in one operation after the new one has been read back.
  - Writes a C(.gitignore) to the directory if there is none.
  - A key that cannot be read is an error. It is never replaced by another key.
options:
  kind:
    description: Whom the authority signs. Without it, existing keys are protected and none is created.
    type: str
    choices: [server, client]
  generation:
    description: Number of the generation. Required with O(kind).
    type: int
  days:
    description: Days for which the signature of the previous generation is valid. Required with O(kind).
    type: int
  authority_days:
    description: Days for which the authority is valid. Required with O(kind).
    type: int
attributes:
  check_mode:
    description: Reports what would be done.
    support: full
extends_documentation_fragment:
  - mooring.docker.authorities
  - mooring.docker.authorities.directory
  - mooring.docker.authorities.controller
"""

EXAMPLES = r"""
- name: Create the first authority of servers
  mooring.docker.authority:
    directory: pki
    passphrase: "{{ vault_docker_ca_passphrase }}"
    kind: server
    generation: 1
    days: 397
    authority_days: 3650
"""

RETURN = r"""
done:
  description: What was done, or in a dry run would be.
  returned: success
  type: list
  elements: str
  sample: ["make Mooring server CA 1"]
"""
