# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts can become Docker hosts, and the way out for those that cannot."""

from __future__ import annotations

from . import observed

_DESKTOP = (
    "On {name}, Docker runs in a virtual machine (Docker Desktop, Colima): docker0 and the veths live inside it, "
    "not on this host. Point the inventory at a Linux server, or at that machine itself"
)


def connection_problem(connection: str, shell: str) -> str | None:
    """Why a host that is reached over ``connection`` cannot be one, known before it is asked anything."""
    if connection in ("winrm", "psrp") or shell in ("powershell", "cmd"):
        return f"the host is Windows (connection {connection}), not Linux. {_DESKTOP.format(name='Windows')}"
    return None


def problem(system: observed.System) -> str | None:
    """Why the host that ``host_info`` saw cannot become a Docker host, or None."""
    kernel = system["kernel"]
    if kernel != "Linux":
        name = {"Darwin": "macOS"}.get(kernel, kernel)
        return f"the host runs {name}, not Linux. {_DESKTOP.format(name=name)}"
    if not system["systemd"]:
        return (
            "the host is not run by systemd (there is no /run/systemd/system), which starts and watches dockerd. "
            "Inside a container, manage the machine that runs it instead"
        )
    if not system["apt"]:
        return (
            f"the host runs {system['distribution']}, which has no apt; "
            "the engine is installed from packages of Debian and its descendants"
        )
    if not system["root"]:
        return "the modules do not run as root: set become: true (ansible_become in the inventory)"
    return None
