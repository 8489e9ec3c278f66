# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that need to know all hosts of the inventory have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Parts of their documentation."""

    DOCUMENTATION = r"""
options:
  inventory:
    description:
      - The names and addresses of all hosts of the inventory, as P(mooring.docker.fleet_names#lookup) returns them.
    type: dict
    required: true
"""
