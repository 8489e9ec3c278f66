#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_plan
short_description: Show the plans of a fleet's hosts, and write them to a file
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Shows a table with one line for each host, from the results of M(mooring.docker.plan) that were registered as
    C(plan). A line has the number of steps, what they do, and what clients and containers notice.
  - A host without a plan has a line with the reasons. The module then fails after it has shown and written everything.
options:
  hosts:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  output:
    description:
      - File on the controller to which the plans are written as JSON. It contains no secrets, so it can be attached to
        a change request. With C(-e plan_file=FILE), playbooks/site.yml carries out exactly this plan.
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
