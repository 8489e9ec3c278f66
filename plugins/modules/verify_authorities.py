#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_authorities
short_description: Find what is wrong with the fleet's authorities and its clients' certificates
version_added: 0.2.0
author: The Mooring authors (@mooring)
description:
  - Looks at the authorities and the index of certificates on the controller. Nothing is changed.
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
    description: Days that a server certificate is valid. An authority that ends earlier is a finding.
    type: int
    required: true
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look at the authorities
  mooring.docker.verify_authorities:
    directory: pki
    client_days: 14
    days: 397
"""

RETURN = r"""
findings:
  description: What differs, as M(mooring.docker.verify) returns it.
  returned: success
  type: list
  elements: dict
"""
