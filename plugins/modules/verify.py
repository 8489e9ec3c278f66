#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Compare a host with what its variables declare
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Observes the host in one trip, connects to its endpoints and published ports from the controller, and compares both
    with the variables of the roles docker_engine and docker_network.
  - Changes nothing, unless O(active) is set, and does not fail. Something that cannot be observed is a finding.
    C(--tags) and C(--skip-tags) select subjects, such as V(endpoints).
options:
  probes:
    description: Results of M(mooring.docker.endpoint_info) from other hosts, with their C(item).
    type: list
    elements: dict
    default: []
  client:
    description:
      - Directory on the controller with C(ca.pem), C(cert.pem) and C(key.pem) of the client as which it connects.
      - Defaults to C(~/.docker/) and the name of the inventory's directory, which playbooks/client.yml creates.
    type: path
  renew_days:
    description: A certificate with fewer days left is a finding. Defaults to C(docker_engine_certificate_renew_days).
    type: int
  active:
    description:
      - Whether to run a container with the daemon's defaults on the host, too, as M(mooring.docker.daemon_apply) does
        after a change. It is removed again.
    type: bool
    default: false
  evidence:
    description: Directory on the controller for RV(evidence), as JSON in a file by the name of the host.
    type: path
extends_documentation_fragment:
  - mooring.docker.inventory
  - mooring.docker.observation
seealso:
  - module: mooring.docker.show_findings
"""

EXAMPLES = r"""
- name: Compare the host
  mooring.docker.verify:
    inventory: "{{ lookup('mooring.docker.fleet_names') }}"
  register: verification
"""

RETURN = r"""
findings:
  description: The differences, each with its id, its severity, what was expected, what was observed, and a remedy.
  returned: success
  type: list
  elements: dict
evidence:
  description: What is declared for the host, and what was observed.
  returned: if the variables are valid
  type: dict
"""
