# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller declares of one host: variables that were checked, resolved, and travel as JSON."""

from __future__ import annotations

from typing import Any, TypedDict

Options = dict[str, Any]
"""Options of daemon.json."""


class Socket(TypedDict):
    """The API's UNIX sockets. ``mode`` is octal text, such as "0660"."""

    paths: list[str]
    owner: str
    group: str
    mode: str


class TlsFiles(TypedDict):
    """Paths on the host."""

    certificate: str
    key: str
    client_ca: str


class IssuedTls(TypedDict):
    """A server certificate by the fleet's own authorities."""

    files: TlsFiles
    names: list[str]
    """What it must be for, such as "DNS:trixie"."""
    renew_days: int
    """It is renewed when fewer days are left."""
    reissue: str
    """Why it is issued whatever it is; empty where nothing asks for that."""
    signer: dict[str, str | None]
    """The authority that signs now: ``name`` and ``key_id`` (None before it is made)."""
    client_fingerprints: list[str]
    """SHA-256 of the authorities whose clients get in."""
    authority_work: list[str]
    """What has to be done to the authorities on the controller first, a phrase each; mostly nothing."""


class ProvidedTls(TypedDict):
    """A server certificate from elsewhere, of which the role only refuses what cannot be right."""

    files: TlsFiles
    names: list[str]
    """``docker_engine_certificate_names``."""
    authorities: list[str]
    """``docker_engine_client_authorities``."""


class Ssh(TypedDict):
    """Clients over SSH."""

    clients: dict[str, str]
    """Name to public key."""
    user: str
    group: str
    socket: str


class RoleDeclaration(TypedDict):
    """The variables that both roles have: how the daemon may be changed."""

    options: Options
    """The role's fragment; in docker_network's, "auto" stands where the plan chooses."""
    on_conflict: str
    restart: str
    containers: str
    data_root_change: str
    timeout: int
    """Seconds for the daemon to answer."""
    confirm: int
    """Seconds for a pending change to be confirmed; 0 does without."""
    require_filters: bool


class EngineDeclaration(RoleDeclaration):
    """The role docker_engine's variables for one host."""

    socket: Socket
    users: list[str]
    users_exclusive: bool
    ssh: Ssh
    filter_rules: str | None
    """Who may connect to the TCP endpoints, as ``endpoint_filter.rules``; None where nothing is filtered."""
    issued: IssuedTls | None
    provided: ProvidedTls | None


class NetworkDeclaration(RoleDeclaration):
    """The role docker_network's variables for one host."""

    networks: list[dict[str, Any]]
    published: str | dict[str, Any]
    """The policy: "open", "closed", or {"allow": entries}."""
    other_bridges: list[str]
    endpoints: list[str] | None
    """The daemon's endpoints; None where those that it listens on count."""
    sysctls: dict[str, Any]
    reserved: list[str]
    check_addresses: bool
    address_block: int | None
    fleet: list[str]
    """Names and addresses of the inventory's hosts, which no network may cover."""
    docker_host: str
    """The endpoint by which the networks are made."""


class Declaration(TypedDict):
    """One host's, as far as the roles that are planned; at least one of them is there."""

    name: str
    """The host's name in the inventory."""
    controller: list[str]
    """The controller's own addresses towards the host."""
    run_tags: list[str]
    """What ``--tags`` asks for, ["all"] where it was not given."""
    skip_tags: list[str]
    engine: EngineDeclaration | None
    network: NetworkDeclaration | None
