# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``daemon.json``: one row each, with what its value must be and how a change is applied.

A person adds a rule by adding a row. ``dockerd --validate`` checks types and unknown names where the version
has it; these rows hold on every version and also where dockerd lets nonsense pass. Sources: moby
``daemon/config/config.go`` and ``config_linux.go`` (names, types), ``daemon/reload.go`` and
``reload_unix.go`` (what SIGHUP applies), the release notes of 23.0 to 29 (the version an option came with).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Callable, Optional

Check = Callable[[Any], Optional[str]]


@dataclass(frozen=True)
class Option:
    """One option: ``check`` returns what is wrong with a value, ``reload`` whether SIGHUP applies a change.

    ``since`` and ``reload_since`` are engine versions, (major, minor); (0, 0) is older than all supported.
    """

    check: Check
    reload: bool = False
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (999, 0)
    reload_since: tuple[int, int] = (0, 0)


# Values ------------------------------------------------------------------------------------------


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a text that is not empty"


def _integer(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return f"must be a whole number from {low} to {high}"
        return None

    return check


def _one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else "must be one of " + ", ".join(choices)


def _texts(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return None
    return "must be a list of texts"


def _labels(value: Any) -> str | None:
    problem = _texts(value)
    if problem is None and any("=" not in item for item in value):
        problem = "must be a list of key=value"
    return problem


def _mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be a mapping"


def _texts_mapping(value: Any) -> str | None:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return None
    return "must be a mapping whose values are texts (write numbers and booleans in quotes)"


def _path(value: Any) -> str | None:
    return None if isinstance(value, str) and value.startswith("/") else "must be an absolute path"


def _address(version: int = 0) -> Check:
    def check(value: Any) -> str | None:
        try:
            found = ipaddress.ip_address(value if isinstance(value, str) else "")
        except ValueError:
            return f"must be an IP{f'v{version}' if version else ''} address"
        return f"must be an IPv{version} address" if version and found.version != version else None

    return check


def _interface_address(version: int) -> Check:
    """An address with its prefix length, as ``ip address add`` takes it, that a bridge can really have."""
    example = "172.30.0.1/24" if version == 4 else "fd00:30::1/64"

    def check(value: Any) -> str | None:
        wanted = f"must be an IPv{version} address with its prefix length, such as {example}"
        if not isinstance(value, str) or "/" not in value:
            return wanted
        try:
            interface = ipaddress.ip_interface(value)
        except ValueError:
            return wanted
        if interface.version != version or "." in value.partition("/")[2]:
            return wanted
        network = interface.network
        if network.num_addresses < 4:
            return f"{wanted}: a /{network.prefixlen} has no room for containers"
        if interface.ip == network.network_address:
            return f"{wanted}: {value} is the network itself, not an address in it"
        if version == 4 and interface.ip == network.broadcast_address:
            return f"{wanted}: {value} is the broadcast address"
        if interface.is_loopback or interface.is_multicast or interface.is_unspecified:
            return f"{wanted}: {value} is loopback, multicast or unspecified"
        return None

    return check


def _network(version: int) -> Check:
    def check(value: Any) -> str | None:
        wanted = f"must be an IPv{version} network such as " + ("172.30.0.0/25" if version == 4 else "fd00:30::/80")
        if not isinstance(value, str) or "/" not in value:
            return wanted
        try:
            network = ipaddress.ip_network(value)
        except ValueError as error:
            return f"{wanted} ({error})"
        return None if network.version == version else wanted

    return check


def _addresses(value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list of IP addresses"
    return next((f"{item!r} is no IP address" for item in value if _address()(item)), None)


def _pools(value: Any) -> str | None:
    """moby ``libnetwork/ipamutils``: each pool is cut into networks of ``size`` bits."""
    wanted = "must be a list of {base: 10.200.0.0/16, size: 24}"
    if not isinstance(value, list):
        return wanted
    networks: list[Any] = []
    for pool in value:
        if not isinstance(pool, dict) or set(pool) != {"base", "size"}:
            return wanted
        try:
            base = ipaddress.ip_network(pool["base"])
        except (ValueError, TypeError) as error:
            return f"{wanted} ({error})"
        size = pool["size"]
        if isinstance(size, bool) or not isinstance(size, int) or not base.prefixlen <= size <= base.max_prefixlen - 2:
            return (
                f"pool {pool['base']} has size {size!r}: it must be a prefix length from "
                f"{base.prefixlen} to {base.max_prefixlen - 2}"
            )
        clash = next((n for n in networks if n.version == base.version and n.overlaps(base)), None)
        if clash is not None:
            return f"pools {clash} and {base} overlap"
        networks.append(base)
    return None


def _endpoint_list(value: Any) -> str | None:
    # Syntax only: who may listen without TLS is a rule over several options, see _rules.
    from ansible_collections.mooring.docker.plugins.module_utils._endpoints import problems

    found = problems(value, tls=True, plaintext_loopback=True)
    return found[0] if found else None


def _metrics_address(value: Any) -> str | None:
    match = re.match(r"^(.+):(\d{1,5})$", value) if isinstance(value, str) else None
    return None if match and 1 <= int(match[2]) <= 65535 else "must be ADDRESS:PORT"


_LOG_DRIVERS = _one_of(
    "none", "local", "json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "gcplogs",
    "etwlogs", "logentries",
)  # fmt: skip


def _log_driver(value: Any) -> str | None:
    # A logging plugin has a name of its own, name:tag or owner/name (docs.docker.com, plugins).
    if isinstance(value, str) and re.match(r"^[a-z0-9][\w.-]*(/[\w.-]+)?:[\w.-]+$|^[\w.-]+/[\w.-]+$", value):
        return None
    return _LOG_DRIVERS(value)


OPTIONS: dict[str, Option] = {
    # The daemon
    "debug": Option(_boolean, reload=True),
    "experimental": Option(_boolean),
    "log-level": Option(_one_of("debug", "info", "warn", "error", "fatal")),
    "log-format": Option(_one_of("text", "json"), since=(25, 0)),
    "raw-logs": Option(_boolean),
    "labels": Option(_labels, reload=True),
    "live-restore": Option(_boolean, reload=True),
    "shutdown-timeout": Option(_integer(-1, 86400), reload=True),
    "default-stop-timeout": Option(_integer(-1, 86400), reload=True, since=(29, 4)),
    "data-root": Option(_path),
    "exec-root": Option(_path),
    "pidfile": Option(_path),
    "features": Option(_mapping, reload=True, reload_since=(18, 9)),
    "builder": Option(_mapping),
    "authorization-plugins": Option(_texts, reload=True),
    "node-generic-resources": Option(_texts),
    "metrics-addr": Option(_metrics_address),
    "swarm-default-advertise-addr": Option(_text),
    "swarm-raft-heartbeat-tick": Option(_integer(0, 2**31 - 1)),
    "swarm-raft-election-tick": Option(_integer(0, 2**31 - 1)),
    "network-diagnostic-port": Option(_integer(0, 65535), reload=True),
    "proxies": Option(_texts_mapping, since=(23, 0)),
    "http-proxy": Option(_text, since=(23, 0)),
    "https-proxy": Option(_text, since=(23, 0)),
    "no-proxy": Option(_text, since=(23, 0)),
    # Who may talk to it
    "hosts": Option(_endpoint_list),
    "group": Option(_text),
    "tls": Option(_boolean),
    "tlsverify": Option(_boolean),
    "tlscacert": Option(_path),
    "tlscert": Option(_path),
    "tlskey": Option(_path),
    "api-cors-header": Option(_text, until=(28, 0)),
    # containerd and runtimes
    "containerd": Option(_path),
    "containerd-namespace": Option(_text),
    "containerd-plugin-namespace": Option(_text),
    "cri-containerd": Option(_boolean),
    "runtimes": Option(_mapping, reload=True),
    "default-runtime": Option(_text, reload=True),
    "cdi-spec-dirs": Option(_texts, since=(25, 0)),
    # What containers get
    "cgroup-parent": Option(_text),
    "cpu-rt-period": Option(_integer(0, 2**31 - 1)),
    "cpu-rt-runtime": Option(_integer(0, 2**31 - 1)),
    "default-cgroupns-mode": Option(_one_of("host", "private"), reload=True, reload_since=(23, 0)),
    "default-init": Option(_text),
    "default-ipc-mode": Option(_one_of("private", "shareable"), reload=True),
    "default-shm-size": Option(lambda v: None if isinstance(v, (int, str)) and v else "must be a size", reload=True),
    "default-ulimits": Option(_mapping),
    "exec-opts": Option(_texts),
    "init": Option(_boolean),
    "init-path": Option(_path),
    "log-driver": Option(_log_driver),
    "log-opts": Option(_texts_mapping),
    "no-new-privileges": Option(_boolean),
    "oom-score-adjust": Option(_integer(-1000, 1000), until=(25, 0)),
    "seccomp-profile": Option(_text),
    "selinux-enabled": Option(_boolean),
    "userns-remap": Option(_text),
    # Images and storage
    "storage-driver": Option(
        _one_of(
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
    "storage-opts": Option(_texts),
    "insecure-registries": Option(_texts, reload=True),
    "registry-mirrors": Option(_texts, reload=True),
    "allow-nondistributable-artifacts": Option(_texts, reload=True),
    "max-concurrent-downloads": Option(_integer(1, 10000), reload=True),
    "max-concurrent-uploads": Option(_integer(1, 10000), reload=True),
    "max-download-attempts": Option(_integer(1, 10000), reload=True),
    # The default bridge
    "bridge": Option(_text),
    "bip": Option(_interface_address(4)),
    "bip6": Option(_interface_address(6), since=(28, 0)),
    "fixed-cidr": Option(_network(4)),
    "fixed-cidr-v6": Option(_network(6)),
    "default-gateway": Option(_address(4)),
    "default-gateway-v6": Option(_address(6)),
    "mtu": Option(_integer(68, 65535)),
    "icc": Option(_boolean),
    "ip": Option(_address()),
    "ipv6": Option(_boolean),
    "ip-forward": Option(_boolean),
    "ip-forward-no-drop": Option(_boolean, since=(28, 0)),
    "ip-masq": Option(_boolean),
    "iptables": Option(_boolean),
    "ip6tables": Option(_boolean),
    "allow-direct-routing": Option(_boolean, since=(28, 2)),
    "bridge-accept-fwmark": Option(_text, since=(28, 3)),
    "firewall-backend": Option(_one_of("iptables", "nftables"), since=(29, 0)),
    "userland-proxy": Option(_boolean),
    "userland-proxy-path": Option(_path),
    # All networks
    "default-address-pools": Option(_pools),
    "default-network-opts": Option(_mapping, since=(24, 0)),
    "network-control-plane-mtu": Option(_integer(0, 65535)),
    "dns": Option(_addresses),
    "dns-opts": Option(_texts),
    "dns-search": Option(_texts),
    "host-gateway-ip": Option(_address()),
    "host-gateway-ips": Option(_addresses, since=(28, 2)),
    "resolv-conf": Option(_path),
}


def needs_restart(keys: set[str], version: tuple[int, int]) -> set[str]:
    """Those of the changed ``keys`` that SIGHUP does not apply on an engine of ``version``."""
    return {key for key in keys if key not in OPTIONS or not OPTIONS[key].reload or version < OPTIONS[key].reload_since}
