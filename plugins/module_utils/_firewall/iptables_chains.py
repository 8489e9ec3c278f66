# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains in the output of ``iptables-save`` and ``ip6tables-save``. Pure functions."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator
from typing import Callable

from . import packet_filter as model
from .packet_filter import Chain, Condition, Rule, Verdict

TABLES = ("raw", "mangle", "nat", "filter", "security")

# ip_tables.ko and nf_nat: where each table is entered (netfilter_ipv4.h, enum nf_ip_hook_priorities).
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_SOURCE_NAT = 100

# iptables-extensions(8): targets after which the next rule is tried.
_GO_ON = (
    *("AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER"),
    *("LED", "LOG", "MARK", "NFLOG", "NOTRACK", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS"),
    *("TRACE", "TTL", "ULOG"),
)


def read(program: str, saved: str) -> Iterator[Chain]:
    """The chains that ``program``-save wrote; ``program`` is "iptables" or "ip6tables"."""
    family, version = ("ip6", 6) if program.startswith("ip6") else ("ip", 4)
    table, chains = "", dict[str, Chain]()
    for line in saved.splitlines():
        if line.startswith("*"):
            table, chains = line[1:].strip(), {}
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[name] = _chain(program, (family, table, name), version, policy)
        elif line.startswith("-A "):
            _word, name, rest = (*line.split(" ", 2), "")[:3]
            if name in chains:
                chains[name].rules.append(_rule(f"{program} -t {table} {line}", rest, chains))
        elif line.startswith("COMMIT"):
            yield from chains.values()


def _chain(program: str, key: tuple[str, str, str], version: int, policy: str) -> Chain:
    _family, table, name = key
    found = Chain(key, (version,), f"{program} -t {table} -P {name} {policy}")
    if policy != "-":
        found.hook = name.lower()
        found.is_nat = table == "nat"
        found.policy = model.DROP if policy == "DROP" else model.ACCEPT
        is_source = found.is_nat and found.hook in ("postrouting", "input")
        found.priority = _SOURCE_NAT if is_source else _PRIORITIES.get(table, 0)
    return found


def _rule(text: str, words: str, chains: dict[str, Chain]) -> Rule:
    conditions: list[Condition] = []
    try:
        left = shlex.split(words)
    except ValueError:
        return Rule(text, (model.unknown,), Verdict(model.UNKNOWN))
    turned = False
    while left:
        word = left.pop(0)
        if word == "!":
            turned = True
            continue
        values: list[str] = []
        while left and left[0] != "!" and not left[0].startswith("-"):
            values.append(left.pop(0))
        if word in ("-j", "-g"):
            return Rule(text, tuple(conditions), _verdict(word, values[0] if values else "", left, chains))
        if word not in ("-m", "--comment"):
            found = _condition(word, values)
            conditions.append(model.turned(found) if turned else found)
        turned = False
    return Rule(text, tuple(conditions), Verdict(model.CONTINUE))


def _verdict(word: str, target: str, options: list[str], chains: dict[str, Chain]) -> Verdict:
    if word == "-g":
        return Verdict(model.GOTO, target)
    if target in chains:
        return Verdict(model.JUMP, target)
    if target in ("ACCEPT", "RETURN"):
        return Verdict(target.lower())
    if target in ("DROP", "REJECT"):
        return Verdict(model.DROP)
    if target in ("MASQUERADE", "SNAT"):
        return Verdict(model.SNAT)
    if target == "DNAT":
        said = dict(zip(options, options[1:]))
        return Verdict(model.DNAT, _destination(said.get("--to-destination", "")))
    return Verdict(model.CONTINUE if target in _GO_ON else model.UNKNOWN)


def _destination(text: str) -> str | tuple[str, int | None]:
    """ "172.17.0.2:80", "[fd00::2]:80" or an address alone; "" for what is no single one."""
    address, _colon, number = text.rpartition(":") if "]:" in text or text.count(":") == 1 else (text, "", "")
    try:
        return str(ipaddress.ip_address(address.strip("[]"))), int(number) if number else None
    except ValueError:
        return ""


def _interface(side: str) -> Callable[[list[str]], Condition]:
    return lambda values: model.interface(
        side, [values[0][:-1] + "*" if values[0].endswith("+") else _escaped(values[0])]
    )


def _escaped(name: str) -> str:
    """Interfaces may have any character in their names, and here they are patterns."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in name)


def _address(side: str) -> Callable[[list[str]], Condition]:
    return lambda values: model.address(side, [ipaddress.ip_network(one, strict=False) for one in values[0].split(",")])


def _ports(values: list[str]) -> Condition:
    ranges = []
    for one in values[0].split(","):
        low, colon, high = one.partition(":")
        ranges.append((int(low or 0), int(high or 65535) if colon else int(low)))
    return model.port(ranges)


def _states(values: list[str]) -> Condition:
    return model.state(values[0].lower().split(","))


def _kind(values: list[str]) -> Condition:
    """The kinds of a destination's address (addrtype), of which only the host's own are told apart here."""
    if values == ["LOCAL"]:
        return model.for_host
    return model.never if values[0] in ("BROADCAST", "MULTICAST", "ANYCAST") else model.unknown


_CONDITIONS: dict[str, Callable[[list[str]], Condition]] = {
    "-i": _interface("incoming"),
    "-o": _interface("outgoing"),
    "-s": _address("source"),
    "-d": _address("destination"),
    "-p": lambda values: model.always if values[0] == "all" else model.protocol(values),
    "--dport": _ports,
    "--dports": _ports,
    "--ctstate": _states,
    "--state": _states,
    "--dst-type": _kind,
}


def _condition(word: str, values: list[str]) -> Condition:
    make = _CONDITIONS.get(word)
    try:
        return make(values) if make else model.unknown
    except (IndexError, ValueError):
        return model.unknown
