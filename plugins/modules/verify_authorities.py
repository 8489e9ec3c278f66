#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_authorities
short_description: Check the fleet's authorities and the certificates of its clients
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Checks the authorities and the index of certificates on the controller. Changes nothing.
options:
  directory:
    description: Directory on the controller with the authorities, C(docker_engine_ca_directory).
    type: path
    required: true
  client_days:
    description: A client's certificate with fewer days left is a finding.
    type: int
    required: true
  days:
    description: Days for which a server certificate is valid. An authority that expires earlier is a finding.
    type: int
    required: true
extends_documentation_fragment:
  - mooring.docker.observation
"""

EXAMPLES = r"""
- name: Check the authorities
  mooring.docker.verify_authorities:
    directory: pki
    client_days: 14
    days: 397
"""

RETURN = r"""
findings:
  description: The findings, in the format that M(mooring.docker.verify) documents.
  returned: success
  type: list
  elements: dict
"""
