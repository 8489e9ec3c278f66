# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in that a person may have: declared in the inventory, and as the hosts have it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = ("docker_engine_ssh_clients", "docker_engine_users")


def declared(hosts: list[Mapping[str, Any]], name: str) -> list[str]:
    """What in the inventory of ``hosts``, each as its variables, would let ``name`` in again, one sentence each."""
    found = []
    for variable in _VARIABLES:
        where = [str(host["inventory_hostname"]) for host in hosts if name in (host.get(variable) or [])]
        if where:
            found.append(f"{variable} of {', '.join(where)} names {name}: take it out there")
    return found


def ways(seen: dict[str, Any], name: str, socket_group: str) -> list[str] | None:
    """The ways by which ``name`` gets in on one host; None where the host could not be looked at.

    ``seen`` has the replies of ``host_info`` (host) and of slurp for the account's authorized_keys (keys).
    """
    host, keys = seen["host"].get("host"), seen["keys"]
    if not host or keys.get("unreachable"):
        return None
    found = []
    text = base64.b64decode(keys.get("content") or "").decode("utf-8", "replace")
    # A line is options, type, key and name.
    if any(line.split()[-1:] == [name] for line in text.splitlines() if not line.startswith("#")):
        found.append("SSH key")
    user = host["users"].get(name)
    # Root needs no group.
    if user and user["uid"] != 0 and socket_group in user["groups"]:
        found.append(f"UNIX account in the group {socket_group}")
    return found
