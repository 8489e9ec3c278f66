# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon and its containers reach over the network: registries, proxies, resolvers, networks' defaults.

Sources: moby ``daemon/pkg/registry/config.go`` (``ValidateMirror``, ``loadInsecureRegistries``), Go's
``x/net/http/httpproxy``, ``daemon/pkg/opts/opts.go`` (``ValidateDNSSearch``), resolv.conf(5), and
``libnetwork/drivers/bridge``.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Any

from . import go_syntax
from .structures import field_problem
from .values import addresses, driver_options

_DOMAIN = re.compile(r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])")
_DOMAINS = re.compile(rf"{_DOMAIN.pattern}(?:\.{_DOMAIN.pattern})*")


def _registry_problem(text: str) -> str | None:
    """What is wrong with a registry's ``HOST``, ``HOST:PORT`` or network."""
    if "/" in text:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            return "has a path or is no network"
        return None
    found = go_syntax.host_port(text)
    if found is None:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return "is neither HOST, HOST:PORT nor a network"
        return None
    host = found[0]
    if not host or (":" not in host and not _DOMAINS.fullmatch(host)):
        return f"has no name of a host, {host!r}"
    return None


def insecure_registry(item: str) -> str | None:
    """dockerd takes http:// and https:// away with a warning, and so they are no reason to refuse anything."""
    problem = _registry_problem(re.sub(r"^https?://", "", item, flags=re.IGNORECASE))
    return problem and f"{item!r} {problem}; write HOST:PORT or a network such as 10.1.0.0/16"


def registry_mirror(item: str) -> str | None:
    parts = go_syntax.url(item)
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        return f"{item!r} is no address of a mirror; write https://HOST or http://HOST:PORT"
    if parts.userinfo is not None:
        return f"{item!r} has a user or a password: dockerd refuses mirrors with one"
    return f"{item!r} must end before its ? or #" if parts.query else None


def mirror_path_problem(config: dict[str, Any], version: tuple[int, int] | None) -> str | None:
    """Mirrors may have a path since 25.0."""
    if version is None or version >= (25, 0):
        return None
    for item in config.get("registry-mirrors", []):
        parts = go_syntax.url(item)
        if parts and parts.path not in ("", "/"):
            return f"registry-mirrors {item}: engine {version[0]}.{version[1]} takes no path, such as {parts.path}"
    return None


def _proxy(value: Any) -> str | None:
    """Go takes HOST:PORT too, as http://."""
    wanted = "must be http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT"
    if not isinstance(value, str):
        return wanted
    if not value:
        return None
    if "://" not in value:
        found = go_syntax.host_port(value.rpartition("@")[2])
        return None if found and found[0] and found[1] is not None else wanted
    parts = go_syntax.url(value)
    if parts is None or parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.host:
        return wanted
    return None


def _no_proxy(value: Any) -> str | None:
    wanted = "must be a list with commas in one text, such as localhost,.example.com,10.0.0.0/8"
    if not isinstance(value, str) or "://" in value or ";" in value:
        return wanted
    return wanted if any(re.search(r"\s", item.strip()) for item in value.split(",")) else None


def proxies(value: Any) -> str | None:
    return field_problem(value, {"http-proxy": _proxy, "https-proxy": _proxy, "no-proxy": _no_proxy})


_RESOLVER = (
    "debug", "ndots", "timeout", "attempts", "rotate", "no-aaaa", "no-check-names", "inet6", "ip6-bytestring",
    "ip6-dotint", "no-ip6-dotint", "edns0", "single-request", "single-request-reopen", "no-tld-query", "use-vc",
    "no-reload", "trust-ad",
)  # fmt: skip
_NUMBERED = ("ndots", "timeout", "attempts")


def dns_option(item: str) -> str | None:
    """resolv.conf(5); libraries ignore what they do not know, so a name is refused only where it is nearly another."""
    name, _colon, number = item.partition(":")
    if re.search(r"\s", item):
        return f"{item!r} has a space; write single options of resolv.conf such as ndots:2"
    if name in _NUMBERED and not re.fullmatch("[0-9]+", number):
        return f"{item!r} must be {name}:NUMBER"
    near = [] if name in _RESOLVER else difflib.get_close_matches(name, _RESOLVER, n=1, cutoff=0.75)
    return f"{item!r} is no option of resolv.conf; did you mean {near[0]}?" if near else None


def search_domain(item: str) -> str | None:
    domain = item.strip().rstrip(".")
    if item.strip() == "." or (_DOMAINS.fullmatch(domain) and re.search("[A-Za-z]", domain) and len(domain) < 255):
        return None
    return f"{item!r} is no domain such as example.com"


def host_gateways(value: Any) -> str | None:
    problem = addresses(value)
    if problem:
        return problem
    versions = [ipaddress.ip_address(item).version for item in value]
    return None if len(set(versions)) == len(versions) else "must be at most one IPv4 and one IPv6 address"


_NETWORK_BOOLEANS = ("enable_icc", "enable_ip_masquerade")
_BRIDGE = "com.docker.network.bridge."


def network_options(value: Any) -> str | None:
    """``default-network-opts``: what every driver knows is judged, the rest is its own."""
    problem = driver_options(value)
    if problem:
        return problem
    for driver, options in value.items():
        mtu = options.get("com.docker.network.driver.mtu")
        number = go_syntax.integer(mtu) if mtu is not None else 0
        if number is None or (number != 0 and not 68 <= number <= 65535):
            return f"{driver} com.docker.network.driver.mtu must be a number from 68 to 65535 in quotes, not {mtu!r}"
        for name in _NETWORK_BOOLEANS:
            one = options.get(_BRIDGE + name)
            if one is not None and go_syntax.boolean(one) is None:
                return f"{driver} {_BRIDGE}{name} must be true or false in quotes, not {one!r}"
    return None
