# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a step fails."""

from __future__ import annotations


class StepError(Exception):
    """A step could not be carried out. The message is for the operator and has no secrets."""
