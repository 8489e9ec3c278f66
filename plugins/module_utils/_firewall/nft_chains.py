# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains in the output of ``nft --json list``, libnftables-json(5). Pure functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, Callable

from . import packet_filter as model
from .packet_filter import Chain, Condition, Rule, Verdict

_VERSIONS = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "bridge": (4, 6), "netdev": (4, 6)}

_Key = tuple[str, str, str]
_Elements = dict[_Key, list[Any]]


def read(listed: list[dict[str, Any]]) -> Iterator[Chain]:
    """The chains in the list below "nftables". What a set has in it is unknown where it was not listed (terse)."""
    chains: dict[_Key, Chain] = {}
    named: _Elements = {}
    rules = []
    for entry in listed:
        (kind, said), *_others = entry.items()
        if kind == "chain" and said.get("family") in _VERSIONS:
            chain = _chain(said)
            chains[chain.key] = chain
        elif kind in ("map", "set") and "elem" in said:
            named[_key(said, "name")] = said["elem"]
        elif kind == "rule":
            rules.append(said)
    for said in rules:
        owner = chains.get(_key(said, "chain"))
        if owner:
            owner.rules += _rules(said, named)
    yield from chains.values()


def devices(text: str) -> list[str]:
    """The devices of a chain, from ``nft list chain``: ``device "a"`` or ``devices = { a, "b" }``."""
    match = re.search(r"\bhook \w+ devices? (?:= )?(?:\{([^}]*)\}|(\S+))", text)
    return [name.strip().strip('"') for name in (match[1] or match[2]).split(",")] if match else []


def tables(listed: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Family and name of each table."""
    return {(entry["table"]["family"], entry["table"]["name"]) for entry in listed if "table" in entry}


def without(chains: Iterable[Chain], families: Iterable[str], names: Iterable[str]) -> Iterator[Chain]:
    """Those that are in none of the named tables of these families."""
    left_out = {(family, name) for family in families for name in names}
    return (chain for chain in chains if chain.key[:2] not in left_out)


def _key(said: dict[str, Any], name: str) -> _Key:
    return said["family"], said["table"], said[name]


def _chain(said: dict[str, Any]) -> Chain:
    family, table, name = _key(said, "name")
    hook, devices = said.get("hook"), said.get("dev") or ()
    return Chain(
        (family, table, name),
        _VERSIONS[family],
        f"the policy of nft list chain {family} {table} {name}",
        hook=f"bridge {hook}" if hook and family == "bridge" else hook,
        devices=(devices,) if isinstance(devices, str) else tuple(devices),
        priority=said["prio"] if isinstance(said.get("prio"), int) else 0,
        policy=model.DROP if said.get("policy") == "drop" else model.ACCEPT,
        is_nat=said.get("type") == "nat",
    )


def _rules(said: dict[str, Any], named: _Elements) -> Iterator[Rule]:
    """One rule, or several for one whose verdict is looked up in a map."""
    family, table, chain = _key(said, "chain")
    text = f"rule {said.get('handle')} of nft --handle list chain {family} {table} {chain}"
    conditions: list[Condition] = []
    for expression in said.get("expr") or []:
        (word, value), *_others = expression.items()
        verdict = _verdict(word, value)
        if verdict:
            yield Rule(text, tuple(conditions), verdict)
            return
        if word == "vmap":
            yield from _lookups(text, tuple(conditions), value, said, named)
            return
        if word == "match":
            conditions.append(_match(value, said, named))
        elif word not in _SILENT:
            conditions.append(model.unknown)
    yield Rule(text, tuple(conditions), Verdict(model.CONTINUE))


_SILENT = ("counter", "comment", "log", "mangle", "notrack", "ct helper", "ct timeout", "flow", "meter")
"""Statements after which the next is tried, whatever the packet is."""


def _verdict(word: str, value: Any) -> Verdict | None:
    """The verdict of a statement, None where it is none."""
    if word in ("accept", "drop", "return", "continue"):
        return Verdict(word)
    if word == "reject":
        return Verdict(model.DROP)
    if word in ("jump", "goto"):
        return Verdict(word, value["target"])
    if word in ("masquerade", "snat"):
        return Verdict(model.SNAT)
    if word == "dnat":
        return Verdict(model.DNAT, _destination(value))
    if word in ("xt", "queue", "redirect", "tproxy", "fwd", "dup", "synproxy"):
        return Verdict(model.UNKNOWN)
    return None


def _destination(value: Any) -> str | tuple[str, int | None]:
    """Where a packet is sent to, "" for what is no single address."""
    address, number = (value or {}).get("addr"), (value or {}).get("port")
    if not isinstance(address, str) or not (number is None or isinstance(number, int)):
        return ""
    return str(ipaddress.ip_address(address)), number


def _lookups(
    text: str, before: tuple[Condition, ...], value: dict[str, Any], said: dict[str, Any], named: _Elements
) -> Iterator[Rule]:
    data: Any = value.get("data")
    elements = named.get((said["family"], said["table"], data[1:])) if isinstance(data, str) else data["set"]
    if elements is None:
        yield Rule(text, (*before, model.unknown), Verdict(model.UNKNOWN))
        return
    for element in elements:
        key, statement = element
        (word, target), *_others = statement.items()
        condition = _compare(value["key"], [_plain(key)])
        yield Rule(text, (*before, condition), _verdict(word, target) or Verdict(model.UNKNOWN))


def _match(value: dict[str, Any], said: dict[str, Any], named: _Elements) -> Condition:
    operator, right = value.get("op"), value.get("right")
    if operator not in ("==", "!=", "in"):
        return model.unknown
    elements: list[Any] | None = [right]
    if isinstance(right, str) and right.startswith("@"):
        elements = named.get((said["family"], said["table"], right[1:]))
    elif isinstance(right, dict) and "set" in right:
        elements = right["set"] if isinstance(right["set"], list) else [right["set"]]
    elif isinstance(right, list):
        elements = right
    if elements is None:
        return model.unknown
    try:
        condition = _compare(value["left"], [_plain(one) for one in elements])
    except (KeyError, TypeError, ValueError):
        return model.unknown
    return model.turned(condition) if operator == "!=" else condition


def _plain(element: Any) -> Any:
    """An element of a set without what is said of it beside, such as its counter."""
    if isinstance(element, dict) and "elem" in element:
        return element["elem"].get("val")
    return element


def _compare(left: Any, values: list[Any]) -> Condition:
    """The condition that the packet's ``left`` is one of the values."""
    if isinstance(left, dict) and "concat" in left:
        return _any([_all([_compare(*pair) for pair in _parts(left["concat"], one)]) for one in values])
    what = _what(left)
    make = _CONDITIONS.get(what)
    if make is None:
        return model.unknown
    return make(values)


def _parts(keys: list[Any], element: Any) -> list[tuple[Any, list[Any]]]:
    return [(key, [one]) for key, one in zip(keys, element["concat"])]


def _all(conditions: list[Condition]) -> Condition:
    return Rule("", tuple(conditions), Verdict(model.CONTINUE)).is_about


def _any(conditions: list[Condition]) -> Condition:
    return model.turned(_all([model.turned(one) for one in conditions]))


def _what(left: Any) -> tuple[str, ...]:
    if not isinstance(left, dict):
        return ()
    (kind, said), *_others = left.items()
    if kind == "meta":
        return "meta", said["key"]
    if kind == "payload":
        return "payload", said.get("protocol", ""), said.get("field", "")
    if kind == "ct":
        return "ct", said["key"]
    if kind == "fib":
        return "fib", said.get("result", ""), *sorted(said.get("flags") or [])
    return ()


def _network(value: Any) -> list[model.Network]:
    if isinstance(value, dict) and "prefix" in value:
        return [ipaddress.ip_network(f"{value['prefix']['addr']}/{value['prefix']['len']}", strict=False)]
    if isinstance(value, dict) and "range" in value:
        first, last = map(ipaddress.ip_address, value["range"])
        return list(ipaddress.summarize_address_range(first, last))
    return [ipaddress.ip_network(value, strict=False)]


def _address(side: str, version: int) -> Callable[[list[Any]], Condition]:
    def make(values: list[Any]) -> Condition:
        inside = model.address(side, [network for one in values for network in _network(one)])
        return lambda packet: inside(packet) if packet.version == version else False

    return make


def _port(name: str) -> Callable[[list[Any]], Condition]:
    def make(values: list[Any]) -> Condition:
        ranges = [tuple(one["range"]) if isinstance(one, dict) else (one, one) for one in values]
        if not all(isinstance(number, int) for pair in ranges for number in pair):
            return model.unknown
        inside = model.port(ranges)
        return lambda packet: inside(packet) if name in ("th", packet.protocol) else False

    return make


def _interface(side: str) -> Callable[[list[Any]], Condition]:
    return lambda values: model.interface(side, map(str, values))


def _family(values: list[Any]) -> Condition:
    versions = {{"ipv4": 4, "ip": 4, "ipv6": 6, "ip6": 6}.get(one) for one in values}
    return lambda packet: packet.version in versions


def _kind(values: list[Any]) -> Condition:
    """Kinds of the destination's address, of which only the host's own are told apart here."""
    if values == ["local"]:
        return model.for_host
    if set(values) <= {"broadcast", "multicast", "anycast"}:
        return model.never
    return model.unknown


def _protocol(values: list[Any]) -> Condition:
    numbers = {6: "tcp", 17: "udp", 132: "sctp"}
    return model.protocol([numbers.get(one, one) for one in values])


def _status(values: list[Any]) -> Condition:
    return (lambda packet: packet.is_translated) if values == ["dnat"] else model.unknown


_CONDITIONS: dict[tuple[str, ...], Callable[[list[Any]], Condition]] = {
    ("meta", "iifname"): _interface("incoming"),
    ("meta", "iif"): _interface("incoming"),
    ("meta", "oifname"): _interface("outgoing"),
    ("meta", "oif"): _interface("outgoing"),
    ("meta", "ibrname"): _interface("from_bridge"),
    ("meta", "obrname"): _interface("to_bridge"),
    ("payload", "ether", "type"): _family,
    ("meta", "nfproto"): _family,
    ("meta", "protocol"): _family,
    ("meta", "l4proto"): _protocol,
    ("payload", "ip", "saddr"): _address("source", 4),
    ("payload", "ip", "daddr"): _address("destination", 4),
    ("payload", "ip6", "saddr"): _address("source", 6),
    ("payload", "ip6", "daddr"): _address("destination", 6),
    ("payload", "ip", "protocol"): _protocol,
    ("payload", "ip6", "nexthdr"): _protocol,
    ("payload", "tcp", "dport"): _port("tcp"),
    ("payload", "udp", "dport"): _port("udp"),
    ("payload", "sctp", "dport"): _port("sctp"),
    ("payload", "th", "dport"): _port("th"),
    ("ct", "state"): model.state,
    ("ct", "status"): _status,
    ("fib", "type", "daddr"): _kind,
}
