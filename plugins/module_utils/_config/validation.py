# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a daemon configuration, in sentences; empty when it can be applied.

Two readers: the controller, before anything is sent (no engine version, no files), and the host, which knows
its engine. dockerd accepts much of what is refused here and then dies or ignores it, see ``options``. What depends on
the host is in ``host_values``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Callable, Optional

from . import log_options, option_names
from .container_values import cgroup_driver, is_shim, storage_of_another
from .endpoints import EndpointError, parse
from .options import OPTIONS, concealed, secrets
from .redaction import scrubbed
from .remote_values import mirror_path_problem
from .structures import field

Config = dict[str, Any]
Version = Optional[tuple[int, int]]


def _fixed_range(config: Config, key: str, address_key: str) -> str | None:
    if key not in config or address_key not in config:
        return None
    fixed = ipaddress.ip_network(config[key])
    network = ipaddress.ip_interface(config[address_key]).network
    if fixed.version == network.version and fixed.subnet_of(network):  # type: ignore[arg-type]
        return None
    return f"{key} {fixed} lies outside {address_key} {config[address_key]}"


def _gateway(config: Config, key: str, address_key: str) -> str | None:
    if key not in config or address_key not in config:
        return None
    network = ipaddress.ip_interface(config[address_key]).network
    if ipaddress.ip_address(config[key]) in network:
        return None
    return f"{key} {config[key]} lies outside {address_key} {config[address_key]}"


_OF_DOCKER0 = ("bip", "bip6", "fixed-cidr", "fixed-cidr-v6", "default-gateway", "default-gateway-v6")


def _bridge_none(config: Config) -> str | None:
    if config.get("bridge") in (None, "none"):
        clash = [key for key in _OF_DOCKER0 if key in config]
        if config.get("bridge") == "none" and clash:
            return f"bridge none leaves no docker0 for {', '.join(clash)}"
        return None
    for key in ("bip", "bip6"):
        if key in config:
            return f"bridge and {key} exclude each other: dockerd leaves a bridge of yours as it is"
    return None


def _pool_on_bridge(config: Config) -> str | None:
    if "bip" not in config:
        return None
    bridge = ipaddress.ip_interface(config["bip"]).network
    for pool in config.get("default-address-pools", []):
        base = ipaddress.ip_network(pool["base"])
        if base.version == bridge.version and base.subnet_of(bridge):  # type: ignore[arg-type]
            return f"default-address-pools: {base} lies inside docker0's {bridge}, no network is left"
    return None


def _ipv6_range(config: Config) -> str | None:
    if config.get("fixed-cidr-v6") and config.get("ipv6") is not True:
        return "fixed-cidr-v6 has no effect without ipv6: true"
    return None


def _default_runtime(config: Config) -> str | None:
    # moby, daemon/runtime_unix.go: "runc" is built in, and names like io.containerd.runsc.v1 are looked up in the PATH.
    name = config.get("default-runtime")
    if name in (None, "runc") or name in config.get("runtimes", {}) or is_shim(str(name)):
        return None
    return f"default-runtime {name} is not one of the runtimes: {', '.join(['runc', *config.get('runtimes', {})])}"


def _runtime_type(config: Config, version: Version) -> str | None:
    """Runtimes by their type came with 24.0; before, dockerd takes an empty path and no container starts."""
    typed = [name for name, one in config.get("runtimes", {}).items() if field(one, "runtimeType")]
    if typed and version and version < (24, 0):
        return f"runtimes {typed[0]}: engine {version[0]}.{version[1]} knows no runtimeType; give a path"
    return None


def _log_options(config: Config, version: Version, whole: bool) -> Iterable[str]:
    """``whole`` tells that the driver is dockerd's default where none is declared."""
    driver, options = config.get("log-driver"), config.get("log-opts")
    if options is None and not whole:
        return
    if driver is None and not whole:
        found = log_options.value_problems(options or {})
    else:
        found = log_options.problems(driver or "json-file", options or {}, version)
    for problem in found:
        yield f"log-opts {problem}"
    if driver == "logentries" and version and version >= (25, 0):
        yield f"log-driver logentries: engine {version[0]}.{version[1]} has no such driver, for its service has ended"


def _cgroup_parent(config: Config) -> str | None:
    """moby, daemon/daemon_unix.go (verifyDaemonSettings), where the driver is declared."""
    parent = config.get("cgroup-parent", "")
    if parent and cgroup_driver(config) == "systemd" and not is_slice(parent):
        return f"cgroup-parent {parent}: with the cgroup driver systemd it must be a slice, such as docker-apps.slice"
    return None


def is_slice(name: str) -> bool:
    """Whether systemd would take it as the name of a slice (moby, verifyDaemonSettings)."""
    return len(name) > len(".slice") and name.endswith(".slice")


def _icc(config: Config) -> str | None:
    """moby, daemon/daemon_unix.go (verifyDaemonSettings)."""
    if config.get("icc") is False and config.get("iptables") is False:
        return "icc false needs iptables, by which it is enforced: take one of them out"
    return None


def _namespace(config: Config) -> str | None:
    if config.get("containerd-namespace") == "plugins.moby":
        return "containerd-namespace plugins.moby is the one of Docker's plugins: choose another"
    return None


def _gateway_names(config: Config) -> str | None:
    if "host-gateway-ip" in config and "host-gateway-ips" in config:
        return "host-gateway-ip is the old name of host-gateway-ips: take it out"
    return None


def _exec_root(config: Config) -> str | None:
    if "data-root" in config and config.get("exec-root") == config["data-root"]:
        return f"exec-root and data-root are both {config['data-root']}: dockerd needs two directories"
    return None


def _tls(config: Config) -> str | None:
    tcp = []
    for url in config.get("hosts", []):
        try:
            endpoint = parse(url)
        except EndpointError:
            continue
        if endpoint.scheme == "tcp":
            tcp.append(endpoint)
    open_to_all = [endpoint.url for endpoint in tcp if not endpoint.is_loopback]
    if open_to_all and config.get("tlsverify") is not True:
        return f"hosts: {open_to_all[0]} without tlsverify gives root on the host to all who can reach it"
    if config.get("tlsverify") is True:
        missing = [key for key in ("tlscacert", "tlscert", "tlskey") if key not in config]
        if missing:
            return f"tlsverify needs {', '.join(missing)}"
    return None


# Each rule looks at options that passed their own checks.
RULES: tuple[Callable[[Config], str | None], ...] = (
    lambda config: _fixed_range(config, "fixed-cidr", "bip"),
    lambda config: _fixed_range(config, "fixed-cidr-v6", "bip6"),
    lambda config: _gateway(config, "default-gateway", "bip"),
    lambda config: _gateway(config, "default-gateway-v6", "bip6"),
    _bridge_none,
    _pool_on_bridge,
    _ipv6_range,
    _tls,
    storage_of_another,
    _cgroup_parent,
    _icc,
    _namespace,
    _gateway_names,
    _exec_root,
)

OF_VERSIONS: tuple[Callable[[Config, Version], str | None], ...] = (_runtime_type, mirror_path_problem)
"""Rules that depend on the engine's version."""


def problems(
    config: Config,
    version: Version = None,
    names: dict[str, str] | None = None,
    in_swarm: bool = False,
    whole: bool = True,
) -> list[str]:
    """What is wrong with ``config``, one sentence each, the offending option first.

    ``version`` is the engine's (major, minor) where it is known; without it the age of an option is not
    judged. ``names`` are the operator's own words for options, where they differ. ``in_swarm`` tells that the host
    is a node of a swarm. ``whole`` is False for one owner's share, to which a host may add what the share refers to.
    """
    found = []
    names = names or {}
    for key in sorted(config, key=str):
        option, name = OPTIONS.get(key), names.get(key, key)
        if option is None:
            found.append(f"{name}: {option_names.unknown(key, OPTIONS)}")
            continue
        if version is not None and not option.since <= version < option.until:
            found.append(f"{name}: {_of_another_version(key, version)}")
        problem = option.check(config[key])
        if problem is not None:
            one = {key: config[key]}
            # What must be is said of the value, which is shown; anything else says itself what it is about.
            value = f", not {concealed(one)[key]!r}" if problem.startswith("must ") else ""
            found.append(f"{name}: {scrubbed(problem, secrets(one))}{value}")
    if found:
        return found
    if in_swarm and config.get("live-restore") is True:
        # moby, daemon/config_linux.go and daemon/cluster: "incompatible with swarm mode", dockerd does not start.
        found.append("live-restore and swarm exclude each other: set docker_engine_live_restore: false on this node")
    together = [rule(config) for rule in RULES] + [rule(config, version) for rule in OF_VERSIONS]
    together += _log_options(config, version, whole)
    if whole:
        together.append(_default_runtime(config))
    known = secrets(config)
    return found + [scrubbed(problem, known) for problem in together if problem is not None]


def _of_another_version(key: str, version: tuple[int, int]) -> str:
    option = OPTIONS[key]
    engine = f"engine {version[0]}.{version[1]}"
    if version < option.since:
        return f"{engine} has no such option, which came with {option.since[0]}.{option.since[1]}"
    way_out = f"use {option.instead}" if option.instead else "leave it out"
    return f"{engine} has no such option, or it is without effect there; {way_out}"
