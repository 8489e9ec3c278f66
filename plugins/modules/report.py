#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action report, which does all of it on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write a report about a fleet as a page, diagrams and data
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Writes C(report.html), a single page that can be opened without a network connection. It shows the findings, the
    certificates, the versions, and a diagram of each host, from who may use its endpoints to the published ports of its
    containers.
  - Writes C(report.json), which the collection's C(plugins/plugin_utils/report/schema.json) describes. Writes
    C(report.xml) with the findings as JUnit test cases, in which errors fail and warnings are skipped. Writes
    C(NAME.svg) with the diagram of each host. In a name, characters other than letters, digits and C(_.-~) are encoded
    as in a URL.
  - Names of containers and everything else that comes from hosts are shown as text, with control characters as escapes.
  - Always runs on the controller.
options:
  directory:
    description: Directory for the files. Other files in it are not changed.
    type: path
    required: true
  fleet:
    description: Name of the fleet, which is the heading of the page.
    type: str
    required: true
  hosts:
    description: What was observed, for each host of the fleet.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the host in the inventory.
        type: str
        required: true
      address:
        description: Address at which the controller reaches the host.
        type: str
      error:
        description: Why the host could not be observed.
        type: str
      host:
        description: The value RV(mooring.docker.host_info#module:host). A host without it counts as not observed.
        type: dict
      endpoints:
        description: The value RV(mooring.docker.endpoint_info#module:endpoint) for each endpoint that was observed.
        type: list
        elements: dict
      ssh:
        description:
          - The C(user) and the names of the C(clients) that are declared to reach the daemon over SSH. The report says
            that they have access if RV(mooring.docker.host_info#module:host.ssh) shows it.
        type: dict
      bridge:
        description: The result of M(mooring.docker.bridge_info).
        type: dict
      published:
        description:
          - The policy for published ports, V(open), V(closed), or C(allow) with a list of entries, each with any of
            C(sources), C(interfaces) and C(ports). Without it, the report does not show who can reach them.
        type: raw
  findings:
    description:
      - The differences from the declaration, on a host of the fleet or elsewhere.
      - An empty list means that everything is as declared. Without the option, the report says that nothing was
        verified.
    type: list
    elements: dict
    suboptions:
      host:
        description: The host on which it was found.
        type: str
        required: true
      id:
        description: Identifier, which is the same for the same kind of difference on every host.
        type: str
        required: true
      severity:
        description: Severity of the difference.
        type: str
        required: true
        choices: [error, warning, info]
      expected:
        description: What is declared.
        type: str
        required: true
      observed:
        description: What was observed instead.
        type: str
        required: true
      remedy:
        description: How to correct it.
        type: str
        required: true
  clients:
    description:
      - The certificates of clients, each with C(name), C(not_after), C(days_left), and whether it is C(trusted), as the
        filter C(mooring.docker.issued_certificates) returns them. Other keys are ignored.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    description: Writes nothing, but returns RV(table).
    support: full
  diff_mode:
    description: Shows the difference in C(report.json).
    support: full
notes:
  - The report contains its time, so every run changes it.
seealso:
  - module: mooring.docker.host_info
  - module: mooring.docker.endpoint_info
  - module: mooring.docker.bridge_info
"""

EXAMPLES = r"""
- name: Observe the fleet
  hosts: docker_hosts
  gather_facts: false
  tasks:
    - name: Observe the host
      mooring.docker.host_info:
      register: seen

    - name: Observe the bridges
      mooring.docker.bridge_info:
      register: bridge

    - name: Combine the results
      ansible.builtin.set_fact:
        observation:
          name: "{{ inventory_hostname }}"
          address: "{{ ansible_host }}"
          host: "{{ seen.host }}"
          bridge: "{{ bridge }}"

- name: Report the fleet
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write the report
      mooring.docker.report:
        directory: /var/www/fleet
        fleet: production
        hosts: "{{ groups['docker_hosts'] | map('extract', hostvars, 'observation') }}"
      register: written

    - name: Show the table
      ansible.builtin.debug:
        msg: "{{ written.table }}"
"""

RETURN = r"""
files:
  description: The files, C(report.html) first.
  returned: always
  type: list
  elements: str
  sample: [/var/www/fleet/report.html, /var/www/fleet/report.json, /var/www/fleet/report.xml, /var/www/fleet/web-1.svg]
table:
  description: The hosts and the findings as a table for a terminal.
  returned: always
  type: str
  sample: |
    HOST   FINDINGS  ENGINE         CONTAINERS  CERTIFICATE
    web-1  none      26.1.5+dfsg1   2           364 days left
"""
