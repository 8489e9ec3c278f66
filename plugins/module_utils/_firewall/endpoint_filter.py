# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may connect to the daemon's TCP endpoints, as rules of nftables. Pure functions over what is declared."""

from __future__ import annotations

import ipaddress

from .._config import endpoints, values

NAME = "endpoint"
"""Of the table, and of its file."""


def problems(allowed: object) -> list[str]:
    """What is wrong with a declared list of allowed clients, one sentence each."""
    if not isinstance(allowed, list):
        return ["must be a list of addresses and networks, such as 192.0.2.0/24 and 2001:db8::/32"]
    found: list[str] = values.range_problems([str(entry) for entry in allowed])
    for entry in allowed if not found else []:
        network = ipaddress.ip_network(str(entry))
        if network.version == 6 and network.network_address.ipv4_mapped:
            found.append(f"{entry!r} never comes over the wire: write {_mapped(network)}")
    return found


def _mapped(network: ipaddress.IPv6Network) -> str:
    return f"{network.network_address.ipv4_mapped}/{max(0, network.prefixlen - 96)}"


def lets_in(allowed: list[str] | None, address: str) -> bool | None:
    """Whether a client of that ``address`` may connect; None where it is the name of one."""
    if allowed is None:
        return True
    try:
        client = ipaddress.ip_address(address)
    except ValueError:
        return None
    return any(client in ipaddress.ip_network(entry) for entry in allowed)


def rules(urls: list[str], allowed: list[str] | None) -> str:
    """The rules that keep all but the ``allowed`` clients from the TCP endpoints; nothing where there is no need.

    What this machine sends to itself always passes. What comes in from elsewhere for an endpoint on loopback never
    does: a container with the capability NET_RAW, which Docker gives to all by default, can send its bridge such
    packets, and the kernel takes them where dockerd has set ``route_localnet``, as it does without the userland proxy.

    Nothing but packets to an endpoint's own port is looked at, but those all are: a client that is allowed no more
    loses the connections it has.
    """
    tcp = [endpoint for endpoint in map(endpoints.parse, urls) if endpoint.scheme == "tcp"]
    guarded = sorted({endpoint.port for endpoint in tcp if endpoint.is_loopback})
    matches = [] if allowed is None else [_match(endpoint) for endpoint in tcp if not endpoint.is_loopback]
    if not (guarded or matches):
        return ""
    return "\n".join(
        [
            *(_sets(allowed) if allowed is not None and matches else []),
            "    chain input {",
            "        type filter hook input priority filter - 10; policy accept;",
            '        iif "lo" accept',
            *(
                f"        {loopback} tcp dport {port} counter drop"
                for port in guarded
                for loopback in ("ip daddr 127.0.0.0/8", "ip6 daddr ::1")
            ),
            *(f"        {match} goto clients" for match in dict.fromkeys(matches)),
            "    }",
            *(_CLIENTS if matches else []),
        ]
    )


_CLIENTS = (
    "    chain clients {",
    "        ip saddr @allowed4 accept",
    "        ip6 saddr @allowed6 accept",
    "        counter drop",
    "    }",
)


def _sets(allowed: list[str]) -> list[str]:
    networks = [ipaddress.ip_network(entry) for entry in allowed]
    lines: list[str] = []
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        # nft refuses networks that overlap within one set.
        family = [one for one in networks if one.version == version]
        own = ", ".join(map(str, ipaddress.collapse_addresses(family)))  # type: ignore[type-var]
        elements = [f"        elements = {{ {own} }}"] if own else []
        lines += [f"    set allowed{version} {{", f"        type {kind}", "        flags interval", *elements, "    }"]
    return lines


def _match(endpoint: endpoints.Endpoint) -> str:
    """The packets to an endpoint. All of IPv4 is all of IPv6 too for dockerd, and a host's name may be any address."""
    port = f"tcp dport {endpoint.port}"
    try:
        address = ipaddress.ip_address(endpoint.host)
    except ValueError:
        return port
    if address.is_unspecified:
        return port
    return f"{'ip' if address.version == 4 else 'ip6'} daddr {address} {port}"
