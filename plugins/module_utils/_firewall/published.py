# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach published ports from outside the host: the policy as it is declared, and the nftables rules for it.

A published port is reached in three ways. Docker's NAT sends a packet on to a container, and the host forwards it. A
docker-proxy takes the connection itself, as for IPv6 to a container that has none; for the kernel that is a service of
the host like any other, and only its control group tells whose it is. Or a neighbour routes to the container's own
address, which publishes nothing.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from typing import Any, Union

from .._config import endpoints
from .._system import observed

Policy = Union[str, dict[str, Any]]

NAME = "published"
"""Of the table, and of its file."""

ENGINE_RULE = "/run/mooring/published-engine.nft"
"""The rule that knows the control group of the engine as it runs. A host that has just booted has none."""

INCLUDE = f'include "{ENGINE_RULE.replace(".nft", "*.nft")}"'
"""It is no error for a pattern that there is no such file."""

OTHERS = ("cni*", "incusbr*", "lxcbr*", "lxdbr*", "podman*", "virbr*", "vmbr*")
"""Bridges that others than Docker make."""

_NFT_SINCE = (0, 9, 9)
"""Since then nft has ``socket cgroupv2``."""

_DOCKERS = ("docker0", "docker_gwbridge", "br-*")
_NAMED_BY_DOCKER = re.compile(r"^(docker0|docker_gwbridge|br-[0-9a-f]{12})$")
_INTERFACE = re.compile(r"^[A-Za-z0-9_.:@-]{1,15}\*?$")
_PORT = re.compile(r"^(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?$")


def problems(policy: Any) -> list[str]:
    """What is wrong with a declared policy, one sentence each."""
    if policy in ("open", "closed"):
        return []
    if not isinstance(policy, dict) or set(policy) != {"allow"} or not isinstance(policy["allow"], list):
        return [f"write open, closed, or {{allow: [...]}}, not {policy!r}"]
    found = []
    for number, entry in enumerate(policy["allow"], 1):
        found += [f"allow, entry {number}: {problem}" for problem in _entry_problems(entry)]
    return found


def _entry_problems(entry: Any) -> list[str]:
    checks = {"sources": _source_problem, "interfaces": name_problem, "ports": port_problem}
    if not isinstance(entry, dict) or set(entry) - set(checks):
        return [f"write any of sources, interfaces and ports, not {entry!r}"]
    if not entry:
        return ["it would let everybody in: name sources, interfaces or ports, or write open"]
    found = []
    for key, values in entry.items():
        if not isinstance(values, list) or not values:
            found.append(f"{key}: write a list with at least one element, not {values!r}")
            continue
        found += [f"{key}: {problem}" for problem in map(checks[key], values) if problem]
    return found


def _source_problem(value: Any) -> str | None:
    try:
        ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError as error:
        return f"{value!r} is no address or network ({error})"
    return None


def bridge_problems(names: list[Any]) -> list[str]:
    """Which of ``names`` cannot be bridges of others than Docker, one sentence each."""
    found = [problem for problem in map(name_problem, names) if problem]
    own = ("docker0", "docker_gwbridge", "br-0123456789ab")
    return found or [f"{name!r} takes in Docker's own" for name in names if any(_matches(one, [name]) for one in own)]


def name_problem(value: Any) -> str | None:
    """What is wrong with the name of an interface, which may end in * for all that begin so."""
    if isinstance(value, str) and _INTERFACE.match(value):
        return None
    return f"{value!r} is no name of an interface"


def port_problem(value: Any) -> str | None:
    """What is wrong with a port, range of ports, or either with its protocol."""
    match = _PORT.match(str(value))
    if isinstance(value, bool) or match is None:
        return f"{value!r} is no port: write 80, 8000-8100, 80/tcp or 53/udp"
    first, last = int(match[1]), int(match[2] or match[1])
    return None if 1 <= first <= last <= 65535 else f"{value!r} lies outside 1 to 65535, or ends before it begins"


def host_problems(policy: Policy, host: observed.Host, containers: list[str], others: list[str]) -> list[str]:
    """Why the policy cannot hold on the host that ``host_info`` saw, or would harm it, one sentence each.

    ``containers`` and ``others`` as for ``rules``. Whose a bridge is that nobody names, an engine that does not answer
    cannot tell; it is taken for Docker's then, and closed, except one by which the host is reached.
    """
    if policy == "open":
        return []
    found = []
    kernel = host["system"]["kernel_version"]
    match = re.match(r"(\d+)\.(\d+)", kernel)
    if match is None or (int(match[1]), int(match[2])) < (6, 1):
        found.append(
            f"docker_network_published takes kernel 6.1 or later, which can tell docker-proxy from the host's own "
            f"services, and what stays on a bridge, not {kernel}: leave it open"
        )
    nft = _nft_version(host)
    if nft and nft < _NFT_SINCE:
        found.append(
            f"docker_network_published takes nftables 0.9.9 or later, which can tell docker-proxy from the host's own "
            f"services, not {'.'.join(map(str, nft))} (of Debian 11): leave it open, or upgrade the host's release"
        )
    uplinks = {route["interface"]: route["destination"] for route in host["network"]["routes"] if route["gateways"]}
    for name in containers:
        if _matches(name, [*others, *OTHERS]):
            found.append(
                f"docker_network_published would leave the bridge {name} open, for its name is that of another's: give "
                f"Docker's network another, or take it out of docker_network_other_bridges"
            )
        if name in uplinks:
            found.append(
                f"docker_network_published cannot tell containers on the bridge {name} from what comes by the route to "
                f"{uplinks[name]}: leave it open, or give Docker's network a bridge of its own"
            )
    silent = host["engine"]["installed"] and not host["engine"]["networks"]
    for name in host["network"]["bridges"]:
        if silent and not (name.startswith("br-") and name in uplinks):
            continue
        if not _NAMED_BY_DOCKER.match(name) and not _matches(name, [*containers, *others, *OTHERS]):
            found.append(
                f"docker_network_published would close the bridge {name}, which is none of Docker's networks: "
                f"name it in docker_network_other_bridges"
            )
    return found


def _nft_version(host: observed.Host) -> tuple[int, ...] | None:
    """The version of Debian's nftables that is installed, or would be; None where apt knows none."""
    package = host["packages"].get("nftables")
    text = (package["installed"] or package["candidate"] or "") if package else ""
    match = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, match[1].split("."))) if match else None


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def may_let_in(policy: Policy, source: str, port: int) -> bool:
    """Whether a ``policy`` without problems lets a client from the address ``source`` in to a TCP port.

    By which interface it would come is not asked; an entry that names some is taken to be met.
    """
    if isinstance(policy, str):
        return policy == "open"
    address = ipaddress.ip_address(source)
    for entry in policy["allow"]:
        is_source = any(address in ipaddress.ip_network(network) for network in entry.get("sources", [address]))
        spans = _spans(entry.get("ports", ["1-65535"])).get("tcp", [])
        if is_source and any(first <= port <= last for first, last in spans):
            return True
    return False


def service_ports(urls: list[str], in_swarm: bool) -> list[str]:
    """The ports at which dockerd itself listens: its endpoints', and a swarm's."""
    parsed = [endpoints.parse(url) for url in urls]
    ports = {f"{endpoint.port}/tcp" for endpoint in parsed if endpoint.scheme == "tcp"}
    return sorted(ports) + (["2377/tcp", "7946", "4789/udp"] if in_swarm else [])


def surroundings(host: observed.Host, declared: list[str], urls: list[str]) -> dict[str, list[str]]:
    """The ``containers`` and ``services`` that ``rules`` takes, from what is declared and ``host_info`` saw.

    What an engine that does not answer cannot tell is as the filter has it.
    """
    networks, swarm = host["engine"]["networks"], host["engine"]["swarm"]
    bridges = {*declared, *(one["bridge"] for one in networks or [] if one["bridge"])}
    services = {*service_ports(urls, swarm not in (None, "", "inactive"))}
    if networks is None:
        text = host["nftables"][NAME]["text"] or "" if NAME in host["nftables"] else ""
        bridges.update(re.findall(r'iifkind "bridge" iifname "([^"*]+)" accept', text))
        services.update(f"{span}/{protocol}" for protocol, span in re.findall(r"\t(\w+) dport (\S+) accept", text))
    return {
        "containers": sorted(name for name in bridges if not _NAMED_BY_DOCKER.match(name)),
        "services": sorted(services),
    }


def rules(policy: Policy, containers: list[str], others: list[str], services: list[str]) -> str | None:
    """What stands between the braces of the table for a ``policy`` without problems, None where nothing is filtered.

    ``containers`` are Docker's bridges with a name of their own, ``others`` are bridges that are not Docker's, and
    ``services`` the ports at which dockerd itself listens, as 2376/tcp.
    """
    if policy == "open":
        return None
    allowed = [line for entry in (policy["allow"] if isinstance(policy, dict) else []) for line in _allow(entry)]
    foreign = [*others, *OTHERS]
    return "\n".join(
        [
            # Names, not indices: the rules are loaded before the interfaces are there.
            *_chain(
                "forward",
                "type filter hook forward priority filter - 10; policy accept;",
                "ct state established,related accept",
                'meta oifkind != "bridge" accept',
                # From one container to another on any bridge, also on one whose name is not known yet.
                'meta iifkind "bridge" fib daddr . iif oif exists accept',
                *(f'oifname "{name}" accept' for name in foreign),
                "jump containers",
                "ct status dnat goto outside",
                "counter drop",
            ),
            *_chain(
                "input",
                "type filter hook input priority filter - 10; policy accept;",
                "ct state established,related accept",
                'iifname "lo" accept',
                "jump containers",
                *(f"{protocol} dport {span} accept" for protocol, spans in _by_protocol(services) for span in spans),
                INCLUDE,
            ),
            *_chain(
                "containers",
                *(f'iifname "{name}" return' for name in foreign),
                *(f'meta iifkind "bridge" iifname "{name}" accept' for name in (*_DOCKERS, *containers)),
            ),
            *_chain(
                "outside",
                # Docker's NAT would send them on before the kernel finds that such a packet cannot come from outside.
                "ct original ip daddr 127.0.0.0/8 counter drop",
                *allowed,
                "counter drop",
            ),
        ]
    )


def _chain(name: str, *lines: str) -> list[str]:
    return [f"\tchain {name} {{", *(f"\t\t{line}" for line in lines), "\t}"]


def _allow(entry: dict[str, Any]) -> list[str]:
    """The rules of one entry. All that an entry names must be so; a port is the one that the client asked for."""
    interfaces = [f'iifname "{name}"' for name in entry.get("interfaces", [])]
    networks = [ipaddress.ip_network(source) for source in entry.get("sources", [])]
    sources = []
    for word, version in (("ip", 4), ("ip6", 6)):
        ranges: Any = ipaddress.collapse_addresses(one for one in networks if one.version == version)
        texts = [str(one) for one in ranges]
        sources += [f"{word} saddr {_set(texts)}"] if texts else []
    # Each span by itself: nft 1.0 lists a set of them in a way that it cannot read.
    ports = [
        f"meta l4proto {protocol} ct original proto-dst {span}"
        for protocol, spans in _by_protocol(entry.get("ports", []))
        for span in spans
    ]
    return [
        " ".join([*filter(None, (interface, source, port)), "accept"])
        for interface in interfaces or [""]
        for source in sources or [""]
        for port in ports or [""]
    ]


def _by_protocol(ports: list[Any]) -> list[tuple[str, list[str]]]:
    """Each protocol with its ports, as nft writes them."""
    return [(protocol, _merged(spans)) for protocol, spans in sorted(_spans(ports).items())]


def _spans(ports: list[Any]) -> dict[str, list[tuple[int, int]]]:
    """Each protocol with its first and last ports; a port without a protocol is meant for TCP and UDP."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for value in ports:
        match = _PORT.match(str(value))
        assert match is not None  # problems() has seen it.
        for protocol in [match[3]] if match[3] else ["tcp", "udp"]:
            spans.setdefault(protocol, []).append((int(match[1]), int(match[2] or match[1])))
    return spans


def _merged(spans: list[tuple[int, int]]) -> list[str]:
    """Without overlaps, which nft refuses."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def _set(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 else f"{{ {', '.join(elements)} }}"
