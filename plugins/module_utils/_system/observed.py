# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is observed of a host: the types of what ``host_info`` and its parts return. No module here, only shapes.

What they mean is documented where they are made, and in ``host_info``. None always stands for what is not there, or
what nobody can tell. All of it is plain data, and travels as JSON.
"""

from __future__ import annotations

from typing import Any, TypedDict

# The operating system -------------------------------------------------------------------------------


class System(TypedDict):
    """On other systems than Linux only ``kernel``, ``systemd`` and ``root`` count."""

    kernel: str
    kernel_version: str
    machine: str
    distribution: str | None
    distribution_like: list[str]
    distribution_version: str | None
    distribution_codename: str | None
    python: str
    python_libraries: list[str]
    systemd: bool
    apparmor_parser: bool | None
    apt: bool
    root: bool


class Clock(TypedDict):
    """Seconds by which the host's clock is ahead of the controller's."""

    ahead: float | None


class Package(TypedDict):
    """Versions of a Debian package."""

    installed: str | None
    candidate: str | None


class Installation(TypedDict):
    """What an interrupted run of dpkg or of Mooring has left.

    ``unfinished`` are Debian packages, of those asked for, with their state, such as "half-configured"; ``begun`` tells
    that Mooring has begun to install packages and not ended.
    """

    unfinished: dict[str, str]
    begun: bool


class FileStatus(TypedDict):
    """``kind`` is "file", "directory", "link", "socket" or "other"; ``mode`` octal text, such as "0644"."""

    kind: str
    owner: str
    group: str
    mode: str
    leads_to: str | None


class Socket(TypedDict):
    """Who may use a UNIX socket. A plus behind ``mode`` tells of an access control list."""

    path: str
    owner: str
    group: str
    mode: str
    group_members: list[str]


class User(TypedDict):
    """``groups`` are the names of all groups of the user."""

    uid: int
    groups: list[str]


class Holder(TypedDict):
    """A process that has a group, and its user."""

    pid: int
    name: str
    user: str


class Group(TypedDict):
    """``gid`` is None for a group that is still to be made."""

    gid: int | None
    members: list[str]
    primary: list[str]
    own: list[str]
    administrators: list[str]
    password: bool
    holders: list[Holder]


class Sysctls(TypedDict):
    """Kernel parameters by name, as they are (``live``) and as a boot would set them (``boot``)."""

    program: str | None
    file: str
    own: list[str]
    live: dict[str, str | None]
    boot: dict[str, str | None]


# Its network ------------------------------------------------------------------------------------------


class Address(TypedDict):
    """``address`` with its prefix length, such as "192.0.2.1/24"."""

    interface: str
    address: str


class Route(TypedDict):
    """``destination`` is a network or "default"."""

    destination: str
    type: str
    table: str
    scope: str
    interface: str | None
    gateways: list[str]


class Neighbour(TypedDict):
    """One whose link-layer address (``mac``) is known; ``permanent`` where somebody set it by hand."""

    address: str
    interface: str | None
    mac: str
    permanent: bool


class Forwarding(TypedDict):
    """Whether the kernel forwards packets, of each family."""

    inet: bool | None
    inet6: bool | None


class Network(TypedDict):
    """The host's own network. ``client`` is the controller's address as the host sees it."""

    interfaces: list[str]
    addresses: list[Address]
    bridges: list[str]
    routes: list[Route]
    neighbours: list[Neighbour]
    resolvers: list[str]
    client: str | None
    forwarding: Forwarding
    router_advertisements: dict[str, int]
    without_ipv6: list[str]


class FilterTable(TypedDict):
    """A packet filter of Mooring's."""

    text: str | None
    live: bool
    persistent: bool
    required: bool
    failed: bool


# The engine -------------------------------------------------------------------------------------------


class Subnet(TypedDict):
    """A range of a network of Docker's."""

    subnet: str | None
    gateway: str | None
    ip_range: str | None


class DockerNetwork(TypedDict):
    """A network as the engine has it; ``bridge`` is the kernel's interface, ``containers`` who is in it, by name."""

    name: str
    id: str
    driver: str
    scope: str | None
    internal: bool
    attachable: bool
    ipv6: bool
    subnets: list[Subnet]
    options: dict[str, str]
    labels: dict[str, str]
    bridge: str | None
    containers: list[str]


class Service(TypedDict):
    """docker.service in systemd's words."""

    active: str | None
    enabled: str | None
    pid: int | None


class Containerd(TypedDict):
    """containerd.service in systemd's words."""

    active: str
    enabled: str


class EnginePackage(TypedDict):
    """The package that brings the engine."""

    name: str
    version: str


class Storage(TypedDict):
    """A file system by a directory on it, and what the engine ``holds`` there, in words.

    ``size`` and ``free`` are bytes; ``inodes_free`` is None where none count.
    """

    path: str
    holds: list[str]
    size: int
    free: int
    inodes_free: int | None
    read_only: bool


class Engine(TypedDict):
    """Programs, service and what the daemon says of itself; None where it does not answer."""

    installed: bool
    version: str | None
    cli_version: str | None
    api_version: str | None
    running_version: str | None
    service: Service
    package: EnginePackage | None
    containerd: Containerd | None
    settings: dict[str, Any] | None
    containers_running: int | None
    live_restore: bool | None
    swarm: str | None
    swarm_manager: bool | None
    networks: list[DockerNetwork] | None
    published: list[str]
    image_store: str | None
    """Who keeps images and containers' files: "dockerd", or "containerd" by a snapshotter of its own."""
    storage: list[Storage]
    used: bool
    """Whether the data root has containers, volumes or images, also of a daemon that does not run."""
    programs: dict[str, str | None]


class Prune(TypedDict):
    """The timer that removes what Docker no longer uses; ``result`` is that of its last run (systemctl's Result)."""

    active: str | None
    enabled: str | None
    result: str | None


class HostFiles(TypedDict):
    """What a host has of the files that are declared beside the daemon's configuration.

    ``differing`` and ``leftover`` are paths; ``leftover`` are those that Mooring has written and nobody declares.
    ``diff`` are entries of Ansible's diff without secrets. ``prune`` is None where no timer is declared, ``schedule``
    why the host does not take its schedule.
    """

    differing: list[str]
    leftover: list[str]
    diff: list[dict[str, str]]
    prune: Prune | None
    schedule: str | None


class Pending(TypedDict):
    """What the daemon has not applied yet."""

    action: str
    keys: list[str]
    reasons: list[str]


class OldDataRoot(TypedDict):
    """``size`` is what it takes, in bytes; None where nobody asked."""

    path: str
    size: int | None


class Configuration(TypedDict):
    """Fragments by name with their keys, keys of daemon.json, and the values of those that are addresses or TLS files.

    Other values may be secret.
    """

    error: str | None
    fragments: dict[str, list[str]]
    effective: list[str]
    stopped: list[str]
    edited: list[str]
    addresses: dict[str, Any]
    tls: dict[str, Any]
    pending: Pending | None
    old_data_root: OldDataRoot | None
    """What a move of the daemon's data to another data root has left, as long as it is there."""
    untested: bool
    """Whether a run ended before a container had run on what the daemon has read."""


class ForwardChain(TypedDict):
    """The chain FORWARD of iptables or ip6tables, with its ``policy``, None where nothing tells it.

    ``rules`` are those of others than Docker, as ``iptables -S`` lists them.
    """

    policy: str | None
    rules: list[str]


class NftablesBackend(TypedDict):
    """What a daemon finds whose rules are nftables'. ``configured`` tells whether daemon.json says so.

    ``nft`` is the program, None where there is none, and ``forward`` has the programs of iptables that there are.
    """

    configured: bool
    nft: str | None
    in_swarm: bool
    forward: dict[str, ForwardChain]


class PendingConfirmation(TypedDict):
    """Whose changes wait to be confirmed, and when and why the host last took one back."""

    armed: list[str]
    reverted: str | None


# Certificates -----------------------------------------------------------------------------------------


class Key(TypedDict):
    """A public key: ``type`` is "RSA", "DSA", "EC", "Ed25519", "Ed448" or "of an unknown type"."""

    type: str
    bits: int | None


class CertificateInBundle(TypedDict):
    """One of several certificates in a file. All but the digest are None where it cannot be read."""

    sha256: str
    subject: str | None
    issuer: str | None
    key_id: str | None
    authority_key_id: str | None
    key: Key | None


class Certificate(TypedDict):
    """See ``certificates.describe``."""

    sha256: str | None
    bundle: list[str]
    subject: str | None
    issuer: str | None
    serial_number: str | None
    names: list[str]
    extended_key_usage: list[str]
    key_id: str | None
    authority_key_id: str | None
    not_before: str | None
    not_after: str | None
    days_left: int | None
    key: Key | None
    contents: list[CertificateInBundle]


# Clients over SSH -------------------------------------------------------------------------------------


class SshAccount(TypedDict):
    """An account of clients; ``password`` and ``expires`` tell whether it has one, and whether it can expire."""

    groups: list[str]
    shell: str
    password: bool
    expires: bool


class Match(TypedDict):
    """A Match block of sshd's configuration, with the names of its settings."""

    where: str
    criteria: list[str]
    settings: list[str]


class SshConfiguration(TypedDict):
    """The Match blocks before and after the place of Mooring's."""

    before: list[Match]
    after: list[Match]
    is_included: bool


class SshTrial(TypedDict):
    """What sshd would say of itself with Mooring's drop-in."""

    settings: dict[str, list[str]]
    error: str | None


class Ssh(TypedDict):
    """See ``sshd.observe``."""

    accounts: dict[str, SshAccount]
    authorized_keys: str | None
    clients: list[str] | None
    has_home: bool
    guarded: bool
    drop_in: str | None
    loaded: bool | None
    pending: bool
    configuration: SshConfiguration
    listeners: list[str]
    settings: dict[str, list[str]]
    error: str | None
    trial: SshTrial | None
    host_keys: list[str]


# Bridges, and who is behind them ----------------------------------------------------------------------


class Passage(TypedDict):
    """What the packet filters do with the first packet of a connection.

    ``verdict`` is "accept", "drop" or "unknown", ``rule`` the one that decides, None where none does. ``to`` is the
    address and port that the packet is sent to instead, ``source`` whether its source is "kept", "translated", or
    "unknown".
    """

    verdict: str
    rule: str | None
    to: str | None
    source: str


class Connections(TypedDict):
    """How many connections the kernel keeps track of (conntrack), and how many it can."""

    count: int
    limit: int


class ContainerEnd(TypedDict):
    """An interface in a container's own network namespace. ``ifindex`` is its number there."""

    id: str
    name: str
    """Of the container, as is ``id``."""
    interface: str
    ifindex: int
    addresses: list[str]
    mac: str | None
    mtu: int
    up: bool


class ParentChild(ContainerEnd):
    """``kind`` is "macvlan" or "ipvlan"."""

    kind: str


class Parent(TypedDict):
    """An interface of the host that macvlan and ipvlan interfaces of containers sit on."""

    interface: str
    mtu: int
    mac: str | None
    children: list[ParentChild]


class BridgePort(TypedDict):
    """A port of a bridge; ``container`` is the end behind it, None where none is known.

    ``forwards`` tells whether the bridge lets frames through, ``isolated`` whether it keeps this port from others like
    it.
    """

    interface: str
    ifindex: int
    mac: str | None
    state: str
    up: bool
    forwards: bool | None
    isolated: bool | None
    mtu: int
    container: ContainerEnd | None


class Bridge(TypedDict):
    """``network``, ``network_id`` and ``driver`` are None for a bridge that is none of Docker's.

    ``arp`` tells whether the host asks for the link-layer addresses of those behind it, and answers for its own.

    ``within`` is what becomes of packets between its containers where iptables sees them, ``open_to`` of those to
    containers of other networks, by name. Both are of bridges with containers only.
    """

    name: str
    network: str | None
    network_id: str | None
    driver: str | None
    addresses: list[str]
    mtu: int
    mac: str | None
    state: str
    up: bool
    arp: bool
    forwarding: bool | None
    route_localnet: bool | None
    within: Passage | None
    open_to: dict[str, Passage]
    ports: list[BridgePort]


class Uplink(TypedDict):
    """A default route. ``family`` is "inet" or "inet6".

    ``forwarding`` tells whether IPv4 packets that come in by it are forwarded, ``strict`` whether only those are taken
    whose sender has its route back by it (rp_filter).
    """

    interface: str
    family: str
    gateway: str | None
    metric: int
    addresses: list[str]
    mtu: int
    mac: str | None
    forwarding: bool | None
    strict: bool | None


class Way(TypedDict):
    """Where the kernel leads a packet: by an ``interface``, or nowhere, for an ``error``."""

    interface: str | None
    error: str | None


class Lookup(TypedDict):
    """Where the kernel leads packets to and from a container's ``address``, by all rules and tables.

    ``from_host`` is of the host's own packets to it, ``inward`` of those that come in by the uplink, and ``outward`` of
    its own to machines elsewhere: the latter are None where there is no such uplink, or where it depends on marks.
    """

    address: str
    from_host: Way | None
    inward: Way | None
    outward: Way | None


class ContainerNetwork(TypedDict):
    """How a container is attached to a network, as the engine has it. Addresses are with prefix lengths.

    ``outbound`` is what becomes of its packets to machines elsewhere, ``outbound_ipv6`` of those over IPv6.
    """

    addresses: list[str]
    mac: str | None
    gateway: str | None
    outbound: Passage | None
    outbound_ipv6: Passage | None
    routes: list[Lookup]


class PublishedPort(TypedDict):
    """``nat`` and ``filter`` are rules of the kernel, as commands write them; ``proxy`` is docker-proxy's process.

    ``outside`` is what becomes of a packet from another machine, ``direct`` of one that it sends to the container's own
    address. None is for a port that no other machine reaches.
    """

    host_address: str
    host_port: int
    container_port: int
    protocol: str
    nat: list[str]
    filter: list[str]
    proxy: int | None
    outside: Passage | None
    direct: Passage | None


class Container(TypedDict):
    """``interfaces`` are its own without the loopback; None where it has no network of its own, or does not run.

    Also None is then: ``loopback``, whether its loopback is up; ``gateways``, those of its IPv4 routes; ``resolver``,
    whether the engine listens at 127.0.0.11 there; ``resolves``, whether a DNS request to it gets there, None where
    neither an answer nor a refusal came; ``nameservers``, those that it is told of; ``sandboxed``, whether the engine's
    handle leads to its network namespace. ``parent`` is the name of the process above it.
    """

    id: str
    name: str
    image: str
    state: str
    pid: int | None
    network_mode: str
    networks: dict[str, ContainerNetwork]
    interfaces: list[str] | None
    loopback: bool | None
    gateways: list[str] | None
    resolver: bool | None
    resolves: bool | None
    nameservers: list[str] | None
    sandboxed: bool | None
    parent: str | None
    published: list[PublishedPort]


class Bridges(TypedDict):
    """What ``bridge_info`` returns. ``error`` is what could not be observed.

    ``filters_bridged`` tells whether iptables sees packets between ports of a bridge, None where the kernel has no
    such thing. ``bypassed`` are the programs whose chain DOCKER-USER has rules and is never entered.
    """

    bridges: list[Bridge]
    networks: list[DockerNetwork]
    containers: list[Container]
    parents: list[Parent]
    uplinks: list[Uplink]
    connections: Connections | None
    filters_bridged: bool | None
    bypassed: list[str]
    engine_answers: bool
    error: str | None


class PathTest(TypedDict):
    """What became of connections between a host and a container that was started for them on docker0.

    ``to_container`` is why the host got none to the container's address, ``published`` why none to its port that was
    published on 127.0.0.1. ``outward`` is what machine the container did not reach, which the host did, and how.
    ``obstacle`` is why that could not be tried. Each is None for nothing.
    """

    to_container: str | None
    published: str | None
    outward: str | None
    obstacle: str | None


class ContainerTest(TypedDict):
    """How a container fares that was run to test it: ``problem`` is why none runs, ``obstacle`` why none was tried.

    ``path`` is None where none ran, or where there is no docker0.
    """

    problem: str | None
    obstacle: str | None
    path: PathTest | None


# Endpoints, from wherever they are reached -------------------------------------------------------------


class TlsSession(TypedDict):
    """What a client and a server have agreed on, in OpenSSL's words."""

    version: str | None
    cipher: str | None


class ProbedEndpoint(TypedDict):
    """What ``endpoint_info`` returns. None is for what was not asked, or could not be told."""

    url: str
    reachable: bool
    transport: str | None
    """"unix", "tls" or "plaintext"."""
    plaintext_accepted: bool | None
    client_certificate_required: bool | None
    trusted: bool | None
    authenticated: bool | None
    tls: TlsSession | None
    versions: dict[str, bool | None] | None
    ciphers: dict[str, list[str] | None] | None
    certificate: Certificate | None
    chain: list[Certificate] | None
    client_authorities: list[str] | None
    engine_version: str | None
    api_version: str | None
    min_api_version: str | None
    socket: Socket | None
    error: str | None


# All of it --------------------------------------------------------------------------------------------


class Host(TypedDict):
    """What ``host_info`` returns. Of another system than Linux there is only ``system``."""

    system: System
    clock: Clock
    packages: dict[str, Package]
    installation: Installation
    engine: Engine
    configuration: Configuration
    host_files: HostFiles
    certificates: dict[str, Certificate | None]
    files: dict[str, FileStatus]
    network: Network
    sysctls: Sysctls
    nftables: dict[str, FilterTable]
    nftables_backend: NftablesBackend | None
    confirm: PendingConfirmation
    bridge: dict[str, Any] | None
    users: dict[str, User | None]
    groups: dict[str, Group | None]
    listening: list[str]
    sockets: list[Socket]
    ssh: Ssh | None
