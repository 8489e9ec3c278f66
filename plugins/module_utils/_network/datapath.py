# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel does with the packets of Docker's networks: let them pass, drop them, send them elsewhere.

``observe_filters``, ``add_routes`` and what reads ``/proc`` gather; the rest are pure functions over that.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from .._config.endpoints import bracketed
from .._firewall import iptables_chains, nft_chains, packet_filter
from .._firewall.packet_filter import ANY_PORT, Chain, Filters, Packet, Port
from .._system import commands, files, observed, rtnetlink
from . import sysctls

_PROC = Path("/proc")
# How proc(5) writes 127.0.0.11, where the engine answers the DNS requests of containers.
_RESOLVER = int.from_bytes(bytes([127, 0, 0, 11]), sys.byteorder)
_STRICT = 1
"""Of rp_filter (ip-sysctl.rst)."""
_GATEWAY_FLAG = 0x2
"""RTF_GATEWAY of linux/route.h."""
_FORWARDING = "3"
"""BR_STATE_FORWARDING of linux/if_bridge.h."""
BACKEND = "docker-bridges"
"""The table of engine 29 and later, of the families ip and ip6, where its firewall-backend is nftables."""
_ELSEWHERE = ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")
"""Ranges that no machine elsewhere has an address of."""
_SOURCES = {packet_filter.SNAT: "translated", packet_filter.ACCEPT: "kept"}
"""What becomes of a packet's source, by ``Passage.translated``."""
_FAR = {4: "198.41.0.4", 6: "2001:503:ba3e::2:30"}
"""An address that is on no private network, by version of IP: a.root-servers.net. Nothing is sent there."""


# Packet filters -------------------------------------------------------------------------------------


def observe_filters(saved: dict[str, str], timeout: float) -> Filters:
    """The filters of the host but for Mooring's own, which are compared with their declaration.

    ``saved`` is "iptables" and "ip6tables" to the output of the program's ``-save``.
    """
    chains: list[Chain] = [chain for program, text in saved.items() for chain in iptables_chains.read(program, text)]
    listed = _nft(timeout, "--terse", "list", "ruleset")
    for family in ("ip", "ip6"):
        if (family, BACKEND) in nft_chains.tables(listed):
            # What is in its maps counts. Other tables may have sets with a great many addresses.
            own = (family, BACKEND)
            listed = [entry for entry in listed if not _is_of(entry, own)] + _nft(timeout, "list", "table", *own)
    _add_devices(listed, timeout)
    # The tables of iptables-nft are in both, and nft cannot tell what their rules are about.
    seen = nft_chains.without(nft_chains.read(listed), ("ip", "ip6"), iptables_chains.TABLES)
    return Filters([*chains, *(chain for chain in seen if not chain.key[1].startswith("mooring_"))])


def _add_devices(listed: list[dict[str, Any]], timeout: float) -> None:
    """The devices of chains that have some: nft 1.0 tells them in its own words only."""
    for chain in (entry["chain"] for entry in listed if "chain" in entry):
        if chain.get("hook") in ("ingress", "egress") and "dev" not in chain:
            words = "list", "chain", chain["family"], chain["table"], chain["name"]
            chain["dev"] = nft_chains.devices(commands.run("nft", *words, timeout=timeout).stdout)


def _nft(timeout: float, *words: str) -> list[dict[str, Any]]:
    """What nft lists; nothing where it is not installed."""
    done = commands.run("nft", "--json", *words, timeout=timeout)
    found: list[dict[str, Any]] = json.loads(done.stdout)["nftables"] if done.returncode == 0 and done.stdout else []
    return found


def _is_of(entry: dict[str, Any], table: tuple[str, str]) -> bool:
    (kind, said), *_others = entry.items()
    return kind != "table" and (said.get("family"), said.get("table")) == table


def bypassed(filters: Filters) -> list[str]:
    """The programs ("iptables", "ip6tables") whose chain DOCKER-USER has rules, and is led to by none."""
    found = []
    for program, family in (("iptables", "ip"), ("ip6tables", "ip6")):
        chain = filters.chains.get((family, "filter", "DOCKER-USER"))
        if chain is None or not any(rule.verdict.kind != packet_filter.RETURN for rule in chain.rules):
            continue
        if chain.key not in filters.entered("forward"):
            found.append(program)
    return found


# Packets --------------------------------------------------------------------------------------------


class Paths:
    """The ways of packets on one host, as its filters let them pass."""

    def __init__(self, seen: observed.Bridges, addresses: dict[str, list[str]], filters: Filters) -> None:
        """``addresses`` are those of each interface of the host, with their prefix lengths."""
        self._seen = seen
        self._filters = filters
        self._addresses = {
            name: [str(ipaddress.ip_interface(one).ip) for one in found] for name, found in addresses.items()
        }
        self._subnets = [
            (ipaddress.ip_network(one["subnet"], strict=False), network["bridge"])
            for network in seen["networks"]
            if network["bridge"]
            for one in network["subnets"]
            if one["subnet"]
        ]
        own = [ipaddress.ip_network(one) for found in self._addresses.values() for one in found]
        self._ports = {
            (bridge["name"], str(ipaddress.ip_interface(address).ip)): port["interface"]
            for bridge in seen["bridges"]
            for port in bridge["ports"]
            if port["container"]
            for address in port["container"]["addresses"]
        }
        ranges = [subnet for subnet, _bridge in self._subnets]
        self._here = (*ranges, *own, *map(ipaddress.ip_network, _ELSEWHERE))

    def add(self) -> None:
        """Complete what was seen of containers and bridges."""
        for container in self._seen["containers"]:
            for port in container["published"]:
                port["outside"] = self._from_outside(port)
                port["direct"] = self._past_translation(port, container)
            for _name, attached in container["networks"].items():
                attached["outbound"] = self._outbound(4, attached) if container["interfaces"] else None
                attached["outbound_ipv6"] = self._outbound(6, attached) if container["interfaces"] else None
        networks = {one["name"]: one for one in self._seen["networks"]}
        used = [one for one in self._seen["bridges"] if one["ports"] and one["network"] in networks]
        for bridge in used:
            bridge["within"] = self._between(bridge, bridge)
            bridge["open_to"] = {
                str(other["network"]): found
                for other in used
                if other is not bridge
                for found in [self._between(bridge, other)]
                if found
            }

    def _bridge_of(self, address: str) -> str | None:
        found = ipaddress.ip_address(address)
        return next((bridge for subnet, bridge in self._subnets if found in subnet), None)

    def _port_of(self, address: str) -> Port | None:
        bridge = self._bridge_of(address)
        return (bridge, self._ports.get((bridge, address), ANY_PORT)) if bridge else None

    def uplink(self, version: int) -> tuple[str, str] | None:
        """The interface of the default route, and the host's address there."""
        family = "inet" if version == 4 else "inet6"
        for uplink in self._seen["uplinks"]:
            for address in self._addresses.get(uplink["interface"], []):
                found = ipaddress.ip_address(address)
                if uplink["family"] == family and found.version == version and not found.is_link_local:
                    return uplink["interface"], address
        return None

    def _way_in(self, host_address: str) -> tuple[str, str] | None:
        """By which interface, and to which address, others reach what is published at ``host_address``."""
        published_at = ipaddress.ip_address(host_address)
        if published_at.is_unspecified:
            return self.uplink(published_at.version)
        bridges = {one["name"] for one in self._seen["bridges"] if one["network"]}
        for name, addresses in self._addresses.items():
            if str(published_at) in addresses and name not in bridges and not published_at.is_loopback:
                return name, str(published_at)
        return None

    def _from_outside(self, port: observed.PublishedPort) -> observed.Passage | None:
        way = self._way_in(port["host_address"])
        if way is None:
            return None
        interface, address = way
        packet = self._packet(interface, None, None, address)
        packet = replace(packet, protocol=port["protocol"], port=port["host_port"], is_for_host=True)
        return self._passage(packet)

    def _past_translation(self, port: observed.PublishedPort, container: observed.Container) -> observed.Passage | None:
        """Of a packet for the container's own address and port, which a neighbour of the host may send."""
        way = self._way_in(port["host_address"])
        version = ipaddress.ip_address(port["host_address"]).version
        for attached in container["networks"].values():
            for text in attached["addresses"]:
                address = str(ipaddress.ip_interface(text).ip)
                bridge = self._bridge_of(address)
                if way and bridge and ipaddress.ip_address(address).version == version:
                    packet = self._packet(way[0], bridge, None, address)
                    packet = replace(packet, protocol=port["protocol"], port=port["container_port"])
                    return self._passage(packet)
        return None

    def _outbound(self, version: int, attached: observed.ContainerNetwork) -> observed.Passage | None:
        """Of a packet from a container to a machine elsewhere."""
        for text in attached["addresses"]:
            address = ipaddress.ip_interface(text).ip
            bridge, uplink = self._bridge_of(str(address)), self.uplink(address.version)
            if address.version == version and bridge and uplink:
                packet = self._packet(bridge, uplink[0], str(address), None)
                return self._passage(packet)
        return None

    def _between(self, one: observed.Bridge, other: observed.Bridge) -> observed.Passage | None:
        """Of a packet from a container on one bridge to one on the other, to no port in particular."""
        source, destination = self._some_address(one["name"], 2), self._some_address(other["name"], 3)
        if source is None or destination is None:
            return None
        return self._passage(self._packet(one["name"], other["name"], source, destination))

    def _some_address(self, bridge: str, from_end: int) -> str | None:
        """One that nobody has, as a rule: near the end of the bridge's range."""
        for subnet, name in self._subnets:
            if name == bridge and subnet.version == 4 and subnet.num_addresses > from_end:
                return str(subnet[-from_end])
        return None

    def _packet(
        self, incoming: str | None, outgoing: str | None, source: str | None, destination: str | None
    ) -> Packet:
        known = source or destination
        version = ipaddress.ip_address(known).version if known else 4
        return Packet(version, incoming, outgoing, source, destination, here=self._here)

    def _passage(self, packet: Packet) -> observed.Passage:
        found = packet_filter.passage(self._filters, packet, self._port_of)
        to = None
        if found.to:
            address, port = found.to
            to = f"{bracketed(address)}:{port}"
        source = _SOURCES.get(found.translated, "unknown")
        return {"verdict": found.kind, "rule": found.rule or None, "to": to, "source": source}


# Routes ---------------------------------------------------------------------------------------------


def add_routes(seen: observed.Bridges, paths: Paths, timeout: float) -> None:
    """Where the kernel leads packets to running containers on bridges, and theirs to others. Raises OSError."""
    bridges = {one["name"]: one["bridge"] for one in seen["networks"] if one["bridge"]}
    with rtnetlink.Routes(timeout) as routes:
        uplinks = {version: _leading_uplink(routes, paths, version) for version in (4, 6)}
        for container in seen["containers"]:
            for name, attached in container["networks"].items() if container["interfaces"] else ():
                if name in bridges:
                    attached["routes"] = [
                        _lookup(routes, text, bridges[name], uplinks[ipaddress.ip_interface(text).version])
                        for text in attached["addresses"]
                    ]


def _leading_uplink(routes: rtnetlink.Routes, paths: Paths, version: int) -> str | None:
    """The interface by which the host itself talks to others; None where it is unknown how others' packets go."""
    uplink = paths.uplink(version)
    # A filter may mark packets, and rules send them elsewhere by their marks.
    if uplink is None or routes.regard_marks(socket.AF_INET if version == 4 else socket.AF_INET6):
        return None
    interface, address = uplink
    way = routes.way(_FAR[version], address)
    return interface if way and way.interface == interface else None


def _lookup(routes: rtnetlink.Routes, text: str, bridge: str, uplink: str | None) -> observed.Lookup:
    found = ipaddress.ip_interface(text).ip
    address, far = str(found), _FAR[found.version]
    return {
        "address": address,
        "from_host": _way(routes.way(address)),
        "inward": _way(routes.way(address, far, uplink)) if uplink else None,
        "outward": _way(routes.way(far, address, bridge)) if uplink else None,
    }


def _way(found: rtnetlink.Way | None) -> observed.Way | None:
    return {"interface": found.interface, "error": found.error} if found else None


# What /proc and /sys tell ---------------------------------------------------------------------------


def add_switches(bridge: observed.Bridge) -> None:
    """What the kernel is told to do with packets that come in by a bridge, and with those of its ports."""
    bridge["forwarding"] = sysctls.switch(f"ipv4/conf/{bridge['name']}/forwarding")
    bridge["route_localnet"] = sysctls.switch(f"ipv4/conf/{bridge['name']}/route_localnet")
    for port in bridge["ports"]:
        directory = Path("/sys/class/net", port["interface"], "brport")
        state, isolated = files.text(directory / "state"), files.text(directory / "isolated")
        port["forwards"] = None if state is None else state.strip() == _FORWARDING
        port["isolated"] = None if isolated is None else isolated.strip() == "1"


def add_uplink_switches(uplink: observed.Uplink) -> None:
    """What the kernel is told to do with IPv4 packets that come in by an uplink."""
    uplink["forwarding"] = sysctls.switch(f"ipv4/conf/{uplink['interface']}/forwarding")
    # The greater of both counts (linux/inetdevice.h, IN_DEV_RPFILTER).
    modes = [files.text(_PROC / f"sys/net/ipv4/conf/{name}/rp_filter") for name in ("all", uplink["interface"])]
    uplink["strict"] = None if None in modes else max(int(str(mode)) for mode in modes) == _STRICT


def connections() -> observed.Connections | None:
    """How many connections the kernel keeps track of, and how many it can."""
    count, limit = (files.text(_PROC / f"sys/net/netfilter/nf_conntrack_{what}") for what in ("count", "max"))
    return {"count": int(count), "limit": int(limit)} if count and limit else None


def filters_bridged() -> bool | None:
    """Whether iptables sees what containers of one bridge send each other; None where the module is not loaded."""
    return sysctls.switch("bridge/bridge-nf-call-iptables")


class Handles(NamedTuple):
    """Files of the engine's for a container, "" for none: its network namespace, and its /etc/resolv.conf."""

    sandbox: str
    resolv_conf: str


def add_process(container: observed.Container, engine_root: str, handles: Handles) -> None:
    """What the kernel tells of a running container's first process, and the engine's files of it.

    ``engine_root`` is the daemon's view of the file system, in which ``handles`` are. None is for what does not run, or
    ended meanwhile.
    """
    pid = container["pid"]
    if not pid:
        return
    directory = _PROC / str(pid)
    container["parent"] = _parent(directory)
    if not has_namespace(container):
        return
    routes, sockets = files.text(directory / "net/route"), files.text(directory / "net/udp")
    container["gateways"] = None if routes is None else list(_gateways(routes))
    container["resolver"] = None if sockets is None else f" {_RESOLVER:08X}:" in sockets
    if handles.sandbox:
        container["sandboxed"] = _same(directory / "ns/net", Path(engine_root + handles.sandbox))
    told = files.text(Path(engine_root + handles.resolv_conf)) if handles.resolv_conf and routes is not None else None
    container["nameservers"] = None if told is None else re.findall(r"^nameserver\s+(\S+)", told, re.MULTILINE)


def has_namespace(container: observed.Container) -> bool:
    """Whether the engine has connected a network namespace of the container's own."""
    mode = container["network_mode"]
    return mode not in ("host", "none") and "container:" not in mode


def _parent(directory: Path) -> str | None:
    """The name of the parent of a process."""
    status = files.text(directory / "status")
    parent = re.search(r"^PPid:\t(\d+)$", status or "", re.MULTILINE)
    name = files.text(_PROC / parent[1] / "comm") if parent else None
    return name.strip() if name else None


def _gateways(table: str) -> Iterator[str]:
    """The gateways in ``/proc/net/route``, whose addresses are words of the machine's byte order."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 3 and int(columns[3], 16) & _GATEWAY_FLAG:
            raw = bytes.fromhex(columns[2])
            yield str(ipaddress.ip_address(raw[::-1] if sys.byteorder == "little" else raw))


def _same(one: Path, other: Path) -> bool | None:
    """Whether both are one file; None where the first has gone."""
    try:
        known = one.stat()
    except OSError:
        return None
    try:
        found = other.stat()
    except OSError:
        return False
    return (known.st_dev, known.st_ino) == (found.st_dev, found.st_ino)
