# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller declares of one host: variables that were checked, resolved, and travel as JSON."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union

Options = Dict[str, Any]
"""Options of daemon.json."""


class Socket(TypedDict):
    """The API's UNIX sockets. ``mode`` is octal text, such as "0660"."""

    paths: List[str]
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
    names: List[str]
    """What it must be for, such as "DNS:trixie"."""
    renew_days: int
    """It is renewed when fewer days are left."""
    reissue: str
    """Why it is issued whatever it is; empty where nothing asks for that."""
    signer: Dict[str, Optional[str]]
    """The authority that signs now: ``name`` and ``key_id`` (None before it is made)."""
    client_fingerprints: List[str]
    """SHA-256 of the authorities whose clients get in."""
    authority_work: List[str]
    """What has to be done to the authorities on the controller first, a phrase each; mostly nothing."""


class ProvidedTls(TypedDict):
    """A server certificate from elsewhere, of which the role only refuses what cannot be right."""

    files: TlsFiles
    names: List[str]
    """``docker_engine_certificate_names``."""
    authorities: List[str]
    """``docker_engine_client_authorities``."""


class Ssh(TypedDict):
    """Clients over SSH."""

    clients: Dict[str, str]
    """Name to public key."""
    user: str
    group: str
    socket: str


class EngineDeclaration(TypedDict):
    """The role docker_engine's variables for one host."""

    options: Options
    """The fragment 10-engine, whole."""
    on_conflict: str
    restart: str
    containers: str
    socket: Socket
    users: List[str]
    users_exclusive: bool
    ssh: Ssh
    filter_rules: Optional[str]
    """Who may connect to the TCP endpoints, as ``endpoint_filter.rules``; None where nothing is filtered."""
    require_filters: bool
    issued: Optional[IssuedTls]
    provided: Optional[ProvidedTls]


class NetworkDeclaration(TypedDict):
    """The role docker_network's variables for one host."""

    options: Options
    """Declared options of daemon.json, with "auto" where the plan chooses."""
    on_conflict: str
    restart: str
    containers: str
    networks: List[Dict[str, Any]]
    published: Union[str, List[Dict[str, Any]]]
    """The policy: "open", "closed", or entries."""
    other_bridges: List[str]
    require_filters: bool
    endpoints: Optional[List[str]]
    """The daemon's endpoints; None where those that it listens on count."""
    sysctls: Dict[str, Any]
    reserved: List[str]
    check_addresses: bool
    slot: Optional[int]
    fleet: List[str]
    """Names and addresses of the inventory's hosts, which no network may cover."""
    docker_host: str
    """The endpoint by which the networks are made."""


class Declaration(TypedDict):
    """One host's, as far as the roles that are planned; at least one of them is there."""

    name: str
    """The host's name in the inventory."""
    controller: List[str]
    """The controller's own addresses towards the host."""
    run_tags: List[str]
    """What ``--tags`` asks for, ["all"] where it was not given."""
    skip_tags: List[str]
    engine: Optional[EngineDeclaration]
    network: Optional[NetworkDeclaration]
