# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names and addresses a server's certificate has: what the operator declared, and nothing that a host answers.

Whoever is root on one host could deceive the clients of another, had the certificate a name of that. So a name or an
address of another host of the inventory never gets in. A host's own inventory name and ``ansible_host`` always do, also
where several entries of the inventory share one address: names of one machine, or machines behind one address.

A name is written as in "DNS:trixie" and "IP:192.0.2.7", names in lower case, addresses in their shortest form. A fleet
is {host: [name, ...]}: by what each host of the inventory is known.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from ..module_utils._config import endpoints
from ..module_utils._tls.names import canonical, ip_address, lacking, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Fleet = dict[str, list[str]]

_LOOPBACK = ["localhost", "127.0.0.1"]


def fleet(hostvars: Mapping[str, Any], hosts: Iterable[str]) -> Fleet:
    """By what the ``hosts`` of an inventory are known: each by its name and its ``ansible_host``."""
    return {host: _each([host, _connection_address(hostvars[host])]) for host in hosts}


def server_names(host: str, address: str, declared: list[str], urls: list[str]) -> list[str]:
    """What a host's certificate is for. ``address`` is its ``ansible_host``, ``declared`` are further names."""
    return list(dict.fromkeys([*_own(host, address), *_each([*declared, *_listening(urls)])]))


def problems(host: str, address: str, declared: list[str], urls: list[str], known: Fleet) -> list[str]:
    """Why a host may not have the certificate that is declared: sentences that begin with the variable."""
    problem = index_problem(host)
    found = [f"the inventory name {problem}"] if problem else []
    named = [("docker_engine_certificate_names", value) for value in declared]
    listening = [("docker_engine_endpoints", value) for value in _listening(urls)]
    for variable, value in [*named, *listening]:
        name = canonical(value)
        owner = owners([name], host, address, known).get(name) if name else None
        if name is None:
            found.append(
                f"{variable} {value!r} is neither a name nor an address: write build.example.com, *.build.example.com, "
                "192.0.2.7 or 2001:db8::7"
            )
        elif owner:
            found.append(
                f"{variable} {value} is also for {owner}, another host of the inventory, whose clients {host} could "
                f"then deceive: take it out. If both are one machine, take {owner} out of the inventory"
            )
    return found


def owners(names: Iterable[str], host: str, address: str, known: Fleet) -> dict[str, str]:
    """Those of ``names`` that are for another host, each with that host.

    What a host is called itself, and loopback, is its own whoever else has it.
    """
    return _foreign(names, _own(host, address), {other: each for other, each in known.items() if other != host})


def compared(wanted: list[str], deployed: list[str], known: Fleet) -> tuple[list[str], list[str], dict[str, str]]:
    """How a certificate differs from what it must be for: what it lacks, what it has beyond that and is nobody's, and
    what it has of other hosts, each with its host.

    ``wanted`` are ``server_names``, ``deployed`` are names as ``certificates.describe`` tells them.
    """
    beyond = sorted({normal(name) for name in deployed} - set(wanted))
    of_others = _foreign(beyond, wanted, known)
    return lacking(wanted, deployed), [name for name in beyond if name not in of_others], of_others


def foreign(deployed: list[str], wanted: list[str], known: Fleet) -> str:
    """Why a certificate must be issued anew for the names of other hosts that it has; empty where it has none.

    The arguments are those of ``compared``.
    """
    _lacking, _undeclared, of_others = compared(wanted, deployed, known)
    if not of_others:
        return ""
    return f"it is also for {', '.join(f'{name} of {owner}' for name, owner in of_others.items())}"


def _foreign(names: Iterable[str], own: list[str], known: Fleet) -> dict[str, str]:
    found = {}
    for name in names:
        if name in own or _is_loopback(name):
            continue
        for other, others in known.items():
            if any(_covers(name, one) for one in others if one not in own):
                found[name] = other
                break
    return found


def index_problem(name: str) -> str | None:
    """Why a name cannot be that of a file in the index of certificates; None where it can."""
    if name and not name.startswith(".") and "/" not in name and name.isprintable() and len(name.encode()) <= 180:
        return None
    return (
        f"{name!r} cannot be that of a file: no certificate is issued for what begins with a dot, has / or is too long"
    )


def _own(host: str, address: str) -> list[str]:
    return [name for name in _each([*_LOOPBACK, host, address]) if "*" not in name]


def _each(texts: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(map(canonical, texts)) if name]


def _connection_address(variables: Mapping[str, Any]) -> str:
    # Whatever a template may raise: a host whose address cannot be told cannot be reached either.
    with contextlib.suppress(Exception):
        return str(variables["ansible_host"])
    return ""


def _listening(urls: list[str]) -> list[str]:
    """Where the TCP endpoints listen, those left out that listen everywhere; bad ones are told elsewhere."""
    found = []
    for url in urls:
        with contextlib.suppress(endpoints.EndpointError):
            host = endpoints.parse(url).host
            address = ip_address(host)
            if host and not (address and address.is_unspecified):
                found.append(host)
    return found


def _is_loopback(name: str) -> bool:
    address = ip_address(name.partition(":")[2])
    return address is not None and address.is_loopback


def _covers(pattern: str, name: str) -> bool:
    """Whether a certificate with ``pattern`` is good for ``name``: an asterisk stands for what has no dot."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]*"), name) is not None
