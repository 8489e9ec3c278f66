# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``daemon.json``: one row each, with what its value must be and how a change is applied.

A person adds a rule by adding a row. ``dockerd --validate`` checks types and unknown names where the version
has it; these rows hold on every version and also where dockerd lets nonsense pass. Sources: moby
``daemon/config/config.go`` and ``config_linux.go`` (names, types), ``daemon/reload.go``, ``reload_unix.go`` and
``cmd/dockerd/daemon.go`` (what SIGHUP applies), ``daemon/daemon_unix.go`` (what running containers hold), the
release notes of 23.0 to 29 (the version an option came with).
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils import _secrets, _values

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

    ``since`` and ``until`` are the engine versions that know the option, (major, minor). ``held`` options are left
    as they are by a start that finds containers running (live-restore): ``initNetworkController`` returns early.
    ``cuts`` tells that a change moves addresses or filters packets, and so can cut the line to the host. ``secret``
    visits what in a value is secret.
    """

    check: _values.Check
    reload: Reload | None = None
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (999, 0)
    held: bool = False
    cuts: bool = False
    secret: _secrets.Visitor = _secrets.by_name


OPTIONS: dict[str, Option] = {
    # The daemon
    "debug": Option(_values.boolean, reload=Reload("reloadDebug", False)),
    "experimental": Option(_values.boolean),
    "log-level": Option(_values.one_of("debug", "info", "warn", "error", "fatal")),
    "log-format": Option(_values.one_of("text", "json"), since=(25, 0)),
    "raw-logs": Option(_values.boolean),
    "labels": Option(_values.labels, reload=Reload("reloadLabels", [])),
    "live-restore": Option(_values.boolean, reload=Reload("reloadLiveRestore", False)),
    "shutdown-timeout": Option(_values.integer(-1, 86400), reload=Reload("reloadShutdownTimeout", 15)),
    "default-stop-timeout": Option(
        _values.integer(-1, 86400), reload=Reload("reloadDefaultStopTimeout", shown=False), since=(29, 4)
    ),
    "data-root": Option(_values.path),
    "exec-root": Option(_values.path),
    "pidfile": Option(_values.path),
    "features": Option(_values.mapping, reload=Reload("reloadFeatures", RESETS, shown=False)),
    "builder": Option(_values.mapping),
    "authorization-plugins": Option(_values.texts, reload=Reload("reloadConfig", RESETS, shown=False)),
    "node-generic-resources": Option(_values.texts),
    "metrics-addr": Option(_values.metrics_address),
    "swarm-default-advertise-addr": Option(_values.text),
    "swarm-raft-heartbeat-tick": Option(_values.integer(0, 2**31 - 1)),
    "swarm-raft-election-tick": Option(_values.integer(0, 2**31 - 1)),
    "network-diagnostic-port": Option(
        _values.integer(0, 65535), reload=Reload("reloadNetworkDiagnosticPort", RESETS, shown=False)
    ),
    "proxies": Option(_values.texts_mapping, since=(23, 0), secret=_secrets.addresses),
    "http-proxy": Option(_values.text, since=(23, 0), secret=_secrets.addresses),
    "https-proxy": Option(_values.text, since=(23, 0), secret=_secrets.addresses),
    "no-proxy": Option(_values.text, since=(23, 0)),
    # Who may talk to it
    "hosts": Option(_values.endpoint_list),
    "group": Option(_values.text),
    "tls": Option(_values.boolean),
    "tlsverify": Option(_values.boolean),
    "tlscacert": Option(_values.path),
    "tlscert": Option(_values.path),
    "tlskey": Option(_values.path),
    "api-cors-header": Option(_values.text, until=(28, 0)),
    # containerd and runtimes
    "containerd": Option(_values.path),
    "containerd-namespace": Option(_values.text),
    "containerd-plugin-namespace": Option(_values.text),
    "cri-containerd": Option(_values.boolean),
    "runtimes": Option(_values.mapping, reload=Reload("reloadPlatform", {}, shown=False)),
    "default-runtime": Option(_values.text, reload=Reload("reloadPlatform", "runc")),
    "cdi-spec-dirs": Option(_values.texts, since=(25, 0)),
    # What containers get
    "cgroup-parent": Option(_values.text),
    "cpu-rt-period": Option(_values.integer(0, 2**31 - 1)),
    "cpu-rt-runtime": Option(_values.integer(0, 2**31 - 1)),
    "default-cgroupns-mode": Option(_values.one_of("host", "private"), reload=Reload("reloadPlatform")),
    "default-init": Option(_values.text),
    "default-ipc-mode": Option(_values.one_of("private", "shareable"), reload=Reload("reloadPlatform", "private")),
    "default-shm-size": Option(
        lambda v: None if isinstance(v, (int, str)) and v else "must be a size",
        reload=Reload("reloadPlatform", "64M", shown=False),
    ),
    "default-ulimits": Option(_values.mapping),
    "exec-opts": Option(_values.texts),
    "init": Option(_values.boolean),
    "init-path": Option(_values.path),
    "log-driver": Option(_values.log_driver),
    "log-opts": Option(_values.texts_mapping, secret=_secrets.log_options),
    "no-new-privileges": Option(_values.boolean),
    "oom-score-adjust": Option(_values.integer(-1000, 1000), until=(25, 0)),
    "seccomp-profile": Option(_values.text),
    "selinux-enabled": Option(_values.boolean),
    "userns-remap": Option(_values.text),
    # Images and storage
    "storage-driver": Option(
        _values.one_of(
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
    "storage-opts": Option(_values.texts),
    "insecure-registries": Option(
        _values.texts, reload=Reload("reloadInsecureRegistries", []), secret=_secrets.addresses
    ),
    "registry-mirrors": Option(_values.texts, reload=Reload("reloadRegistryMirrors", []), secret=_secrets.addresses),
    "allow-nondistributable-artifacts": Option(
        _values.texts,
        reload=Reload("reloadAllowNondistributableArtifacts", []),
        until=(28, 0),
        secret=_secrets.addresses,
    ),
    "max-concurrent-downloads": Option(
        _values.integer(1, 10000), reload=Reload("reloadMaxConcurrentDownloadsAndUploads", RESETS)
    ),
    "max-concurrent-uploads": Option(
        _values.integer(1, 10000), reload=Reload("reloadMaxConcurrentDownloadsAndUploads", RESETS)
    ),
    "max-download-attempts": Option(_values.integer(1, 10000), reload=Reload("reloadMaxDownloadAttempts", RESETS)),
    # The default bridge
    "bridge": Option(_values.text, held=True, cuts=True),
    "bip": Option(_values.interface_address(4), held=True, cuts=True),
    "bip6": Option(_values.interface_address(6), since=(28, 0), held=True, cuts=True),
    "fixed-cidr": Option(_values.network(4), held=True, cuts=True),
    "fixed-cidr-v6": Option(_values.network(6), held=True, cuts=True),
    "default-gateway": Option(_values.address(4), held=True, cuts=True),
    "default-gateway-v6": Option(_values.address(6), held=True, cuts=True),
    "mtu": Option(_values.integer(68, 65535), held=True),
    "icc": Option(_values.boolean, held=True),
    "ip": Option(_values.address(), held=True),
    "ipv6": Option(_values.boolean, held=True, cuts=True),
    "ip-forward": Option(_values.boolean, cuts=True),
    "ip-forward-no-drop": Option(_values.boolean, since=(28, 0), cuts=True),
    "ip-masq": Option(_values.boolean, held=True, cuts=True),
    "iptables": Option(_values.boolean, cuts=True),
    "ip6tables": Option(_values.boolean, cuts=True),
    "allow-direct-routing": Option(_values.boolean, since=(28, 2), cuts=True),
    "bridge-accept-fwmark": Option(_values.fwmark, since=(28, 3), cuts=True),
    "firewall-backend": Option(_values.one_of("iptables", "nftables"), since=(29, 0), cuts=True),
    "userland-proxy": Option(_values.boolean),
    "userland-proxy-path": Option(_values.path),
    # All networks
    "default-address-pools": Option(_values.pools, cuts=True),
    "default-network-opts": Option(_values.driver_options, since=(24, 0)),
    "network-control-plane-mtu": Option(_values.integer(0, 65535)),
    "dns": Option(_values.addresses),
    "dns-opts": Option(_values.texts),
    "dns-search": Option(_values.texts),
    "host-gateway-ip": Option(_values.address()),
    "host-gateway-ips": Option(_values.addresses, since=(28, 2)),
    "resolv-conf": Option(_values.path),
}


def _secret(key: str) -> _secrets.Visitor:
    """What visits the secrets of an option, known or not."""
    option = OPTIONS.get(key)
    return option.secret if option else functools.partial(_secrets.by_name, name=key)


def secrets(config: Config) -> set[str]:
    """All that is secret in ``config``."""
    return {secret for key, value in config.items() for secret in _secrets.secrets(value, _secret(key))}


def concealed(config: Config) -> Config:
    """``config`` to be shown, without its secrets."""
    return {key: _secrets.concealed(value, _secret(key)) for key, value in config.items()}


def compared(before: Config, after: Config) -> Config:
    """``after`` to be shown beside the concealed ``before``, without secrets, but with a mark where one is another."""
    return {key: _secrets.compared(before.get(key), value, _secret(key)) for key, value in after.items()}


def short(key: str, value: Any, beside: Any = None) -> str:
    """The value of an option as JSON, without its secrets, cut to a length that fits in a message.

    What it has other secrets than, in the same message, is ``beside``.
    """
    text = json.dumps(_secrets.compared(beside, value, _secret(key)), sort_keys=True)
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
