#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authority
short_description: Make a generation of a certificate authority on the controller, and protect the keys of all
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Makes the key (P-384) and the certificate of a generation where they are missing. A generation of servers is also
    signed by the one before it, where there is one, for clients that know only that.
  - Keys are PKCS#8, encrypted by a key that scrypt (N=16384, r=8, p=5) derives from the passphrase, which must have at
    least 12 characters where a key is written. Those that an earlier version or somebody else has encrypted more weakly
    are encrypted anew; each file is replaced in one moment, when the new one has been read back.
  - Writes a C(.gitignore) into the directory where there is none.
  - A key that cannot be read is an error, never a reason to make another.
options:
  kind:
    description: Whom the authority signs. Without it, the keys that are there are protected and none is made.
    type: str
    choices: [server, client]
  generation:
    description: Number of the generation. Required with O(kind).
    type: int
  days:
    description: Days for which the generation before it vouches for it. Required with O(kind).
    type: int
  authority_days:
    description: Days that the authority is valid. Required with O(kind).
    type: int
attributes:
  check_mode:
    description: Tells what it would do.
    support: full
extends_documentation_fragment:
  - mooring.docker.authorities
  - mooring.docker.authorities.directory
  - mooring.docker.authorities.controller
"""

EXAMPLES = r"""
- name: Make the first authority of servers
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
