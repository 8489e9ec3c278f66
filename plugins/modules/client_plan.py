#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: client_plan
short_description: Plan the steps that make a machine a client
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Checks the variables of the role docker_client on the controller, observes the machine in one trip, and returns the
    ordered steps that make it the client that is declared.
  - Fails if there can be no plan, with every reason in one message. Never changes anything.
  - The role docker_client uses it. The variables of the role are its only input.
options: {}
attributes:
  check_mode:
    description: Reports whether there are steps.
    support: full
  diff_mode:
    description: In check mode, shows what the steps would do.
    support: full
seealso:
  - module: mooring.docker.plan
"""

EXAMPLES = r"""
- name: Plan the client
  mooring.docker.client_plan:
  register: plan
"""

RETURN = r"""
plan:
  description: The plan, in the format that M(mooring.docker.plan) documents.
  returned: when the machine could be observed
  type: dict
steps:
  description:
    - The steps to carry out, by name. In check mode, only those that determine by themselves what they would change.
  returned: success
  type: dict
files:
  description: Paths on the machine of the certificate, its key, and the authorities of the servers. Empty without TLS.
  returned: success
  type: dict
"""
