# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of the role docker_client declare, and what is refused of it before any machine is asked.

A client's declaration stays on the controller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypedDict

from .. import keys
from .place import Authorities
from .variables import Variables


class ClientFiles(TypedDict):
    """Paths on the client, which may begin with "~"."""

    certificate: str
    key: str
    ca: str


class IssuedClient(TypedDict):
    """A client's certificate by the fleet's own authorities."""

    directory: str
    """Of the authorities, on the controller."""
    days: int
    """It is valid for so many days."""
    renew_days: int
    """It is renewed when fewer days are left."""
    reissue: str
    """Why it is issued whatever it is; empty where nothing asks for that."""
    replace: bool
    """Whether the machine may take over the name of another."""
    signer: dict[str, str | None]
    """The authority that signs clients now: ``name`` and ``key_id``."""
    server_fingerprints: list[str]
    """SHA-256 of the authorities whose servers the client trusts."""
    authority_work: list[str]
    """What has to be done to the authorities on the controller first, a phrase each; mostly nothing."""


class ClientDeclaration(TypedDict):
    """The role docker_client's variables for one machine."""

    name: str
    fleet: str
    contexts: dict[str, str]
    """Name of each context and its endpoint."""
    directory: str
    files: ClientFiles
    uses_tls: bool
    uses_ssh: bool
    issued: IssuedClient | None
    """None where no context has TLS, or the certificate comes from elsewhere."""
    cli: str
    host_keys: dict[str, list[str]]
    """``ssh://`` endpoints, each with the public keys of its host."""
    ssh_key: bool
    """Whether the client gets an SSH key for this fleet alone."""
    ssh_config: str


def declare(variables: Variables, authorities: Authorities | None) -> tuple[ClientDeclaration | None, list[str]]:
    """The declaration of a machine, or why there is none: sentences that begin with a variable.

    ``variables`` are those of docker_client, as ``variables.read`` returns them, ``authorities`` those of the fleet,
    which are needed where ``issues`` says so.
    """
    issuing = authorities if issues(variables) else None
    problems = list(_problems(variables, issuing))
    return (None, problems) if problems else (_declaration(variables, issuing), [])


def issues(variables: Variables) -> bool:
    """Whether the fleet's own authorities issue the client's certificate."""
    return _leads_to(variables, "tcp://") and variables["docker_client_provided_certificate"] is None


def _leads_to(variables: Variables, scheme: str) -> bool:
    return any(str(url).startswith(scheme) for url in variables["docker_client_contexts"].values())


def _declaration(variables: Variables, authorities: Authorities | None) -> ClientDeclaration:
    return {
        "name": variables["docker_client_name"],
        "fleet": variables["docker_client_fleet"],
        "contexts": variables["docker_client_contexts"],
        "directory": variables["docker_client_directory"],
        "files": _files(variables),
        "uses_tls": _leads_to(variables, "tcp://"),
        "uses_ssh": _leads_to(variables, "ssh://"),
        "issued": _issued(variables, authorities) if authorities else None,
        "cli": variables["docker_client_cli"],
        "host_keys": variables["docker_client_host_keys"],
        "ssh_key": variables["docker_client_ssh_key"],
        "ssh_config": variables["docker_client_ssh_config"],
    }


def _files(variables: Variables) -> ClientFiles:
    provided = variables["docker_client_provided_certificate"]
    if provided is not None:
        return {"certificate": provided["certificate"], "key": provided["key"], "ca": provided["ca"]}
    # The names that the docker CLI looks for in DOCKER_CERT_PATH.
    directory = variables["docker_client_directory"]
    return {"certificate": f"{directory}/cert.pem", "key": f"{directory}/key.pem", "ca": f"{directory}/ca.pem"}


def _issued(variables: Variables, authorities: Authorities) -> IssuedClient:
    signer = authorities.client["signer"]
    return {
        "directory": variables["docker_client_ca_directory"],
        "days": variables["docker_client_certificate_days"],
        "renew_days": variables["docker_client_certificate_renew_days"],
        "reissue": "asked for" if variables["docker_client_renew"] else "",
        "replace": variables["docker_client_replace"],
        "signer": {"name": signer["name"], "key_id": signer["key_id"]},
        "server_fingerprints": authorities.server["fingerprints"],
        "authority_work": authorities.work,
    }


def _problems(variables: Variables, authorities: Authorities | None) -> Iterator[str]:
    if authorities:
        if not (authorities.client["signer"]["key_id"] and authorities.server["bundle"]):
            yield (
                f"docker_client_ca_directory {variables['docker_client_ca_directory']} has no authorities yet: run "
                "playbooks/site.yml for the fleet first"
            )
        passphrase = variables["docker_client_ca_passphrase"]
        if not passphrase:
            yield "docker_client_ca_passphrase is needed for TLS: take it from a vault or the environment"
        elif problem := keys.passphrase_problem(passphrase, "docker_client_ca_passphrase"):
            yield problem
    name = variables["docker_client_name"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", name):
        yield f"docker_client_name {name} may have letters, digits and ._@- only, at most 64"
