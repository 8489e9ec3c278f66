# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks and roles ask about authorities and clients, on the controller and without a trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils._config import endpoints
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities
from ansible_collections.mooring.docker.plugins.plugin_utils.injected_facts import refused

if TYPE_CHECKING:
    from collections.abc import Mapping


def client_contexts(hosts: list[Mapping[str, Any]]) -> dict[str, str]:
    """Context names to endpoints for a fleet's ``hosts``, each as its variables.

    A host has the context of its name for TCP, where it can be reached by it; and one for SSH, with "-ssh" behind the
    name where there are both.
    """
    found = {}
    for host in hosts:
        name = host["inventory_hostname"]
        address = host.get("ansible_host", name)
        remote = endpoints.reached(host.get("docker_engine_endpoints", []), address)
        if remote:
            found[name] = remote[0]
        if host.get("docker_engine_ssh_clients"):
            found[f"{name}-ssh" if remote else name] = _ssh_url(host)
    return found


def client_host_keys(hosts: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """``ssh://`` endpoints of a fleet's ``hosts`` to the public keys that playbooks/client.yml has learnt of them."""
    learnt = {_ssh_url(host): host.get("client_learnt", {}).get("host", {}).get("ssh") for host in hosts}
    return {url: ssh["host_keys"] for url, ssh in learnt.items() if ssh}


def _ssh_url(host: Mapping[str, Any]) -> str:
    address = host.get("ansible_host", host["inventory_hostname"])
    port = f":{host['ansible_port']}" if host.get("ansible_port") else ""
    return f"ssh://{host.get('docker_engine_ssh_user', 'docker-remote')}@{endpoints.bracketed(address)}{port}"


def table(directory: str) -> list[str]:
    """The index in ``directory``, a line for each certificate, and what a rotation has still to do.

    What was superseded or belongs to a client that was removed is shown as long as it gets in anywhere.
    """
    line = "{:<7} {:<24} {:<12} {:<11} {:<11} {:<41} {}"
    lines = [line.format("FOR", "NAME", "STATUS", "ISSUED", "ENDS", "SERIAL", "TRUSTED")]
    for kind in authorities.KINDS:
        for one in authorities.index(directory, kind):
            if one["status"] in ("current", "unconfirmed") or one["lets_in"]:
                days = str(one["not_before"])[:10], str(one["not_after"])[:10]
                lines.append(
                    line.format(kind, one["name"], one["status"], *days, str(one["serial_number"]), _trusted(one))
                )
    return [*lines, *authorities.outstanding(directory)]


def _trusted(certificate: dict[str, Any]) -> str:
    """Where a certificate of the index gets in."""
    if not certificate["lets_in"]:
        return "no"
    if certificate["trusted"]:
        return "yes"
    return f"on {', '.join(certificate['hosts'])}" if certificate["hosts"] else "on any host"


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "authorities": refused(authorities.view),
            "client_contexts": client_contexts,
            "client_host_keys": client_host_keys,
            "certificate_table": refused(table),
            "issued_certificates": refused(authorities.issued),
        }
