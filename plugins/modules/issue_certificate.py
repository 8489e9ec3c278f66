#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: issue_certificate
short_description: Generate a private key on the machine, and have the fleet's authority sign a certificate
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - The key is generated on the machine and stays there. Only a signing request is transferred. The controller decides
    about the content of the certificate. It takes only the public key from the request, signs in its own process, and
    adds the certificate to its index, as the current one of its name once the machine has it.
  - Key and certificate are created in a separate directory, to which the link O(kind) in O(place) then points.
  - A host gets no certificate for a name or an address of another host of the inventory.
  - Each call creates a new pair.
options:
  kind:
    description: What the certificate is for.
    type: str
    choices: [server, client]
    required: true
  name:
    description: Common name of the certificate, and its file name in the index.
    type: str
    required: true
  names:
    description: Alternative names, such as V(DNS:trixie) and V(IP:192.0.2.7).
    type: list
    elements: str
    default: []
  place:
    description: Directory on the machine for key and certificate. It must exist.
    type: path
    required: true
  days:
    description: Days for which the certificate is valid.
    type: int
    required: true
  authorities:
    description: Directory on the controller with the authorities and the index, see the role mooring.docker.docker_pki.
    type: path
    required: true
  trust_file:
    description:
      - File on the machine for the authorities that it trusts, those of clients on a server and those of servers on a
        client. It is written in the same trip as the certificate, and left alone without this option.
    type: path
attributes:
  check_mode:
    description: Cannot predict what it would do.
    support: none
  action:
    description: Runs on the controller, and M(mooring.docker.certificate_pair) on the machine.
    support: full
notes:
  - Requires the C(cryptography) library on both.
extends_documentation_fragment:
  - mooring.docker.authorities
"""

EXAMPLES = r"""
- name: Issue a server certificate
  mooring.docker.issue_certificate:
    kind: server
    name: trixie
    names: ["DNS:trixie", "IP:192.0.2.7"]
    place: /etc/docker/tls
    days: 397
    authorities: pki
    trust_file: /etc/docker/tls/client-ca.pem
    passphrase: "{{ vault_docker_ca_passphrase }}"
"""

RETURN = r"""
pair:
  description: The directory on the machine with C(key.pem) and C(cert.pem).
  returned: success
  type: str
  sample: /etc/docker/tls/server-8yr2k1
"""
