# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a host with its declaration, from one observation of it and what the controller reaches itself."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils._config import endpoints, state
from ..module_utils._engine import daemon
from ..module_utils._engine.probe import CredentialError, probe
from ..module_utils._firewall import published as published_filter
from ..module_utils._network import addresses
from ..module_utils._plan import addresses as planned_addresses
from ..module_utils._plan import configuration
from ..module_utils._plan import filters as planned_filters
from ..module_utils._plan import sysctls as planned_sysctls
from ..module_utils._plan.observation import Observation
from ..module_utils._plan.selection import NETWORK_FRAGMENT
from ..module_utils._system import platforms
from . import names
from .findings import filters, links, network, on_host, packets, published, routes
from .findings._finding import ERROR, WARNING, Finding
from .text import printable_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..module_utils._plan.declaration import Declaration, NetworkDeclaration
    from ..module_utils._system.observed import Host
    from .declaration.place import Place
    from .declaration.variables import Variables

_READ = "correct what the error names on the controller, then verify again"
_PORT_TIMEOUT = 2
"""Seconds for a published port to take a connection."""


@dataclasses.dataclass(frozen=True)
class Declared:
    """What is declared of a host, and what the controller knows beside."""

    declaration: Declaration
    variables: Variables
    place: Place
    renew_days: int
    """A certificate with fewer days left is a finding."""
    observer: dict[str, str]
    """As whom the controller connects to the endpoints: paths of ``ca`` and, where it is a client, ``certificate`` and
    ``key``."""
    probe_hosts: dict[str, str]
    """The hosts from which the endpoints are probed too, each with its ``ansible_host``, "" where it has none."""


def expectation(declared: Declared) -> dict[str, Any]:
    """What the findings on the engine compare a host with."""
    variables, place = declared.variables, declared.place
    engine = declared.declaration["engine"]
    assert engine is not None
    issued, provided = engine["issued"], engine["provided"]
    tls = issued or provided
    names_of_certificate = issued["names"] if issued else _provided_names(declared)
    return {
        "endpoints": variables["docker_engine_endpoints"],
        "socket": engine["socket"],
        "users": [*engine["users"], *([engine["ssh"]["user"]] if engine["ssh"]["clients"] else [])],
        "ssh": engine["ssh"],
        "tls": tls is not None,
        "issues": issued is not None,
        "certificate_files": tls["files"] if tls else {},
        "names": names_of_certificate,
        "fleet": place.fleet,
        "renew_days": declared.renew_days,
        "authorities": {
            kind: getattr(place.authorities, kind)
            if place.authorities
            else {"fingerprints": [], "signer": {"name": None, "key_id": None}}
            for kind in ("server", "client")
        },
        "client_authorities": variables["docker_engine_client_authorities"],
        "client": declared.observer.get("certificate", "nobody"),
        "allowed": variables["docker_engine_allowed_clients"],
        "probe_hosts": declared.probe_hosts,
        "controller": declared.declaration["controller"],
        "filters": {"endpoint": engine["filter_rules"]},
        "require_filters": engine["require_filters"],
    }


def _provided_names(declared: Declared) -> list[str]:
    """By what clients reach the host, but for its name in the inventory, which nobody else may know."""
    variables, place = declared.variables, declared.place
    wanted = names.server_names(
        place.name,
        place.address,
        variables["docker_engine_certificate_names"],
        variables["docker_engine_endpoints"],
    )
    return [name for name in wanted if name != f"DNS:{place.name.lower()}"]


def _reach(declared: Declared, host: Host) -> list[dict[str, Any]]:
    """What the controller sees of the TCP endpoints: each an ``endpoint``, or the ``msg`` why it cannot be probed."""
    if host["engine"]["service"]["active"] != "active":
        return []
    ca, certificate, key = (declared.observer.get(name) for name in ("ca", "certificate", "key"))

    def look_at(url: str) -> dict[str, Any]:
        try:
            return {"endpoint": probe(url, ca, certificate, key)}
        except (CredentialError, endpoints.EndpointError) as error:
            return {"msg": str(error)}

    urls = endpoints.reached(declared.variables["docker_engine_endpoints"], declared.place.address)
    if not urls:
        return []
    with ThreadPoolExecutor(max_workers=8) as pool:
        # Certificates and errors are in the words of whoever answers.
        probes: list[dict[str, Any]] = printable_data(list(pool.map(look_at, urls)))
    return probes


def _open_ports(declared: Declared, host: Host) -> list[int]:
    """The published ports that take a connection from the controller, of those that must not."""
    declaration = declared.declaration
    assert declaration["network"] is not None
    closed = published.closed(
        declaration["network"]["published"],
        host["engine"]["published"],
        declared.place.address,
        host["network"]["client"],
        declaration["controller"],
    )
    if not (closed and host["engine"]["installed"]):
        return []

    def is_open(port: int) -> bool:
        try:
            socket.create_connection((declared.place.address, port), timeout=_PORT_TIMEOUT).close()
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(max_workers=64) as pool:
        return [port for port, answer in zip(closed, pool.map(is_open, closed)) if answer]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """``findings`` on a host, and the ``evidence`` they stand on: what is declared, and what was seen."""

    findings: list[Finding]
    evidence: dict[str, Any]


def compare(declared: Declared, seen: dict[str, Any], other_probes: list[dict[str, Any]]) -> Comparison:
    """Compare a host with its declaration.

    ``seen`` is the reply of ``host_plan`` with ``observe``, or why there is none; ``other_probes`` are results of
    ``endpoint_info`` from other hosts. What cannot be read of a host is a finding.
    """
    expected = expectation(declared)
    try:
        return _compare(declared, expected, seen, other_probes)
    except OSError as error:
        finding = Finding("host.unobserved", ERROR, "the controller reads what it compares with", str(error), _READ)
        return Comparison([finding], _evidence(declared, expected, {"msg": str(error)}, None, {}, []))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        problem = f"something that cannot be read ({type(error).__name__}: {error})"
        finding = Finding("host.unobserved", ERROR, "host_info tells what is there", problem, "look at the host")
        return Comparison([finding], _evidence(declared, expected, {"msg": problem}, None, {}, []))


def _compare(
    declared: Declared, expected: dict[str, Any], seen: dict[str, Any], other_probes: list[dict[str, Any]]
) -> Comparison:
    host: Host | None = seen.get("host")
    is_fit = host is not None and platforms.problem(host["system"]) is None
    probes = [*(_reach(declared, host) if host and is_fit else []), *other_probes]
    reply = {name: value for name, value in seen.items() if value is not None}
    found = list(on_host(expected, reply, seen.get("composition") or {}, probes))
    observation = _observation(declared, host) if host and is_fit else None
    parameters: dict[str, str] = {}
    if observation:
        parameters = planned_sysctls.wanted(declared.declaration, observation)
        found += _on_network(declared, observation, parameters, _open_ports(declared, observation.host))
    return Comparison(found, _evidence(declared, expected, seen, observation, parameters, probes))


def _on_network(
    declared: Declared, observation: Observation, parameters: dict[str, str], ports: list[int]
) -> Iterator[Finding]:
    declaration, host = declared.declaration, observation.host
    declared_network = declaration["network"]
    assert declared_network is not None
    bridges = host["bridge"] or {}
    if bridges.get("error") and host["engine"]["api_version"]:
        expected, found = "bridge_info tells all of bridges and containers", str(bridges["error"])
        yield Finding("bridge.unobserved", WARNING, expected, found, "as it says, then verify again")
    if bridges.get("engine_answers"):
        yield from network.bridge(observation.network_fragment, bridges, host["network"]["without_ipv6"])
        forwarding = host["network"]["forwarding"]
        options = observation.network_fragment
        yield from network.forwarding(options, declared_network["networks"], bridges, forwarding)
        yield from network.networks(declared_network["networks"], bridges)
        yield from network.ways(bridges)
        yield from network.uplinks(bridges)
        yield from _in_kernel(observation, bridges)
        yield from network.collisions(_collisions(declaration, declared_network, observation))
    yield from network.sysctls(parameters, host["sysctls"])
    if host["engine"]["installed"]:
        rules = {published_filter.NAME: planned_filters.published_rules(declared_network, host)}
        yield from filters.filters(rules, host["nftables"], declared_network["require_filters"])
        yield from published.reached(ports)


def _in_kernel(observation: Observation, bridges: dict[str, Any]) -> Iterator[Finding]:
    """Findings on what the kernel has and does, compared with what the engine believes."""
    host, options = observation.host, observation.network_fragment
    declared_addresses = ["docker0"] if "bip" in options else []
    forwards = options.get("ip-forward") is not False
    yield from links.networks(bridges, host["network"], declared_addresses, forwards)
    yield from links.containers(bridges)
    yield from routes.routes(bridges, host["network"], forwards)
    settings = host["engine"]["settings"]
    version = daemon.version(host["engine"]["running_version"] or "")
    if settings and version:
        yield from packets.packets(bridges, settings, version)


def _observation(declared: Declared, host: Host) -> Observation:
    """The observation as the plan has it, from the reply of ``host_plan``."""
    declaration = declared.declaration
    assert declaration["network"] is not None
    chosen = planned_addresses.choose(declaration, declaration["network"], host)
    fragments = configuration.content(declaration, chosen["options"], left_out=())
    return Observation(host=host, addresses=chosen, network_fragment=fragments[NETWORK_FRAGMENT])


def _collisions(declaration: Declaration, declared_network: NetworkDeclaration, observation: Observation) -> list[str]:
    around = planned_addresses.around(declaration, declared_network, observation.host)
    declared_ones = addresses.collisions(planned_addresses.explicit(declared_network), around)
    return [*observation.addresses["problems"], *(declared_ones or addresses.live_collisions(around))]


def write(comparison: Comparison, directory: Path, host: str) -> Comparison:
    """Write the evidence to a file of the host's, and return the comparison; what fails is a finding more."""
    try:
        state.write(directory / f"{host}.json", json.dumps(comparison.evidence), 0o600)
    except OSError as error:
        expected, remedy = f"what was seen is written to {directory}", "make room there, or name another directory"
        finding = Finding("host.evidence", ERROR, expected, str(error), remedy)
        return dataclasses.replace(comparison, findings=[*comparison.findings, finding])
    return comparison


def observer(directory: str, authority: str | None) -> dict[str, str]:
    """As whom the controller connects: as the client in ``directory``, else as nobody who knows the ``authority``."""
    base = Path(directory).expanduser()
    # False, and no error, for a directory that this user may not enter.
    if os.access(base / "cert.pem", os.F_OK):
        return {"ca": f"{base}/ca.pem", "certificate": f"{base}/cert.pem", "key": f"{base}/key.pem"}
    return {"ca": authority} if authority else {}


def asked(findings: Iterable[Finding], host: str, run_tags: list[str], skip_tags: list[str]) -> list[dict[str, Any]]:
    """The findings on subjects that ``--tags`` and ``--skip-tags`` ask for, as plain data.

    A host that could not be observed is told whatever is asked for.
    """
    return [
        {"host": host, **dataclasses.asdict(finding)}
        for finding in findings
        if finding.subject == "host"
        or (finding.subject not in skip_tags and ("all" in run_tags or finding.subject in run_tags))
    ]


def _evidence(
    declared: Declared,
    expected: dict[str, Any],
    seen: dict[str, Any],
    observation: Observation | None,
    parameters: dict[str, str],
    probes: list[dict[str, Any]],
) -> dict[str, Any]:
    """What the tests for production compare, and the report draws."""
    declared_network = declared.declaration["network"]
    assert declared_network is not None
    composition = seen.get("composition") or {}
    host = seen.get("host")
    return {
        "address": declared.place.address,
        "declared": {
            **expected,
            "bridge": observation.network_fragment if observation else {},
            "networks": declared_network["networks"],
            "sysctls": parameters,
            "published": declared_network["published"],
        },
        "host": host,
        "test": seen.get("test"),
        "differing": composition.get("files"),
        "reached": [result["endpoint"] for result in probes if "endpoint" in result and "item" not in result],
        "bridge": (host or {}).get("bridge") or {},
        "problems": [text for text in (seen.get("msg"), composition.get("msg")) if text],
    }
