# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the packet filters of a host do with one packet: the chains that it passes, rule by rule.

Pure functions over rules that ``iptables_chains`` and ``nft_chains`` read. Whether a rule is about a packet can be
unknown: the packet is only described as far as Docker knows it, and many matches depend on more. Then both is possible,
and what becomes of the packet is known only where it is the same either way.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Callable, Optional, Union

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

ACCEPT, DROP, RETURN, JUMP, GOTO, DNAT, SNAT, CONTINUE, UNKNOWN = (
    "accept",
    "drop",
    "return",
    "jump",
    "goto",
    "dnat",
    "snat",
    "continue",
    "unknown",
)
"""Verdicts. SNAT is masquerading too, DROP is rejecting too."""

_HARDLY_NAMED = 9
"""A port that rules of address translation are not about, unless they are about all (RFC 863)."""

ANY_PORT = "*"
"""A port of a bridge, no matter which."""

_DEPTH = 32
"""The kernel allows 16 jumps (NFT_JUMP_STACK_SIZE)."""


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection. ``incoming`` and ``outgoing`` are interfaces, None for the host itself.

    In the hooks of a bridge they are its ports, ANY_PORT for one that nobody knows, and ``from_bridge`` and
    ``to_bridge`` are the bridge.

    ``source`` or ``destination`` is None for a machine elsewhere, whose address nobody knows: it is none of ``here``,
    the ranges of the host and its containers. ``port`` is the destination's, None for any.
    """

    version: int
    incoming: str | None
    outgoing: str | None
    source: str | None
    destination: str | None
    protocol: str = "tcp"
    port: int | None = None
    is_for_host: bool = False
    is_translated: bool = False
    from_bridge: str | None = None
    to_bridge: str | None = None
    here: tuple[Network, ...] = field(default=(), repr=False)


Condition = Callable[[Packet], Optional[bool]]
"""Whether a rule is about a packet; None where nobody can tell."""


@dataclass(frozen=True)
class Verdict:
    """``target`` is a chain to JUMP or GOTO, or where DNAT sends a packet: an address and a port, "" where it stays."""

    kind: str
    target: str | tuple[str, int | None] = ""


@dataclass(frozen=True)
class Rule:
    """``text`` tells a person which rule it is."""

    text: str
    conditions: tuple[Condition, ...]
    verdict: Verdict

    def is_about(self, packet: Packet) -> bool | None:
        """Whether all conditions hold."""
        found: bool | None = True
        for condition in self.conditions:
            holds = condition(packet)
            if holds is False:
                return False
            if holds is None:
                found = None
        return found


@dataclass
class Chain:
    """A base chain has a ``hook`` ("prerouting", "input", "forward", "output", "postrouting") and a ``policy``.

    Before those of bridges stands "bridge ". The hooks "ingress" and "egress" are of ``devices``. ``key`` is its
    family, table and name; ``versions`` are those of IP that it sees. ``is_nat`` is its type.
    """

    key: tuple[str, str, str]
    versions: tuple[int, ...]
    text: str
    rules: list[Rule] = field(default_factory=list)
    hook: str | None = None
    priority: int = 0
    policy: str = ACCEPT
    is_nat: bool = False
    devices: tuple[str, ...] = ()

    @property
    def places(self) -> list[str]:
        """Its hook, with each of its devices where it has some."""
        return [f"{self.hook} {device}" for device in self.devices] if self.devices else [str(self.hook)]


@dataclass(frozen=True)
class Outcome:
    """``kind`` is a verdict that ends a chain, by the rule or policy ``text``."""

    kind: str
    text: str
    target: str | tuple[str, int | None] = ""


_FALL = Outcome(RETURN, "")
"""No rule decides."""


class Filters:
    """The chains of a host."""

    def __init__(self, chains: Iterable[Chain]) -> None:
        self.chains = {chain.key: chain for chain in chains}
        self._hooks: dict[tuple[str, int], list[Chain]] = {}
        for chain in self.chains.values():
            for place, version in itertools.product(chain.places, chain.versions) if chain.hook else ():
                self._hooks.setdefault((place, version), []).append(chain)
        for found in self._hooks.values():
            found.sort(key=lambda chain: chain.priority)

    def decide(self, hook: str, packet: Packet) -> Outcome:
        """What the filters of a hook do: ACCEPT, DROP or UNKNOWN, with the rule that decides."""
        deciding = Outcome(ACCEPT, "")
        for chain in self._hooks.get((hook, packet.version), []):
            if chain.is_nat:
                continue
            found = self._outcomes(chain, packet)
            kinds = {one.kind for one in found}
            if kinds == {DROP}:
                return found[0]
            if kinds != {ACCEPT}:
                deciding = Outcome(UNKNOWN, "")
            elif deciding.kind == ACCEPT and found[0].text != chain.text:
                deciding = found[0]
        return deciding

    def translate(self, hook: str, packet: Packet) -> Outcome:
        """What address translation of a hook does: DNAT, SNAT, ACCEPT for nothing, or UNKNOWN.

        For a packet to any port, what it does to all but a few.
        """
        packet = packet if packet.port is not None else replace(packet, port=_HARDLY_NAMED)
        for chain in self._hooks.get((hook, packet.version), []):
            if not chain.is_nat:
                continue
            found = self._outcomes(chain, packet)
            if len({(one.kind, one.target) for one in found}) > 1:
                return Outcome(UNKNOWN, "")
            if found[0].kind != ACCEPT:
                return found[0]
        return Outcome(ACCEPT, "")

    def entered(self, hook: str) -> set[tuple[str, str, str]]:
        """The chains that packets may come to from a hook."""
        found = {chain.key for (name, _version), chains in self._hooks.items() if name == hook for chain in chains}
        left = list(found)
        while left:
            chain = self.chains.get(left.pop())
            for rule in _tried(chain) if chain else []:
                key = (*chain.key[:2], str(rule.verdict.target)) if chain else None
                if key and rule.verdict.kind in (JUMP, GOTO) and key not in found:
                    found.add(key)
                    left.append(key)
        return found

    def _outcomes(self, chain: Chain, packet: Packet) -> list[Outcome]:
        """Whatever is possible in a base chain."""
        policy = Outcome(chain.policy, chain.text)
        return [policy if one is _FALL else one for one in self._run(chain, packet, 0)]

    def _run(self, chain: Chain, packet: Packet, depth: int) -> list[Outcome]:
        possible: list[Outcome] = []
        for rule in chain.rules:
            is_about = rule.is_about(packet)
            if is_about is False:
                continue
            found = self._apply(rule, chain, packet, depth)
            falls = _FALL in found
            possible += [one for one in found if one is not _FALL]
            ends = rule.verdict.kind in (RETURN, GOTO)
            if ends and falls:
                possible.append(_FALL)
            if is_about and (ends or not falls):
                return possible
        return [*possible, _FALL]

    def _apply(self, rule: Rule, chain: Chain, packet: Packet, depth: int) -> list[Outcome]:
        kind = rule.verdict.kind
        if kind in (CONTINUE, RETURN):
            return [_FALL]
        if kind in (JUMP, GOTO):
            target = self.chains.get((*chain.key[:2], str(rule.verdict.target)))
            if target is None or depth > _DEPTH:
                return [Outcome(UNKNOWN, rule.text)]
            return self._run(target, packet, depth + 1)
        return [Outcome(kind, rule.text, rule.verdict.target)]


def _tried(chain: Chain) -> Iterator[Rule]:
    """The rules of a chain up to one that decides on every packet."""
    for rule in chain.rules:
        yield rule
        if not rule.conditions and rule.verdict.kind in (ACCEPT, DROP, GOTO):
            return


@dataclass(frozen=True)
class Passage:
    """What becomes of a packet. ``kind`` is ACCEPT, DROP or UNKNOWN, and ``rule`` the one that decides, "" for none.

    ``to`` is the address and port that it gets to, and ``translated`` what becomes of its source: SNAT, ACCEPT for
    nothing, or UNKNOWN.
    """

    kind: str
    rule: str
    to: tuple[str, int | None] | None
    translated: str


Port = tuple[str, str]
"""A bridge and the name of one of its ports, or ANY_PORT."""


def passage(filters: Filters, packet: Packet, port_of: Callable[[str], Port | None]) -> Passage:
    """The way of a packet that comes in, or leaves a container, through all hooks.

    ``port_of`` is an address of a container to the port of the bridge that it is behind, None for others. A packet that
    is for the host ends at the input hook.
    """
    behind = port_of(packet.source) if packet.source else None
    before = _decide_each(filters, _arrival(packet, behind, port_of))
    if before.kind == DROP:
        return Passage(DROP, before.text, None, ACCEPT)
    raw = filters.decide("prerouting", packet)
    if raw.kind == DROP:
        return Passage(DROP, raw.text, None, ACCEPT)
    raw = replace(raw, kind=_both(before.kind, raw.kind))
    to: tuple[str, int | None] | None = None
    target = filters.translate("prerouting", packet)
    if target.kind == UNKNOWN:
        return Passage(UNKNOWN, "", None, UNKNOWN)
    if target.kind == DNAT:
        if isinstance(target.target, str):
            return Passage(UNKNOWN, "", None, UNKNOWN)
        address, number = target.target
        to = (address, number or packet.port)
        ahead = port_of(address)
        packet = replace(
            packet,
            destination=address,
            port=to[1],
            outgoing=ahead[0] if ahead else None,
            is_for_host=False,
            is_translated=True,
        )
    if packet.is_for_host:
        decided = filters.decide("input", packet)
        return Passage(_both(raw.kind, decided.kind), decided.text, to, ACCEPT)
    decided = filters.decide("forward", packet)
    if decided.kind == DROP:
        return Passage(DROP, decided.text, to, ACCEPT)
    after = filters.decide("postrouting", packet)
    if after.kind == DROP:
        return Passage(DROP, after.text, to, ACCEPT)
    last = _decide_each(filters, _departure(packet, port_of))
    if last.kind == DROP:
        return Passage(DROP, last.text, to, ACCEPT)
    source = filters.translate("postrouting", packet)
    kind = _both(raw.kind, decided.kind, after.kind, last.kind)
    return Passage(kind, decided.text if kind == ACCEPT else "", to, source.kind)


Visit = tuple[str, Packet]
"""A hook, and a packet as it looks there."""


def _arrival(packet: Packet, behind: Port | None, port_of: Callable[[str], Port | None]) -> Iterator[Visit]:
    """The hooks of interfaces and bridges before those of IP. ``behind`` is where the sender is, None for elsewhere."""
    if behind is None:
        if packet.incoming:
            yield f"ingress {packet.incoming}", packet
        return
    bridge, port = behind
    ahead = port_of(packet.destination) if packet.destination else None
    seen = replace(packet, incoming=port, outgoing=None, from_bridge=bridge)
    yield f"ingress {port}", seen
    yield "bridge prerouting", seen
    if ahead is None or ahead[0] != bridge:
        yield "bridge input", seen
        yield f"ingress {bridge}", replace(packet, incoming=bridge)
        return
    through = replace(seen, outgoing=ahead[1], to_bridge=bridge)
    yield "bridge forward", through
    yield "bridge postrouting", through
    yield f"egress {ahead[1]}", through


def _departure(packet: Packet, port_of: Callable[[str], Port | None]) -> Iterator[Visit]:
    """The hooks of interfaces and bridges after those of IP."""
    ahead = port_of(packet.destination) if packet.destination else None
    if packet.incoming == packet.outgoing:
        return  # It stays on its bridge, and has passed those.
    if packet.outgoing:
        yield f"egress {packet.outgoing}", packet
    if ahead:
        seen = replace(packet, incoming=None, outgoing=ahead[1], from_bridge=None, to_bridge=ahead[0])
        yield "bridge output", seen
        yield "bridge postrouting", seen
        yield f"egress {ahead[1]}", seen


def _decide_each(filters: Filters, visits: Iterable[Visit]) -> Outcome:
    """What several hooks do, one after the other: the first that drops decides."""
    deciding = Outcome(ACCEPT, "")
    for hook, packet in visits:
        found = filters.decide(hook, packet)
        if found.kind == DROP:
            return found
        if found.kind == UNKNOWN:
            deciding = found
    return deciding


def _both(*kinds: str) -> str:
    return UNKNOWN if UNKNOWN in kinds else DROP if DROP in kinds else ACCEPT


# Conditions -----------------------------------------------------------------------------------------


def turned(condition: Condition) -> Condition:
    """The opposite."""

    def opposite(packet: Packet) -> bool | None:
        holds = condition(packet)
        return None if holds is None else not holds

    return opposite


def unknown(_packet: Packet) -> bool | None:
    """A condition on what is not known of packets."""
    return None


def always(_packet: Packet) -> bool | None:
    """A condition that the first packet of a connection always fulfils."""
    return True


def never(_packet: Packet) -> bool | None:
    """A condition that it never fulfils."""
    return False


def interface(side: str, patterns: Iterable[str]) -> Condition:
    """On its ``side`` the packet has an interface that one of the patterns names.

    That is "incoming", "outgoing", "from_bridge" or "to_bridge".
    """
    chosen = tuple(patterns)

    def holds(packet: Packet) -> bool | None:
        name = getattr(packet, side)
        if name == ANY_PORT:
            return True if "*" in chosen else None
        return name is not None and any(fnmatch.fnmatchcase(name, pattern) for pattern in chosen)

    return holds


def address(side: str, networks: Iterable[Network]) -> Condition:
    """Its "source" or "destination" is in one of the networks."""
    chosen = tuple(networks)

    def holds(packet: Packet) -> bool | None:
        fitting = [one for one in chosen if one.version == packet.version]
        value = getattr(packet, side)
        if value is not None:
            found = ipaddress.ip_address(value)
            return any(found in one for one in fitting)
        if any(one.prefixlen == 0 for one in fitting):
            return True
        is_elsewhere = [not any(_within(one, mine) for mine in packet.here) for one in fitting]
        return None if any(is_elsewhere) else False

    return holds


def _within(one: Network, other: Network) -> bool:
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]  # Both are of one version.


def protocol(names: Iterable[str]) -> Condition:
    """It is of one of the protocols."""
    chosen = frozenset(names)
    return lambda packet: packet.protocol in chosen


def port(ranges: Iterable[tuple[int, int]]) -> Condition:
    """Its destination's port is in one of the ranges, both ends included."""
    chosen = tuple(ranges)

    def holds(packet: Packet) -> bool | None:
        number = packet.port
        return None if number is None else any(low <= number <= high for low, high in chosen)

    return holds


def state(names: Iterable[str]) -> Condition:
    """Its connection is in one of the states, in lower case: it is new, and may be translated."""
    chosen = frozenset(names)
    return lambda packet: "new" in chosen or ("dnat" in chosen and packet.is_translated)


def for_host(packet: Packet) -> bool | None:
    """Its destination is an address of the host."""
    return packet.is_for_host
