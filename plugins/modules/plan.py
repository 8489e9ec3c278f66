#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan what the roles of this collection would do on a host
version_added: 0.2.0
author: The Mooring authors (@mooring)
description:
  - Checks the variables of O(roles) on the controller. A variable that is wrong or unknown is refused before the host
    is contacted.
  - Observes the host in one trip, and returns the ordered steps that would bring it to what is declared. There are none
    where it is so already.
  - Fails where there can be no plan, with every reason in one message.
  - Never changes anything. In check mode it reports RV(ignore:changed) where there are steps, with their diff.
options:
  roles:
    description: The roles whose variables count and whose steps are planned.
    type: list
    elements: str
    choices: [docker_engine, docker_network]
    required: true
  inventory:
    description: By what all hosts of the inventory are known, as the lookup P(mooring.docker.fleet_names#lookup) says.
    type: dict
    required: true
  file:
    description:
      - A file that playbooks/plan.yml has written. The module fails where the steps are not those of the file any more.
    type: path
attributes:
  check_mode:
    description: Reports whether there are steps.
    support: full
  diff_mode:
    description: In check mode, shows what the steps would change.
    support: full
"""

EXAMPLES = r"""
- name: Plan
  mooring.docker.plan:
    roles: [docker_engine]
    inventory: "{{ lookup('mooring.docker.fleet_names') }}"
  register: plan

- name: Show the steps
  ansible.builtin.debug:
    msg: "{{ plan.plan.steps | map(attribute='summary') }}"
"""

RETURN = r"""
plan:
  description: The plan of the host.
  returned: when the host could be observed
  type: dict
  contains:
    refusals:
      description: Why there is no plan; empty where there is one.
      type: list
      elements: str
    steps:
      description: What would be done, in this order.
      type: list
      elements: dict
      contains:
        name:
          description: The step.
          type: str
          sample: apply
        role:
          description: The role that it belongs to.
          type: str
          sample: docker_engine
        summary:
          description: What is done.
          type: str
          sample: "restart (changed: bip)"
        reasons:
          description: Why it is needed.
          type: list
          elements: str
        effects:
          description: What clients and containers notice of it.
          type: list
          elements: str
        parameters:
          description: What the step's task needs. Nothing in it is secret.
          type: dict
        diff:
          description: What changes, as Ansible's C(--diff) shows it. Secrets are not shown.
          type: list
          elements: dict
certificate_names:
  description: What a certificate by the fleet's authorities is for; empty where none is needed.
  returned: success
  type: list
  elements: str
steps:
  description: The steps to carry out, by name; none in check mode.
  returned: success
  type: dict
"""
