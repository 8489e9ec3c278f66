# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles ask about authorities and certificates, on the controller and without a trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils._config import endpoints
from ansible_collections.mooring.docker.plugins.module_utils._system.observed import Certificate
from ansible_collections.mooring.docker.plugins.module_utils._tls import provided, renewal
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities, generations, keys, names
from ansible_collections.mooring.docker.plugins.plugin_utils.injected_facts import refused

if TYPE_CHECKING:
    from collections.abc import Mapping


def certificate_due(
    deployed: Certificate | None,
    authority: dict[str, Any],
    days: int,
    wanted: list[str] | None = None,
    fleet: names.Fleet | None = None,
) -> str:
    """Why a certificate must be issued anew; empty when it need not.

    ``deployed`` is what ``host_info`` tells of it, ``authority`` one kind of ``authorities.view``, ``days`` the days
    left from which it is renewed, ``wanted`` what it must be for, as in "DNS:trixie". What it is for beyond that stays
    until it is renewed, unless it belongs to another host of ``fleet``.
    """
    foreign = names.foreign(deployed["names"], wanted or [], fleet or {}) if deployed else ""
    return renewal.certificate_due(deployed, wanted or [], days, authority["signer"], foreign)


def trust_due(deployed: Certificate | None, authority: dict[str, Any]) -> bool:
    """Whether the file of trusted authorities, as ``host_info`` tells of it, is not that of ``authority``."""
    return renewal.trust_due(deployed, authority["fingerprints"])


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
            "authorities_due": refused(generations.due),
            "client_contexts": client_contexts,
            "client_host_keys": client_host_keys,
            "certificate_due": certificate_due,
            "certificate_name_problems": names.problems,
            "certificate_names": names.server_names,
            "certificate_table": refused(table),
            "certificate_unconfirmed": refused(authorities.unconfirmed),
            "client_name_problem": refused(authorities.name_problem),
            "issued_certificates": refused(authorities.issued),
            "passphrase_problem": keys.passphrase_problem,
            "provided_client_problems": provided.client_problems,
            "provided_server_problems": provided.server_problems,
            "trust_due": trust_due,
        }
