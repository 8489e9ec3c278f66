#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan the steps that bring a host to what the roles' variables declare
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Checks the variables of O(roles) on the controller. A variable that is invalid or unknown is refused before the host
    is contacted.
  - Observes the host, normally in one trip, and returns the ordered steps that bring it to what is declared. If the
    host already is as declared, there are no steps.
  - Plans only steps that C(--tags) and C(--skip-tags) select, and the installation of packages that these steps need.
  - Fails if there can be no plan, with every reason in one message.
  - Changes nothing that is declared. In check mode, it reports RV(ignore:changed) if there are steps, with their diff.
options:
  roles:
    description: The roles whose variables are read and whose steps are planned.
    type: list
    elements: str
    choices: [docker_engine, docker_network]
    required: true
  file:
    description:
      - A file that playbooks/plan.yml has written. The module fails if the steps for the host differ from those in the
        file, because the host or its variables have changed since. Reasons and effects may differ.
    type: path
  record:
    description:
      - Whether the host notes what its daemon has loaded, if it is as declared. Nothing else is written. See
        O(mooring.docker.host_plan#module:record). Not in check mode.
    type: bool
    default: true
extends_documentation_fragment:
  - mooring.docker.inventory
attributes:
  check_mode:
    description: Reports whether there are steps.
    support: full
  diff_mode:
    description: In check mode, shows the differences that the steps would make.
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
      description: Why there is no plan. Empty if there is one.
      type: list
      elements: str
    steps:
      description: The steps, in the order in which they are carried out.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the step.
          type: str
          sample: apply
        role:
          description: The role to which the step belongs.
          type: str
          sample: docker_engine
        summary:
          description: What the step does.
          type: str
          sample: "restart (changed: bip)"
        reasons:
          description: Why the step is needed.
          type: list
          elements: str
        effects:
          description: What clients and containers notice.
          type: list
          elements: str
        parameters:
          description: Parameters of the step's task. They contain no secrets.
          type: dict
        diff:
          description: The differences, as Ansible's C(--diff) shows them. Secrets are not shown.
          type: list
          elements: dict
certificate_names:
  description: Names and addresses for a certificate by the fleet's authorities. Empty if the host needs none.
  returned: success
  type: list
  elements: str
steps:
  description: The steps to carry out, by name. Empty in check mode.
  returned: success
  type: dict
"""
