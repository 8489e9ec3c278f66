#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action of this name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: show_findings
short_description: Show findings, and fail if one of them is an error
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Shows one line for each finding of M(mooring.docker.verify), and fails if one of them is an error.
  - Shows recommendations only if C(--tags) contains C(cis).
options:
  findings:
    description: The findings.
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - mooring.docker.observation
"""

EXAMPLES = r"""
- name: Show the findings
  mooring.docker.show_findings:
    findings: "{{ verification.findings }}"
"""

RETURN = r"""
msg:
  description: The lines.
  returned: if there are findings
  type: list
  elements: str
"""
