#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action report, which does all of it on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write what was observed of a fleet, and what was found, as a page, pictures and data
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Writes C(report.html), one page that needs no network to be opened, with the findings, the certificates, the
    versions, and a picture of each host, from who may use its endpoints to the published ports of its containers.
  - Writes C(report.json), which the collection's C(plugins/plugin_utils/report/schema.json) describes; C(report.xml),
    findings as JUnit's test cases, of which errors fail and warnings are skipped; and C(NAME.svg), the picture of each
    host. In a name, all but letters, digits and C(_.-~) is written as in a URL.
  - Names of containers and whatever else comes from hosts is shown as text, control characters as escapes.
  - Always runs on the controller.
options:
  directory:
    description: Where the files are written. Other files there are left alone.
    type: path
    required: true
  fleet:
    description: Name of the fleet, the page's heading.
    type: str
    required: true
  hosts:
    description: What was observed, for each host of the fleet.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: As in the inventory.
        type: str
        required: true
      address:
        description: Where the controller reaches it.
        type: str
      error:
        description: Why it could not be observed.
        type: str
      host:
        description: RV(mooring.docker.host_info#module:host). A host without it counts as not observed.
        type: dict
      endpoints:
        description: RV(mooring.docker.endpoint_info#module:endpoint) for each endpoint that was looked at.
        type: list
        elements: dict
      ssh:
        description:
          - C(user) and the names of C(clients) by which the daemon is to be reached over SSH. That they get in is told
            where RV(mooring.docker.host_info#module:host.ssh) shows it.
        type: dict
      bridge:
        description: The result of M(mooring.docker.bridge_info).
        type: dict
      published:
        description:
          - The policy for published ports, V(open), V(closed), or C(allow) with a list of entries, each with any of
            C(sources), C(interfaces) and C(ports). Without it, who reaches them is not told.
        type: raw
  findings:
    description:
      - What differs from the declaration, on a host of the fleet or elsewhere.
      - An empty list says that all is as declared. Without it, the report says that nobody looked.
    type: list
    elements: dict
    suboptions:
      host:
        description: Where it was found.
        type: str
        required: true
      id:
        description: The same for the same kind of difference on every host.
        type: str
        required: true
      severity:
        description: How bad it is.
        type: str
        required: true
        choices: [error, warning, info]
      expected:
        description: What is declared.
        type: str
        required: true
      observed:
        description: What was seen instead.
        type: str
        required: true
      remedy:
        description: How to mend it.
        type: str
        required: true
  clients:
    description:
      - The certificates of clients, each with C(name), C(not_after), C(days_left), and whether it is C(trusted), as the
        filter C(mooring.docker.issued_certificates) tells them. Other keys are not looked at.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    description: Writes nothing; RV(table) is returned all the same.
    support: full
  diff_mode:
    description: Shows the difference in C(report.json).
    support: full
notes:
  - The time of the report is part of it, so every run changes it.
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
    - name: Look at the host
      mooring.docker.host_info:
      register: seen

    - name: Look at the bridges
      mooring.docker.bridge_info:
      register: bridge

    - name: Put it together
      ansible.builtin.set_fact:
        observation:
          name: "{{ inventory_hostname }}"
          address: "{{ ansible_host }}"
          host: "{{ seen.host }}"
          bridge: "{{ bridge }}"

- name: Tell what was seen
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
  description: The hosts and the findings for a terminal.
  returned: always
  type: str
  sample: |
    HOST   FINDINGS  ENGINE         CONTAINERS  CERTIFICATE
    web-1  none      26.1.5+dfsg1   2           364 days left
"""
