# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value of ``daemon.json`` must be: each check returns what is wrong with one, or None."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from typing import Any, Callable, Optional

from . import go_syntax, log_options
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


def each_text(check: Callable[[str], str | None]) -> Check:
    """A list of strings, of which each passes the check."""
    return lambda value: texts(value) or next(filter(None, map(check, value)), None)


_RESERVED_LABELS = ("com.docker.", "io.docker.", "org.dockerproject.")


def labels(value: Any) -> str | None:
    """moby ``daemon/pkg/opts`` (ValidateLabel) and ``daemon/config`` (GetConflictFreeLabels)."""
    problem = texts(value)
    if problem is None and any("=" not in item for item in value):
        problem = "must be a list of key=value"
    if problem:
        return problem
    seen: dict[str, str] = {}
    for item in value:
        key, _equals, one = item.partition("=")
        if item.lower().startswith(_RESERVED_LABELS):
            return f"{key}: names that begin with {', '.join(_RESERVED_LABELS)} are Docker's own"
        if seen.setdefault(key, one) != one:
            return f"{key} is there twice, with different values"
    return None


def mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be a mapping"


def switches(value: Any) -> str | None:
    if isinstance(value, dict) and all(isinstance(item, bool) for item in value.values()):
        return None
    return "must be a mapping of names to true or false"


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
    number = r"(0[xX][0-9a-fA-F]+|[0-9]+)"
    match = re.fullmatch(rf"{number}(?:/{number})?", value) if isinstance(value, str) else None
    if match and all(int(text, 16 if text[:2].lower() == "0x" else 10) < 2**32 for text in match.groups() if text):
        return None
    return "must be MARK or MARK/MASK, each a number of 32 bits"


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
    """As ``net.Listen`` of Go takes it; without an address all are meant."""
    found = go_syntax.host_port(value) if isinstance(value, str) else None
    return None if found and found[1] else "must be ADDRESS:PORT"


def api_version(value: Any) -> str | None:
    """moby ``daemon/config`` (ValidateMinAPIVersion): from 1.24 on; the engine knows its own newest."""
    match = re.fullmatch(r"1\.([0-9]+)", value) if isinstance(value, str) else None
    return None if match and int(match[1]) >= 24 else 'must be a version of the API from "1.24" on, in quotes'


def interface(value: Any) -> str | None:
    """A name that an interface can have (kernel, dev_valid_name)."""
    right = isinstance(value, str) and re.fullmatch(r"[^\s/:]{1,15}", value) and value not in (".", "..")
    return None if right else "must be the name of an interface, of at most 15 characters"


def seccomp_profile(value: Any) -> str | None:
    right = isinstance(value, str) and (value in ("builtin", "unconfined") or value.startswith("/"))
    return None if right else "must be builtin, unconfined or the absolute path of a profile"


def userns_remap(value: Any) -> str | None:
    """moby ``daemon/daemon_unix.go`` (parseRemappedRoot)."""
    right = isinstance(value, str) and re.fullmatch(r"[^\s:]+(:[^\s:]+)?", value)
    return None if right else "must be default, USER, USER:GROUP, UID or UID:GID"


def containerd_address(value: Any) -> str | None:
    right = isinstance(value, str) and re.match(r"(unix://)?/", value)
    return None if right else "must be the absolute path of containerd's socket"


_SYSTEM_DIRECTORIES = {
    "/", "/bin", "/boot", "/dev", "/etc", "/etc/docker", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/proc",
    "/root", "/run", "/run/docker", "/sbin", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin",
    "/usr/share", "/var", "/var/cache", "/var/lib", "/var/lib/containerd", "/var/lib/docker/containerd", "/var/log",
    "/var/run", "/var/run/docker", "/var/spool", "/var/tmp",
}  # fmt: skip


def data_root(value: Any) -> str | None:
    """dockerd makes the directory its own (mode 0710); below /dev, /proc and /sys nothing can be kept."""
    if path(value):
        return path(value)
    plain = posixpath.normpath("/" + value.lstrip("/"))
    if plain in _SYSTEM_DIRECTORIES or plain.startswith(("/dev/", "/proc/", "/sys/")):
        return "must be a directory of its own such as /srv/docker (dockerd closes it to everybody else)"
    return None


def unless_rootless(value: Any) -> str | None:
    return None if value is False else "must be false: Mooring manages daemons that run as root"


_LOG_DRIVERS = one_of(*log_options.NAMES)


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
