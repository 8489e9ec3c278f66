# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints: exactly those declared, and each open to whom it should be and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._config.endpoints import normal_path, parse
from ._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_ANYWHERE = ("0.0.0.0", "::")


def endpoints(declared: dict[str, Any], host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on what the daemon's process listens on."""
    if host["engine"]["service"]["active"] != "active":
        return  # Said already, and nothing listens.
    wanted = {_key(url): url for url in declared["endpoints"]}
    there = {_key(url): url for url in host["listening"]}
    names = {key[2] for key in wanted if key[0] == "name"}
    for key, url in wanted.items():
        # Where a host's name leads to is not known here: something on its port will do.
        if key not in there and not (key[0] == "name" and any(other[2] == key[2] for other in there)):
            yield Finding("endpoints.missing", ERROR, f"the daemon listens on {url}", _listed(host["listening"]), APPLY)
    for key, url in there.items():
        if key not in wanted and not (key[0] == "tcp" and key[2] in names):
            yield Finding(
                "endpoints.undeclared",
                ERROR,
                f"no endpoints but {', '.join(declared['endpoints'])}",
                f"the daemon listens on {url}",
                f"declare it in docker_engine_endpoints, or {APPLY} to close it",
            )


def from_outside(
    declared: dict[str, Any], probe: dict[str, Any], prober: str, let_in: bool | None
) -> Iterator[Finding]:
    """Findings on one endpoint that ``endpoint_info`` saw from the machine ``prober``.

    ``let_in`` tells whether the packet filter lets that machine in, None where nobody knows.
    """
    url = probe["url"]
    if not probe["reachable"]:
        if let_in:
            yield Finding(
                "endpoints.unreachable",
                ERROR,
                f"{url} can be reached from {prober}",
                probe["error"] or "no connection",
                f"see that the network and packet filters between let {prober} through",
            )
        return
    if let_in is False:
        yield Finding(
            "endpoints.reached",
            ERROR,
            f"{url} takes no connection from {prober}, as docker_engine_allowed_clients says",
            "it takes one",
            APPLY,
        )
    if probe["plaintext_accepted"]:
        yield Finding(
            "endpoints.plaintext", ERROR, f"{url} demands TLS", "HTTP without TLS is answered: anyone is root", APPLY
        )
    if probe["transport"] != "tls":
        if not probe["plaintext_accepted"]:
            yield Finding("endpoints.silent", ERROR, f"{url} speaks TLS", probe["error"] or "it stays silent", APPLY)
        return
    if probe["client_certificate_required"] is False:
        yield Finding(
            "endpoints.open", ERROR, f"{url} demands a client certificate", "anyone gets in, and is root", APPLY
        )
    elif probe["client_certificate_required"] is None:
        yield Finding(
            "endpoints.unclear",
            WARNING,
            f"{url} demands a client certificate",
            probe["error"] or "it could not be told",
            "run it again",
        )
    # What has ended is trusted by nobody: that is the certificate's finding.
    ended = ((probe["certificate"] or {}).get("days_left") or 0) < 0
    if probe["trusted"] is False and not ended:
        yield Finding(
            "endpoints.untrusted",
            ERROR,
            f"{url} shows a certificate of the fleet's authority that has the name",
            probe["error"],
            APPLY,
        )
    if probe["trusted"] and probe["authenticated"] is False:
        yield Finding(
            "endpoints.refused",
            ERROR,
            f"{url} lets in {declared['client']}",
            probe["error"],
            "renew the certificate with playbooks/client.yml",
        )


def _key(url: str) -> tuple[str, str, int]:
    """What tells endpoints apart: dockerd shows all IPv4 addresses as all addresses, and /var/run as /run."""
    endpoint = parse(url)
    if endpoint.scheme != "tcp":
        return ("unix", normal_path(endpoint.path) or "/run/docker.sock", 0)
    if endpoint.host in _ANYWHERE:
        return ("tcp", "anywhere", endpoint.port)
    is_address = ":" in endpoint.host or endpoint.host.replace(".", "").isdigit()
    return ("tcp" if is_address else "name", endpoint.host, endpoint.port)


def _listed(urls: list[str]) -> str:
    return f"it listens on {', '.join(urls)}" if urls else "it listens on nothing"
