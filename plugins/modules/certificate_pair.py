#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: a private key and its certificate on the machine that uses them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_pair
short_description: Generate a private key where it is used, and install its certificate
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Without O(certificate), the module creates a directory with a new private key (P-256) and returns a signing request.
  - With O(certificate), it writes the certificate to O(pair), switches the link O(kind) in O(place) to this directory
    in one operation, and removes earlier pairs.
  - Both steps are those of M(mooring.docker.issue_certificate), which signs in between. The key is never returned.
options:
  place:
    description: Directory for the pairs. It is made where it is missing, for a client readable by its user alone.
    type: path
    required: true
  kind:
    description: What the certificate is for.
    type: str
    choices: [server, client]
    required: true
  pair:
    description: The directory that the first step returned.
    type: path
  certificate:
    description: The certificate as PEM, followed by those of intermediate authorities.
    type: str
  trust_file:
    description: File for O(trusted), which is written before the certificate.
    type: path
  trusted:
    description: The authorities that the machine trusts, as PEM.
    type: str
attributes:
  check_mode:
    description: Cannot predict what it would do.
    support: none
  diff_mode:
    description: Shows nothing.
    support: none
notes:
  - Requires the C(cryptography) library.
"""

EXAMPLES = r"""
- name: Generate a key and a signing request
  mooring.docker.certificate_pair:
    place: /etc/docker/tls
    kind: server
  register: made

- name: Install the signed certificate
  mooring.docker.certificate_pair:
    place: /etc/docker/tls
    kind: server
    pair: "{{ made.pair }}"
    certificate: "{{ signed }}"
"""

RETURN = r"""
pair:
  description: The directory of the key.
  returned: success
  type: str
  sample: /etc/docker/tls/server-8yr2k1
csr:
  description: The signing request as PEM.
  returned: without O(certificate)
  type: str
  sample: "-----BEGIN CERTIFICATE REQUEST-----..."
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._steps import certificate, key
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**key.OPTIONS, **certificate.OPTIONS},
        required_together=[("pair", "certificate"), ("trust_file", "trusted")],
    )
    params = module.params
    try:
        if params["certificate"]:
            module.exit_json(**certificate.execute(params), pair=params["pair"])
        module.exit_json(**key.execute(params))
    except StepError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
