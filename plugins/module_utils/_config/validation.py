# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a daemon configuration, in sentences; empty when it can be applied.

Two readers: the controller, before anything is sent (no engine version, no files), and the host, which knows
its engine. dockerd accepts much of what is refused here and then dies or ignores it, see ``_options``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable

from .endpoints import EndpointError, parse
from .options import OPTIONS, concealed, secrets
from .redaction import scrubbed

Config = dict[str, Any]


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
    if "bip" in config:
        return "bridge and bip exclude each other: dockerd leaves a bridge of yours as it is"
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
    if name in (None, "runc") or name in config.get("runtimes", {}) or re.match(r"^(\w+\.)+v\d+$", name):
        return None
    return f"default-runtime {name} is not one of the runtimes: {', '.join(['runc', *config.get('runtimes', {})])}"


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
    _default_runtime,
    _tls,
)


def problems(
    config: Config,
    version: tuple[int, int] | None = None,
    names: dict[str, str] | None = None,
    in_swarm: bool = False,
) -> list[str]:
    """What is wrong with ``config``, one sentence each, the offending option first.

    ``version`` is the engine's (major, minor) where it is known; without it the age of an option is not
    judged. ``names`` are the operator's own words for options, where they differ. ``in_swarm`` tells that the host
    is a node of a swarm.
    """
    found = []
    names = names or {}
    for key in sorted(config):
        option, name = OPTIONS.get(key), names.get(key, key)
        if option is None:
            found.append(f"{name}: no such option of dockerd")
            continue
        if version is not None and not option.since <= version < option.until:
            found.append(f"{name}: engine {version[0]}.{version[1]} has no such option, or it is without effect there")
        problem = option.check(config[key])
        if problem is not None:
            one = {key: config[key]}
            found.append(f"{name}: {scrubbed(problem, secrets(one))}, not {concealed(one)[key]!r}")
    if found:
        return found
    if in_swarm and config.get("live-restore") is True:
        # moby, daemon/config_linux.go and daemon/cluster: "incompatible with swarm mode", dockerd does not start.
        found.append("live-restore and swarm exclude each other: set docker_engine_live_restore: false on this node")
    return found + [problem for problem in (rule(config) for rule in RULES) if problem is not None]
