# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks go by: the fleet as inventory and command line declare it.

It is worked out once, on the controller, before any host has answered, so that no answer can change it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils._config import endpoints
from . import authorities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def resolve(
    hosts: list[Mapping[str, Any]], clients: list[Mapping[str, Any]], user: str, with_passphrase: bool = True
) -> dict[str, Any]:
    """The fleet of ``hosts`` and the machines that are to be its ``clients``, each as its variables.

    ``user`` is who runs this, after whom the controller is called as a client. What only looks does not ask for the
    passphrase, which may be out of its reach. Keys: problems (one sentence each; where there are any, there is nothing
    else), name, directory (that of the inventory), ca_directory (absolute), passphrase ("" where there is none),
    certificate_days, client_renew_days, ca_days, hosts (by name, see ``_host``), tls (the names of those to whose
    daemons the authorities issue), checked (of those whose daemons may trust clients by certificate: with any TLS
    endpoint, or a certificate for one in the index), clients (machine to the name of the client that it is to be).
    """
    if not hosts:
        return {"problems": ["the inventory has no hosts in a group docker_hosts: name one that has, by -i INVENTORY"]}
    directories = {str(host["inventory_hostname"]): _ca_directory(host) for host in hosts}
    if len(set(directories.values())) > 1:
        told = "; ".join(
            f"{directory} of {', '.join(name for name, its in directories.items() if its == directory)}"
            for directory in dict.fromkeys(directories.values())
        )
        return {
            "problems": [
                f"docker_engine_ca_directory differs between the hosts of docker_hosts ({told}), and this playbook "
                "works on the authorities of one fleet: give them the same, or an inventory for each"
            ]
        }
    first, directory = hosts[0], next(iter(directories.values()))
    try:
        found = {str(host["inventory_hostname"]): _host(host) for host in hosts}
    except endpoints.EndpointError as error:
        return {"problems": [f"docker_engine_endpoints {error}"]}
    named = {str(one["inventory_hostname"]): _client_name(one, user) for one in clients}
    # This machine is one of them even where the run makes others clients.
    others = [name for machine, name in named.items() if machine != "localhost"]
    shared = {
        name: [machine for machine in named if named[machine] == name] for name in others if others.count(name) > 1
    }
    if shared:
        return {
            "problems": [
                f"docker_client_name {name} would be that of {', '.join(machines)}, which would take each other's "
                "certificate: give each machine a name of its own"
                for name, machines in shared.items()
            ]
        }
    place = Path(str(first.get("inventory_dir") or Path.cwd()))
    secrets = [one.get("docker_engine_ca_passphrase") for one in hosts] if with_passphrase else []
    served = {one["name"] for one in authorities.index(directory, "server")}
    return {
        "problems": [],
        "name": place.name,
        "directory": str(place),
        "ca_directory": directory,
        # Hosts without TLS need none.
        "passphrase": str(next(filter(None, secrets), "")),
        "certificate_days": int(first.get("docker_engine_certificate_days", 397)),
        "ca_days": int(first.get("docker_engine_ca_days", 3650)),
        "client_renew_days": int(first.get("docker_client_certificate_renew_days", 14)),
        "hosts": found,
        "tls": [name for name, host in found.items() if host["tls"] and not host["provided"]],
        "checked": [name for name, host in found.items() if host["tls"] or name in served],
        "clients": named,
    }


def _ca_directory(host: Mapping[str, Any]) -> str:
    declared = host.get("docker_engine_ca_directory") or f"{host.get('inventory_dir') or '.'}/pki"
    return os.path.abspath(Path(str(declared)).expanduser())  # noqa: PTH100 - one name, whatever it links to


def _host(host: Mapping[str, Any]) -> dict[str, Any]:
    """What is declared of one host.

    Keys: tls (whether an endpoint has it), provided (whether by certificates from elsewhere), endpoints (TCP, as the
    controller reaches them), restart (docker_engine_restart), socket (its path), socket_group, ssh_clients, ssh_user.
    """
    urls = [str(url) for url in host.get("docker_engine_endpoints", [])]
    tls = str(host.get("docker_engine_tls", True)).lower() not in ("false", "no", "0", "off")
    address = str(host.get("ansible_host", host["inventory_hostname"]))
    sockets = [endpoints.normal_path(url[len("unix://") :]) for url in urls if url.startswith("unix://")]
    served = tls and any(url.startswith("tcp://") for url in urls)
    return {
        "tls": served,
        "provided": host.get("docker_engine_provided_certificate") is not None,
        "endpoints": endpoints.reached(urls, address) if served else [],
        "restart": str(host.get("docker_engine_restart", "only_without_containers")),
        "socket": [*sockets, "/run/docker.sock"][0],
        "socket_group": str(host.get("docker_engine_socket_group", "docker")),
        "ssh_clients": dict(host.get("docker_engine_ssh_clients") or {}),
        "ssh_user": str(host.get("docker_engine_ssh_user", "docker-remote")),
    }


def _client_name(machine: Mapping[str, Any], user: str) -> str:
    name = str(machine["inventory_hostname"])
    return str(machine.get("docker_client_name") or (user if name == "localhost" else name))


def restart_problems(fleet: dict[str, Any], hosts: Iterable[str]) -> list[str]:
    """Why the daemons of ``hosts`` cannot be given other certificates: they read them at their start only."""
    never = [name for name in hosts if name in fleet["tls"] and fleet["hosts"][name]["restart"] == "never"]
    if not never:
        return []
    return [
        f"docker_engine_restart is never on {', '.join(never)}, but daemons read TLS files at their start only: allow "
        "it for this run, -e docker_engine_restart=only_without_containers"
    ]


def controller_problems(playing: list[str], limit: str) -> list[str]:
    """Why a run cannot work on the authorities: ``playing``, the hosts that ``limit`` leaves, are without localhost."""
    if "localhost" in playing:
        return []
    return [
        f"--limit {limit} leaves out localhost, this controller, which has the authorities and the index of clients: "
        f"say --limit {limit},localhost"
    ]
