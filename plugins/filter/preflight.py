# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ask about declared variables and observed hosts, on the controller and without a trip."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils import (
    _addresses,
    _certificates,
    _endpoints,
    _platform,
    _rules,
)


def daemon_hosts(urls: list[str]) -> list[str]:
    """The ``hosts`` of daemon.json: systemd opens all UNIX sockets, with owner and mode from the first moment."""
    tcp = [url for url in urls if url.startswith("tcp://")]
    return ["fd://", *tcp]


def socket_paths(urls: list[str]) -> list[str]:
    """The UNIX sockets that systemd opens; none means the packaged unit's own (``fd://``)."""
    paths = [_endpoints.normal_path(_endpoints.parse(url).path) for url in urls if url.startswith("unix://")]
    return [*paths, "/run/docker.sock"] if paths and "fd://" in urls else paths


def certificate_due(deployed: dict[str, Any] | None, names: list[str], days: int, authorities: dict[str, str]) -> str:
    """Why a host needs a new server certificate; empty when it does not.

    ``deployed`` is ``host_info``'s ``certificates`` with the keys "certificate", "server_ca" and "client_ca",
    ``authorities`` the controller's CA files by the same names, ``names`` as in "DNS:trixie".
    """
    deployed = deployed or {}
    certificate = deployed.get("certificate")
    if not certificate:
        return "there is none"
    if certificate.get("days_left") is None:
        return "it could not be read"
    if certificate["days_left"] < days:
        return f"it ends in {certificate['days_left']} days"
    missing = sorted(set(names) - set(certificate["names"]))
    if missing:
        return f"it lacks {', '.join(missing)}"
    for name, path in authorities.items():
        ours = _certificates.describe_file(path) if Path(path).exists() else None
        theirs = deployed.get(name)
        if not ours or not theirs or ours["sha256"] != theirs["sha256"]:
            return f"the {name.replace('_ca', ' CA')} is another"
    return ""


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "address_collisions": _addresses.collisions,
            "certificate_sha256": lambda path: _certificates.describe(Path(path).read_bytes())["sha256"],
            "certificate_due": certificate_due,
            "connection_problem": _platform.connection_problem,
            "daemon_hosts": daemon_hosts,
            "endpoint_problems": _endpoints.problems,
            "host_problem": _platform.problem,
            "network_problems": _addresses.network_problems,
            "option_problems": _rules.problems,
            "range_problems": _addresses.range_problems,
            "socket_paths": socket_paths,
        }
