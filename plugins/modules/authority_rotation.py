#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authority_rotation
short_description: Take a step of the replacement of certificate authorities on the controller
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Takes one of the steps between which the playbooks that replace authorities bring daemons and clients up to date. A
    step that was killed goes on when it is taken again, and one that has been taken changes nothing.
  - V(begin) makes the next generations, and trusts them beside the present ones; in an emergency that of clients alone.
  - V(promote) lets the next authority of clients sign. It fails while a daemon was not reached or does not trust it.
  - V(retire) trusts the old authorities no more. It fails while that would lock out a client that is not to leave.
  - V(remove) takes the clients that leave from the index, once no authority of the fleet that is trusted has signed
    their certificates.
  - V(confirm) tries each daemon, and keeps which of them may still trust a retired authority. Where trying tells
    nothing, the host's variable C(rotation_seen) decides, the reply of M(mooring.docker.host_info).
  - V(finish) ends the rotation, and fails with what is left to do.
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
    description: The plan, as the filter C(mooring.docker.rotation_plan) makes it.
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
