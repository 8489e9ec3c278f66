# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the kernel's rules carry a published port to its container, and which let it through. Pure functions.

The rules are read as text, ``iptables-save``'s and ``nft list``'s, for iptables' rules are opaque to ``nft --json``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_VERDICT = re.compile(r"(-j (ACCEPT|DROP|REJECT)\b|(?<![\w-])(accept|drop|reject)(?![\w-]))")
# The words of iptables, then those of nft. What is turned round (! -d, daddr !=) names what a rule is not about.
_PROTOCOL = re.compile(r"(?:(?<!! )-p|(?<=\s)(?=(?:tcp|udp|sctp) dport)) ?(tcp|udp|sctp)\b")
_PORT = re.compile(r"(?<!! )(?:--)?\bdport (\d+)\b")
_DESTINATION = re.compile(r"(?:(?<!! )-d|\bip6? daddr) ([0-9a-f.:]+)(?:/32|/128)?(?= |$)")
_TARGET = re.compile(r"(?:--to-destination|\bdnat to) (?:\[([0-9a-f:]+)\]|([0-9.]+)):(\d+)\b")
_COUNTER = re.compile(r"\bcounter packets \d+ bytes \d+ ")

_Port = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """One rule of the packet filter, as ``text``, and what of it concerns ports."""

    text: str
    protocol: str | None
    port: int | None
    destination: str | None
    target: tuple[str, int] | None
    verdict: bool


def iptables(program: str, saved: str) -> Iterator[Rule]:
    """The rules in the output of ``iptables-save`` or ``ip6tables-save``, for the program that makes them."""
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A "):
            yield _rule(f"{program} -t {table} {line}", line)


def nft(listed: str) -> Iterator[Rule]:
    """The rules in the output of ``nft list table`` for tables of the families ip and ip6."""
    family = table = chain = ""
    for line in listed.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            _word, family, table = words[:3]
        elif words[:1] == ["chain"]:
            chain = words[1]
        elif words[:1] == ["}"]:
            chain = ""
        elif chain and words and words[0] != "type":
            rule = _COUNTER.sub("", line.strip())
            yield _rule(f"nft add rule {family} {table} {chain} {rule}", f" {rule}")


def _rule(text: str, words: str) -> Rule:
    protocol, port = _PROTOCOL.search(words), _PORT.search(words)
    destination, target = _DESTINATION.search(words), _TARGET.search(words)
    return Rule(
        text,
        protocol[1] if protocol else None,
        int(port[1]) if port else None,
        destination[1] if destination else None,
        (target[1] or target[2], int(target[3])) if target else None,
        bool(_VERDICT.search(words)),
    )


class Rules:
    """The rules of a host, by what a port is looked up with."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._carrying: dict[tuple[str, int], list[Rule]] = {}
        self._deciding: dict[str, list[Rule]] = {}
        for rule in rules:
            if rule.target:
                self._carrying.setdefault(rule.target, []).append(rule)
            elif rule.verdict and rule.destination:
                self._deciding.setdefault(rule.destination, []).append(rule)

    def of(self, port: _Port, addresses: list[str]) -> dict[str, list[str]]:
        """The rules for a published port of a container with these addresses.

        ``nat`` carry it to the container, ``filter`` name the port or the container and decide what gets there.
        """
        published_at = ipaddress.ip_address(port["host_address"])
        ends = [address for address in addresses if ipaddress.ip_address(address).version == published_at.version]
        nat, decide = [], []
        for end in ends:
            nat += [
                rule.text
                for rule in self._carrying.get((end, port["container_port"]), [])
                if rule.port == port["host_port"]
                and rule.protocol == port["protocol"]
                and rule.destination in (None, port["host_address"])
            ]
            decide += [rule.text for rule in self._deciding.get(end, []) if _fits(rule, port, port["container_port"])]
        # What was published on an address is decided on there too, before it is carried on.
        decide += [
            rule.text
            for rule in self._deciding.get(port["host_address"], [])
            if rule.port is not None and _fits(rule, port, port["host_port"])
        ]
        return {"nat": nat, "filter": decide}


def _fits(rule: Rule, port: _Port, number: int) -> bool:
    return rule.port in (None, number) and rule.protocol in (None, port["protocol"])


def proxy(command: list[str]) -> tuple[str, str, int] | None:
    """Protocol, address and port on the host that a process serves, where its command is docker-proxy's."""
    if not command or command[0].rpartition("/")[2] != "docker-proxy":
        return None
    said = dict(zip(command[1:], command[2:]))
    try:
        return said["-proto"], said["-host-ip"], int(said["-host-port"])
    except (KeyError, ValueError):
        return None
