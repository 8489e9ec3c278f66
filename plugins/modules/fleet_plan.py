#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_plan
short_description: Show the plans of the fleet's hosts, and keep them in a file
version_added: 0.2.0
author: The Mooring authors (@mooring)
description:
  - Shows what M(mooring.docker.plan) has registered as C(plan) for each host, a line for each step.
  - Fails where a host has no plan, with the reasons, after everything else was shown and written.
options:
  hosts:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  output:
    description:
      - File for the plans as JSON, on the controller. There are no secrets in it. Reviewed, it is carried out by
        playbooks/site.yml with C(plan_file).
    type: path
attributes:
  check_mode:
    description: Shows the plans and writes nothing.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
"""

EXAMPLES = r"""
- name: Show the fleet's plan
  mooring.docker.fleet_plan:
    hosts: "{{ groups['docker_hosts'] }}"
    output: plan.json
"""

RETURN = r"""
msg:
  description: The table, line by line.
  returned: always
  type: list
  elements: str
"""
