#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: carry_out
short_description: Carry out steps of a plan in as few trips as possible
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Carries out those steps of a plan that need nothing from other roles, in their order, and stops after the first that
    fails. The role mooring.docker.docker_engine calls it.
  - V(preparation) installs packages and generates the key for a certificate in one trip. Meanwhile, the controller
    makes missing certificate authorities.
  - V(change) installs certificate and authorities, composes C(daemon.json), changes the socket's group, and brings
    the daemon to its configuration in one trip. Then it opens a new connection if a change waits to be confirmed, and
    confirms it and makes networks in another trip.
options:
  part:
    description: Which steps are carried out.
    type: str
    choices: [preparation, change]
    required: true
  steps:
    description: The steps of the host, as RV(mooring.docker.plan#module:steps).
    type: dict
    required: true
  certificate_names:
    description: Names for a certificate, as RV(mooring.docker.plan#module:certificate_names).
    type: list
    elements: str
    required: true
  prepared:
    description: The result of V(preparation), whose RV(key) gets its certificate.
    type: dict
extends_documentation_fragment:
  - mooring.docker.inventory
attributes:
  check_mode:
    description: Does nothing in check mode. The plan shows what would change.
    support: none
  diff_mode:
    description: Shows the differences of each step.
    support: full
  action:
    description: Runs on the controller, and M(mooring.docker.execute_steps) on the host.
    support: full
"""

EXAMPLES = r"""
- name: Plan
  mooring.docker.plan:
    roles: [docker_engine]
    inventory: "{{ lookup('mooring.docker.fleet_names') }}"
  register: plan

- name: Install packages, and make a key
  mooring.docker.carry_out:
    part: preparation
    steps: "{{ plan.steps }}"
    certificate_names: "{{ plan.certificate_names }}"
    inventory: "{{ lookup('mooring.docker.fleet_names') }}"
"""

RETURN = r"""
steps:
  description: What was carried out, in order, with C(title) and C(changed). Further keys are those of its module.
  returned: always
  type: list
  elements: dict
step:
  description: The step that failed.
  returned: failed
  type: str
  sample: Compose daemon.json
key:
  description: The directory and the signing request of a new key, and null without one.
  returned: when O(part=preparation)
  type: dict
"""
