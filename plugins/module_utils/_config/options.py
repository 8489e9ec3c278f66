# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``daemon.json``: one row each, with what its value must be and how a change is applied.

A person adds a rule by adding a row. ``dockerd --validate`` checks types and unknown names where the version
has it; these rows hold on every version and also where dockerd lets nonsense pass. Sources: moby
``daemon/config/config.go`` and ``config_linux.go`` (names, types), ``daemon/command/config.go`` and ``config_unix.go``,
before 29 in ``cmd/dockerd`` (flags), ``daemon/reload.go``, ``reload_unix.go`` and ``daemon/command/daemon.go`` (what
SIGHUP applies), ``daemon/daemon_unix.go`` (what running containers hold). The versions an option came and went with are
those of the tags from v20.10.0 to docker-v29.7.2 whose struct and flags have it. The struct has fields without a flag:
``proxies``, ``builder``, ``min-api-version``, before 27 ``features``, and those of ``option_names.UNUSABLE``.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from . import container_values, option_names, redaction, remote_values, values

Config = dict[str, Any]

RESETS = object()
"""SIGHUP brings an option that is gone from the file back to its default by itself."""


@dataclass(frozen=True)
class Reload:
    """SIGHUP applies a change, by moby's function ``source``.

    Most of these functions look at an option only where the file has it, so one that is gone from it stays as it
    was. ``default`` is then what to say in its place once; None where that depends on the host, so that only a
    restart helps. ``shown`` tells whether the daemon's "reload" event has the value in a form that compares.
    """

    source: str
    default: Any = None
    shown: bool = True


@dataclass(frozen=True)
class Option:
    """One option: ``check`` returns what is wrong with a value, ``reload`` how SIGHUP applies a change, if it does.

    ``since`` and ``until`` are the engine versions that know the option, (major, minor); ``instead`` tells what to do
    after ``until``. A start that finds containers
    running (live-restore) leaves options with ``needs_no_containers`` as they are: ``initNetworkController`` returns
    early. A change of an option with ``affects_connectivity`` moves addresses or filters packets, and so can cost the
    connection to the host. ``secret`` visits what in a value is secret.
    """

    check: values.Check
    reload: Reload | None = None
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (999, 0)
    instead: str = ""
    needs_no_containers: bool = False
    affects_connectivity: bool = False
    secret: redaction.Visitor = redaction.by_name


OPTIONS: dict[str, Option] = {
    # The daemon
    "debug": Option(values.boolean, reload=Reload("reloadDebug", False)),
    "experimental": Option(values.boolean),
    "log-level": Option(values.one_of("trace", "debug", "info", "warn", "error", "fatal", "panic")),
    "log-format": Option(values.one_of("text", "json"), since=(25, 0)),
    "raw-logs": Option(values.boolean),
    "labels": Option(values.labels, reload=Reload("reloadLabels", [])),
    "live-restore": Option(values.boolean, reload=Reload("reloadLiveRestore", False)),
    "shutdown-timeout": Option(values.integer(-1, 86400), reload=Reload("reloadShutdownTimeout", 15)),
    "default-stop-timeout": Option(
        values.integer(0, 2**31 - 1), reload=Reload("reloadDefaultStopTimeout", shown=False), since=(29, 7)
    ),
    "data-root": Option(values.data_root),
    "exec-root": Option(values.path),
    "pidfile": Option(values.path),
    "features": Option(values.switches, reload=Reload("reloadFeatures", RESETS, shown=False)),
    "builder": Option(container_values.builder),
    "authorization-plugins": Option(values.texts, reload=Reload("reloadConfig", RESETS, shown=False)),
    "node-generic-resources": Option(container_values.generic_resources),
    "metrics-addr": Option(values.metrics_address),
    "swarm-default-advertise-addr": Option(values.text),
    "network-diagnostic-port": Option(
        values.integer(0, 65535), reload=Reload("reloadNetworkDiagnosticPort", RESETS, shown=False)
    ),
    "proxies": Option(remote_values.proxies, since=(23, 0), secret=redaction.addresses),
    "min-api-version": Option(values.api_version, since=(29, 0)),
    "nri-opts": Option(container_values.nri_options, reload=Reload("reloadNRI", RESETS, shown=False), since=(29, 2)),
    "rootless": Option(values.unless_rootless),
    "cluster-advertise": Option(values.text, until=(23, 0), instead="docker swarm init"),
    "cluster-store": Option(values.text, until=(23, 0), instead="docker swarm init"),
    "cluster-store-opts": Option(values.texts_mapping, until=(23, 0), instead="docker swarm init"),
    "deprecated-key-path": Option(values.text, until=(23, 0)),
    "graph": Option(values.data_root, until=(23, 0), instead="data-root"),
    # Who may talk to it
    "hosts": Option(values.endpoint_list),
    "group": Option(values.text),
    "tls": Option(values.boolean),
    "tlsverify": Option(values.boolean),
    "tlscacert": Option(values.path),
    "tlscert": Option(values.path),
    "tlskey": Option(values.path),
    "api-cors-header": Option(values.text, until=(28, 0), instead="a reverse proxy"),
    # containerd and runtimes
    "containerd": Option(values.containerd_address),
    "containerd-namespace": Option(values.text),
    "cri-containerd": Option(values.boolean),
    "runtimes": Option(container_values.runtimes, reload=Reload("reloadPlatform", {}, shown=False)),
    "default-runtime": Option(values.text, reload=Reload("reloadPlatform", "runc")),
    "cdi-spec-dirs": Option(values.texts, since=(25, 0)),
    # What containers get
    "cgroup-parent": Option(values.text),
    "cpu-rt-period": Option(values.integer(0, 2**31 - 1)),
    "cpu-rt-runtime": Option(values.integer(0, 2**31 - 1)),
    "default-cgroupns-mode": Option(values.one_of("host", "private"), reload=Reload("reloadPlatform")),
    "default-ipc-mode": Option(values.one_of("private", "shareable"), reload=Reload("reloadPlatform", "private")),
    "default-shm-size": Option(
        container_values.shm_size,
        reload=Reload("reloadPlatform", "64M", shown=False),
    ),
    "default-ulimits": Option(container_values.ulimits),
    "exec-opts": Option(values.each_text(container_values.exec_option)),
    "init": Option(values.boolean),
    "init-path": Option(values.path),
    "log-driver": Option(values.log_driver),
    "log-opts": Option(values.texts_mapping, secret=redaction.log_options),
    "no-new-privileges": Option(values.boolean),
    "oom-score-adjust": Option(
        values.integer(-1000, 1000), until=(25, 0), instead="OOMScoreAdjust= in a drop-in of docker.service"
    ),
    "seccomp-profile": Option(values.seccomp_profile),
    "selinux-enabled": Option(values.boolean),
    "userns-remap": Option(values.userns_remap),
    # Images and storage
    "storage-driver": Option(
        values.one_of(
            "overlay2",
            "fuse-overlayfs",
            "btrfs",
            "zfs",
            "vfs",
            "aufs",
            "devicemapper",
            "overlay",
            "overlayfs",
            "native",
        )
    ),
    "storage-opts": Option(values.each_text(container_values.storage_option)),
    "insecure-registries": Option(
        values.each_text(remote_values.insecure_registry),
        reload=Reload("reloadInsecureRegistries", []),
        secret=redaction.addresses,
    ),
    "registry-mirrors": Option(
        values.each_text(remote_values.registry_mirror),
        reload=Reload("reloadRegistryMirrors", []),
        secret=redaction.addresses,
    ),
    "allow-nondistributable-artifacts": Option(
        values.texts,
        reload=Reload("reloadAllowNondistributableArtifacts", []),
        until=(28, 0),
        secret=redaction.addresses,
    ),
    "max-concurrent-downloads": Option(
        values.integer(1, 10000), reload=Reload("reloadMaxConcurrentDownloadsAndUploads", RESETS)
    ),
    "max-concurrent-uploads": Option(
        values.integer(1, 10000), reload=Reload("reloadMaxConcurrentDownloadsAndUploads", RESETS)
    ),
    "max-download-attempts": Option(values.integer(1, 10000), reload=Reload("reloadMaxDownloadAttempts", RESETS)),
    # The default bridge
    "bridge": Option(values.interface, needs_no_containers=True, affects_connectivity=True),
    "bip": Option(values.interface_address(4), needs_no_containers=True, affects_connectivity=True),
    "bip6": Option(values.interface_address(6), since=(28, 0), needs_no_containers=True, affects_connectivity=True),
    "fixed-cidr": Option(values.network(4), needs_no_containers=True, affects_connectivity=True),
    "fixed-cidr-v6": Option(values.network(6), needs_no_containers=True, affects_connectivity=True),
    "default-gateway": Option(values.address(4), needs_no_containers=True, affects_connectivity=True),
    "default-gateway-v6": Option(values.address(6), needs_no_containers=True, affects_connectivity=True),
    "mtu": Option(values.integer(68, 65535), needs_no_containers=True),
    "icc": Option(values.boolean, needs_no_containers=True),
    "ip": Option(values.address(), needs_no_containers=True),
    "ipv6": Option(values.boolean, needs_no_containers=True, affects_connectivity=True),
    "ip-forward": Option(values.boolean, affects_connectivity=True),
    "ip-forward-no-drop": Option(values.boolean, since=(28, 0), affects_connectivity=True),
    "ip-masq": Option(values.boolean, needs_no_containers=True, affects_connectivity=True),
    "iptables": Option(values.boolean, affects_connectivity=True),
    "ip6tables": Option(values.boolean, affects_connectivity=True),
    "allow-direct-routing": Option(values.boolean, since=(28, 2), affects_connectivity=True),
    "bridge-accept-fwmark": Option(values.fwmark, since=(29, 0), affects_connectivity=True),
    "firewall-backend": Option(values.one_of("iptables", "nftables"), since=(29, 0), affects_connectivity=True),
    "userland-proxy": Option(values.boolean),
    "userland-proxy-path": Option(values.path),
    # All networks
    "default-address-pools": Option(values.pools, affects_connectivity=True),
    "default-network-opts": Option(remote_values.network_options, since=(24, 0)),
    "network-control-plane-mtu": Option(values.integer(0, 65535)),
    "dns": Option(values.addresses),
    "dns-opts": Option(values.each_text(remote_values.dns_option)),
    "dns-search": Option(values.each_text(remote_values.search_domain)),
    "host-gateway-ip": Option(values.address()),
    "host-gateway-ips": Option(remote_values.host_gateways, since=(28, 0)),
}


def _secret(key: str) -> redaction.Visitor:
    """What visits the secrets of an option, known or not."""
    option = OPTIONS.get("proxies" if key in option_names.PROXIES else key)
    return option.secret if option else functools.partial(redaction.by_name, name=key)


def secrets(config: Config) -> set[str]:
    """All that is secret in ``config``."""
    return {secret for key, value in config.items() for secret in redaction.secrets(value, _secret(key))}


def concealed(config: Config) -> Config:
    """``config`` to be shown, without its secrets."""
    return {key: redaction.concealed(value, _secret(key)) for key, value in config.items()}


def compared(before: Config, after: Config) -> Config:
    """``after`` to be shown beside the concealed ``before``, without secrets, but with a mark where one is another."""
    return {key: redaction.compared(before.get(key), value, _secret(key)) for key, value in after.items()}


def short(key: str, value: Any, beside: Any = None) -> str:
    """The value of an option as JSON, without its secrets, cut to a length that fits in a message.

    What it has other secrets than, in the same message, is ``beside``.
    """
    text = json.dumps(redaction.compared(beside, value, _secret(key)), sort_keys=True)
    return text if len(text) <= 60 else text[:57] + "..."


def changed_keys(before: Config, after: Config) -> set[str]:
    """The keys whose values differ, a key that only one side has included."""
    return {
        key
        for key in before.keys() | after.keys()
        if key not in before or key not in after or before[key] != after[key]
    }


def needs_restart(before: Config, after: Config, version: tuple[int, int]) -> set[str]:
    """Those of the keys that differ whose change SIGHUP does not apply on an engine of ``version``."""
    return {key for key in changed_keys(before, after) if not _reloads(key, key in after, version)}


def _reloads(key: str, declared: bool, version: tuple[int, int]) -> bool:
    option = OPTIONS.get(key)
    if option is None or option.reload is None or not option.since <= version < option.until:
        return False
    return declared or option.reload.default is not None


def said_once(before: Config, after: Config) -> Config:
    """The defaults to say once, for options that are gone and that SIGHUP would leave as they were."""
    rows = {key: OPTIONS[key].reload for key in set(before) - set(after) if key in OPTIONS}
    return {key: row.default for key, row in rows.items() if row and row.default not in (None, RESETS)}
