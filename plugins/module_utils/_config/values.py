# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value of ``daemon.json`` must be: each check returns what is wrong with one, or None."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Optional

from .endpoints import problems as endpoint_problems

Check = Callable[[Any], Optional[str]]


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a non-empty string"


def integer(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            return f"must be a whole number from {low} to {high}"
        return None

    return check


def one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else "must be one of " + ", ".join(choices)


def texts(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return None
    return "must be a list of strings"


def labels(value: Any) -> str | None:
    problem = texts(value)
    if problem is None and any("=" not in item for item in value):
        problem = "must be a list of key=value"
    return problem


def mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be a mapping"


def texts_mapping(value: Any) -> str | None:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return None
    return "must be a mapping whose values are texts (write numbers and booleans in quotes)"


def driver_options(value: Any) -> str | None:
    """moby ``daemon/config``: for each driver of networks its options, all of them texts."""
    if isinstance(value, dict) and all(texts_mapping(options) is None for options in value.values()):
        return None
    return "must be a mapping of drivers to options whose values are texts (write numbers and booleans in quotes)"


def fwmark(value: Any) -> str | None:
    number = r"(0[xX][0-9a-fA-F]+|\d+)"
    right = isinstance(value, str) and re.match(rf"^{number}(/{number})?$", value)
    return None if right else "must be MARK or MARK/MASK"


def path(value: Any) -> str | None:
    return None if isinstance(value, str) and value.startswith("/") else "must be an absolute path"


def address(version: int = 0) -> Check:
    def check(value: Any) -> str | None:
        try:
            found = ipaddress.ip_address(value if isinstance(value, str) else "")
        except ValueError:
            return f"must be an IP{f'v{version}' if version else ''} address"
        return f"must be an IPv{version} address" if version and found.version != version else None

    return check


def interface_address(version: int) -> Check:
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


def network(version: int) -> Check:
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


def addresses(value: Any) -> str | None:
    if not isinstance(value, list):
        return "must be a list of IP addresses"
    return next((f"{item!r} is no IP address" for item in value if address()(item)), None)


def pools(value: Any) -> str | None:
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


def endpoint_list(value: Any) -> str | None:
    # Syntax only: who may listen without TLS is a rule over several options, see _rules.
    found = endpoint_problems(value, tls=True, plaintext_loopback=True)
    return found[0] if found else None


def metrics_address(value: Any) -> str | None:
    match = re.match(r"^(.+):(\d{1,5})$", value) if isinstance(value, str) else None
    return None if match and 1 <= int(match[2]) <= 65535 else "must be ADDRESS:PORT"


_LOG_DRIVERS = one_of(
    "none", "local", "json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "gcplogs",
    "etwlogs", "logentries",
)  # fmt: skip


def log_driver(value: Any) -> str | None:
    # A logging plugin has a name of its own, name:tag or owner/name (docs.docker.com, plugins).
    if isinstance(value, str) and re.match(r"^[a-z0-9][\w.-]*(/[\w.-]+)?:[\w.-]+$|^[\w.-]+/[\w.-]+$", value):
        return None
    return _LOG_DRIVERS(value)


def range_problems(ranges: list[str]) -> list[str]:
    """Which of ``ranges`` are no IP networks, one sentence each."""
    found = []
    for text in ranges:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            found.append(f"{text!r} is no network ({error})")
    return found
