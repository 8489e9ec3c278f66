# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that observe or compare, and change nothing, have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Parts of their documentation."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""
