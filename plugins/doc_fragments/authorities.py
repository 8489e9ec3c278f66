# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that work with the fleet's certificate authorities have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Parts of their documentation."""

    DOCUMENTATION = r"""
options:
  passphrase:
    description: Passphrase of the authorities' keys.
    type: str
    required: true
attributes:
  diff_mode:
    description: Shows nothing.
    support: none
"""
    """Modules that use the authorities' keys."""

    DIRECTORY = r"""
options:
  directory:
    description: Directory on the controller with the authorities, see the role mooring.docker.docker_pki.
    type: path
    required: true
"""
    """Modules that change what is in the directory of the authorities."""

    CONTROLLER = r"""
options: {}
attributes:
  diff_mode:
    description: Shows nothing.
    support: none
  action:
    description: Runs on the controller alone.
    support: full
notes:
  - Requires the C(cryptography) library on the controller.
"""
    """Modules that run on the controller alone."""
