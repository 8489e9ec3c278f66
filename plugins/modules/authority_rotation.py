#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authority_rotation
short_description: Carry out a step of the replacement of certificate authorities on the controller
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Carries out one of the controller's steps of a replacement. Between the steps, the playbooks update daemons and
    clients. A step that was killed continues when it is repeated, and a step that is complete changes nothing.
  - V(begin) creates the next generations, and trusts them in addition to the current ones. In an emergency, it trusts
    only the new authority of clients.
  - V(promote) lets the next authority of clients sign. It fails while a daemon was not reached or does not trust it.
  - V(retire) stops trusting the old authorities. It fails while that would lock out a client that is to stay.
  - V(remove) removes clients that leave from the index, once no trusted authority of the fleet has signed their
    certificates.
  - V(confirm) connects to each daemon, and records which of them may still trust a retired authority. If this is not
    conclusive, the host's variable C(rotation_seen) decides, which is the result of M(mooring.docker.host_info).
  - V(finish) ends the rotation. It fails with what is left to do.
options:
  step:
    description: The step.
    type: str
    choices: [begin, promote, retire, remove, confirm, finish]
    required: true
  fleet:
    description: The fleet, as the filter C(mooring.docker.fleet) describes it.
    type: dict
    required: true
  rotation:
    description: The plan, as the filter C(mooring.docker.rotation_plan) returns it.
    type: dict
    required: true
attributes:
  check_mode:
    description: Does nothing. The plan is the preview.
    support: none
extends_documentation_fragment:
  - mooring.docker.authorities.controller
"""

EXAMPLES = r"""
- name: Trust the next authorities beside the present ones
  mooring.docker.authority_rotation:
    step: begin
    fleet: "{{ fleet }}"
    rotation: "{{ rotation }}"
"""

RETURN = r"""
done:
  description: What was done.
  returned: success
  type: list
  elements: str
  sample: ["make Mooring client CA 2", "write pki/authorities.json"]
"""
