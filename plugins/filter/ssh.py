# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ask about clients over SSH and users of the socket, on the controller and without a trip."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils._engine import socket_group
from ansible_collections.mooring.docker.plugins.module_utils._ssh import access as ssh_access
from ansible_collections.mooring.docker.plugins.module_utils._ssh import keys as ssh_keys
from ansible_collections.mooring.docker.plugins.module_utils._ssh import sshd


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "socket_group_due": socket_group.due,
            "socket_group_problems": socket_group.problems,
            "ssh_access_due": ssh_access.due,
            "ssh_client_problems": ssh_keys.problems,
            "ssh_public_key": ssh_keys.whole_key,
            "ssh_obstacles": sshd.obstacles,
        }
