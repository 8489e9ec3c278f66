#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: client_plan
short_description: Plan what the role docker_client would do on a machine
version_added: 0.2.0
author: The Mooring authors (@mooring)
description:
  - Checks the variables of the role on the controller, looks at the machine in one trip, and returns the ordered steps
    that make it the client that is declared.
  - Fails where there can be no plan, with every reason in one message. Never changes anything.
  - A part of the role docker_client, whose variables are its only input.
options: {}
attributes:
  check_mode:
    description: Reports whether there is something to do.
    support: full
  diff_mode:
    description: In check mode, shows what the steps do.
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
  description: The plan, of the form that M(mooring.docker.plan) documents.
  returned: when the machine could be observed
  type: dict
steps:
  description: The steps to carry out, by name. In check mode only those that see for themselves what they would change.
  returned: success
  type: dict
files:
  description: The certificate, its key and the authorities of the servers, as paths on the machine; empty without TLS.
  returned: success
  type: dict
"""
