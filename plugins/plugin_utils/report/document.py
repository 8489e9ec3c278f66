# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one document: what was observed of a fleet, and what was found. All other forms are made of it.

``schema.json`` beside this file describes it. Every text in it is printable, see ``text``: names of containers are
anybody's.
"""

from __future__ import annotations

import collections
import ipaddress
from typing import Any

from ...module_utils._config import endpoints
from ..text import printable

VERSION = 1
SEVERITIES = ("error", "warning", "info")

Json = dict[str, Any]


def document(hosts: list[Json], findings: list[Json] | None, clients: list[Json], fleet: str, generated: str) -> Json:
    """The document.

    ``hosts`` has for each host its name, address, and as far as they were had: error (why it could not be observed),
    host (of ``host_info``), endpoints (each of ``endpoint_info``), ssh (the user and names of clients over SSH), bridge
    (all of ``bridge_info``) and published (the policy). ``findings`` are of whatever host, the controller for example,
    or None where nobody looked for any; ``clients`` are certificates of clients, each with its name and whether it is
    trusted; ``generated`` is the time, ISO 8601.
    """
    verified, findings = findings is not None, findings or []
    known = {one["name"] for one in hosts}
    holders = [one["name"] for one in clients if one["trusted"] and (one["days_left"] or 0) >= 0]
    described = [_described(one, findings, holders) for one in hosts]
    # The worst first, and what nobody could see before all; then the inventory's order.
    described.sort(key=lambda one: [one["observed"], *(-one["findings_by_severity"][each] for each in SEVERITIES)])
    elsewhere = [_finding(one) | {"host": one["host"]} for one in findings if one["host"] not in known]
    found: Json = _printable(
        {
            "version": VERSION,
            "fleet": fleet,
            "generated": generated,
            "verified": verified,
            "totals": _totals(described, findings),
            "versions": _versions(described),
            "certificates": _certificates(described),
            "clients": _by_end(
                [{key: one[key] for key in ("name", "trusted", "not_after", "days_left")} for one in clients]
            ),
            "hosts": described,
            "elsewhere": elsewhere,
        }
    )
    return found


def _described(seen: Json, findings: list[Json], clients: list[str]) -> Json:
    """A host with its own of the ``findings``; one that says what cannot be read as one that could not be observed."""
    findings = [one for one in findings if one["host"] == seen["name"]]
    try:
        return _host(seen, findings, clients)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"what it says cannot be read ({type(error).__name__}: {error})"
        return _host({"name": seen["name"], "address": seen.get("address"), "error": reason}, findings, clients)


def _host(seen: Json, findings: list[Json], clients: list[str]) -> Json:
    host, bridge = seen.get("host") or {}, seen.get("bridge") or {}
    system, engine = host.get("system") or {}, host.get("engine") or {}
    return {
        "name": seen["name"],
        "address": seen.get("address"),
        "observed": bool(host),
        "error": seen.get("error") or bridge.get("error"),
        "system": {
            "distribution": system.get("distribution"),
            "version": system.get("distribution_version") or system.get("distribution_codename"),
            "kernel": system.get("kernel_version"),
        },
        "engine": {
            "installed": bool(engine.get("installed")),
            "version": engine.get("version"),
            "cli_version": engine.get("cli_version"),
            "api_version": engine.get("api_version"),
            "active": (engine.get("service") or {}).get("active"),
            "enabled": (engine.get("service") or {}).get("enabled"),
            "storage": [
                {"path": one["path"], "holds": one["holds"], "size": one["size"], "free": one["free"]}
                for one in engine.get("storage") or []
            ],
        },
        "findings_by_severity": _count(findings),
        "findings": [_finding(one) for one in sorted(findings, key=lambda one: SEVERITIES.index(one["severity"]))],
        "endpoints": _doors(host, seen.get("endpoints") or [], clients) + _ssh_door(seen, host.get("ssh")),
        "uplinks": _uplinks(bridge.get("uplinks") or []),
        "segments": _segments(bridge),
        "containers": [_container(one, seen.get("published")) for one in bridge.get("containers") or []],
    }


def _finding(finding: Json) -> Json:
    return {key: str(finding[key]) for key in ("id", "severity", "expected", "observed", "remedy")}


def _count(findings: list[Json]) -> Json:
    return {severity: sum(one["severity"] == severity for one in findings) for severity in SEVERITIES}


# --- endpoints


def _doors(host: Json, probed: list[Json], clients: list[str]) -> list[Json]:
    """Each address the daemon listens on, with what a look at it says; then what was looked at in vain."""
    sockets = {one["path"]: one for one in host.get("sockets") or []}
    left = list(probed)
    doors = []
    for url in host.get("listening") or []:
        probe = next((one for one in left if _leads_to(one["url"], url)), {})
        left = [one for one in left if one is not probe]
        socket = sockets.get(url.partition("://")[2]) or probe.get("socket")
        doors.append(_door(url, True, probe, socket, clients))
    return doors + [_door(one["url"], False, one, None, clients) for one in left]


def _leads_to(url: str, listening: str) -> bool:
    try:
        asked, heard = endpoints.parse(url), endpoints.parse(listening)
    except endpoints.EndpointError:  # A socket without a file, for example.
        return url == listening
    if asked.scheme != heard.scheme or asked.path != heard.path:
        return False
    return asked.port == heard.port and heard.host in ("0.0.0.0", "::", asked.host)


def _door(url: str, listening: bool, probe: Json, socket: Json | None, clients: list[str]) -> Json:
    certificate = probe.get("certificate")
    return {
        "url": url,
        "listening": listening,
        "transport": "unix" if socket else probe.get("transport"),
        "access": _by_accounts(socket) if socket else _by_network(url, probe, clients),
        "certificate": certificate
        and {key: certificate.get(key) for key in ("subject", "issuer", "names", "not_after", "days_left")},
        "error": probe.get("error"),
    }


def _ssh_door(seen: Json, ssh: Json | None) -> list[Json]:
    """The way in by SSH, where it is declared: open to its clients where the account and its keys are there."""
    wanted = seen.get("ssh") or {}
    if not wanted.get("clients"):
        return []
    url = f"ssh://{wanted['user']}@{endpoints.bracketed(seen.get('address') or seen['name'])}"
    is_open = ssh is not None and wanted["user"] in ssh["accounts"] and bool(ssh["authorized_keys"])
    names = sorted(wanted["clients"]) if is_open else []
    access = {"kind": "keys", "owner": None, "group": None, "names": names}
    return [_door(url, is_open, {}, None, []) | {"transport": "ssh", "access": access}]


def _by_accounts(socket: Json) -> Json:
    """Who may use a UNIX socket: connecting takes the right to write."""
    mode = int(socket["mode"].rstrip("+"), 8)
    if mode & 0o002:
        return {"kind": "everyone_here", "owner": None, "group": None, "names": []}
    group = socket["group"] if mode & 0o020 else None
    return {
        "kind": "accounts",
        "owner": socket["owner"] if mode & 0o200 else None,
        "group": group,
        "names": list(socket["group_members"] or []) if group else [],
    }


def _by_network(url: str, probe: Json, clients: list[str]) -> Json:
    kind, names = "unknown", []
    if probe.get("plaintext_accepted") or probe.get("client_certificate_required") is False:
        kind = "everyone_here" if endpoints.parse(url).is_loopback else "everyone"
    elif probe.get("client_certificate_required"):
        kind, names = "certificate", list(clients)
    return {"kind": kind, "owner": None, "group": None, "names": names}


# --- networks


def _uplinks(uplinks: list[Json]) -> list[Json]:
    """One entry for each interface, with the gateways of both families."""
    found: dict[str, Json] = {}
    for one in uplinks:
        entry = found.setdefault(
            one["interface"],
            {"interface": one["interface"], "addresses": _global(one["addresses"]), "mtu": one["mtu"], "gateways": []},
        )
        if one["gateway"] and one["gateway"] not in entry["gateways"]:
            entry["gateways"].append(one["gateway"])
    return list(found.values())


_MOST_PAIRS, _MOST_ENDS = 1_000_000, 10_000
"""What a host may have: its picture takes some seconds then, in which those of the others wait."""


def _segments(bridge: Json) -> list[Json]:
    """Where containers are attached: each bridge, the networks without one, and the ways to have no network.

    A container is at the end of every network it is in. Where the kernel's end of it was not seen, the engine's word
    is taken, and ``veth`` is null. Networks without a bridge may sit on an interface of the host, their ``parent``.
    Raises ValueError where a host says that it has more than can be drawn.
    """
    containers = bridge.get("containers") or []
    places = len(bridge.get("bridges") or []) + len(bridge.get("networks") or [])
    if places * len(containers) > _MOST_PAIRS:
        raise ValueError(f"{len(containers)} containers and {places} bridges and networks")
    running = [one for one in containers if one["state"] not in ("created", "exited", "dead")]
    networks = {one["name"]: one for one in bridge.get("networks") or []}
    segments = []
    carried = set()
    for one in bridge.get("bridges") or []:
        network = networks.get(one["network"], {})
        carried.add(one["network"])
        seen = [_port(port) for port in one["ports"]]
        unseen = [end for end in _by_engine(running, one["network"]) if end["container"] not in _names(seen)]
        segments.append(
            _segment("bridge", one["name"], seen + unseen)
            | {key: one[key] for key in ("network", "mtu", "up")}
            | {"addresses": _global(one["addresses"]), "outward": not network.get("internal")}
        )
    for name, network in networks.items():
        ends = _by_engine(running, name)
        if name not in carried and ends and network["driver"] not in ("host", "null"):
            parents, ends = _on_parents(bridge.get("parents") or [], ends)
            segments.append(
                _segment("network", name, ends)
                | {
                    "network": network["driver"],
                    "parent": next(iter(parents), None),
                    "outward": not network["internal"],
                }
            )
    modes: dict[tuple[str, str], list[Json]] = {}
    by_id = {one["id"]: one["name"] for one in containers}
    for one in running:
        kind, separator, other = str(one["network_mode"]).partition(":")
        if kind == "container" if separator else kind in ("host", "none"):
            modes.setdefault((kind, by_id.get(other, other)), []).append(_end(one["name"]))
    for (kind, other), ends in sorted(modes.items()):
        segments.append(_segment(kind, other or kind, ends) | {"outward": kind == "host"})
    started = {one["id"] for one in running}
    stopped = [_end(one["name"]) for one in containers if one["id"] not in started]
    found = segments + ([_segment("stopped", "stopped", stopped)] if stopped else [])
    number = sum(len(one["ends"]) for one in found)
    if number > _MOST_ENDS:
        raise ValueError(f"{number} containers and interfaces on bridges and networks")
    return found


def _segment(kind: str, name: str, ends: list[Json]) -> Json:
    return {
        "kind": kind,
        "name": name,
        "network": None,
        "parent": None,
        "addresses": [],
        "mtu": None,
        "up": None,
        "outward": False,
        "ends": ends,
    }


def _end(container: str | None, **known: Any) -> Json:
    return {"veth": None, "container": container, "interface": None, "addresses": []} | known


def _port(port: Json) -> Json:
    inside = port["container"]
    if not inside:
        return _end(None, veth=port["interface"])
    return _end(
        inside["name"],
        veth=port["interface"],
        interface=inside["interface"],
        addresses=_global(inside["addresses"]),
    )


def _by_engine(containers: list[Json], network: str | None) -> list[Json]:
    return [
        _end(one["name"], addresses=one["networks"][network]["addresses"])
        for one in containers
        if network in one["networks"]
    ]


def _on_parents(parents: list[Json], ends: list[Json]) -> tuple[list[str], list[Json]]:
    """The host's interfaces below the ends of a network without a bridge, and the ends as the kernel has them."""
    names, found = [], []
    for end in ends:
        below = [
            (parent["interface"], child)
            for parent in parents
            for child in parent["children"]
            if child["name"] == end["container"] and set(child["addresses"]) & set(end["addresses"])
        ]
        for name, child in below:
            names.append(name)
            end = end | {"interface": child["interface"], "addresses": _global(child["addresses"])}
        found.append(end)
    return names, found


def _names(ends: list[Json]) -> set[str | None]:
    return {end["container"] for end in ends}


def _global(addresses: list[str]) -> list[str]:
    """Without link-local ones, which every interface has and which tell nothing."""
    return [one for one in addresses if not ipaddress.ip_interface(one).is_link_local]


# --- containers


def _container(one: Json, policy: Any) -> Json:
    return {key: one[key] for key in ("id", "name", "image", "state")} | {
        "published": [
            {key: binding[key] for key in ("host_address", "host_port", "container_port", "protocol")}
            | _reach(binding, policy)
            for binding in one["published"]
        ]
    }


def _reach(binding: Json, policy: Any) -> Json:
    """Who can reach a published port by the policy: ``reach`` and, where it is "sources", which."""
    if ipaddress.ip_address(binding["host_address"]).is_loopback:
        return {"reach": "host", "sources": []}
    if not isinstance(policy, dict):
        reach = {"open": "everyone", "closed": "nobody"}.get(policy, "unknown")
        return {"reach": reach, "sources": []}
    let_in = [entry for entry in policy["allow"] if _is_about(entry, binding)]
    if any("sources" not in entry and "interfaces" not in entry for entry in let_in):
        return {"reach": "everyone", "sources": []}
    sources = [
        source + by
        for entry in let_in
        for by in ([f" by {name}" for name in entry.get("interfaces", [])] or [""])
        for source in entry.get("sources", ["all"])
    ]
    return {"reach": "sources" if sources else "nobody", "sources": list(dict.fromkeys(sources))}


def _is_about(entry: Json, binding: Json) -> bool:
    """Whether an entry of the policy names the port as a client asks for it; without ports it is about all."""
    for port in entry.get("ports", ["0-65535"]):
        numbers, _separator, protocol = str(port).partition("/")
        first, _separator, last = numbers.partition("-")
        if int(first) <= binding["host_port"] <= int(last or first) and protocol in ("", binding["protocol"]):
            return True
    return False


# --- the fleet


def _totals(hosts: list[Json], findings: list[Json]) -> Json:
    days = [one["days_left"] for one in _certificates(hosts) if one["days_left"] is not None]
    return {
        "hosts": len(hosts),
        "observed": sum(one["observed"] for one in hosts),
        "as_declared": sum(one["observed"] and _is_as_declared(one["findings_by_severity"]) for one in hosts),
        "findings": _count(findings),
        "containers": sum(len(one["containers"]) for one in hosts),
        "running": sum(container["state"] == "running" for one in hosts for container in one["containers"]),
        "days_left": min(days, default=None),
    }


def _is_as_declared(found: dict[str, int]) -> bool:
    """What is recommended and not declared makes no difference."""
    return found["error"] == found["warning"] == 0


def _versions(hosts: list[Json]) -> list[Json]:
    """Each combination of engine and distribution, and which hosts have it."""
    found = collections.defaultdict(list)
    for one in hosts:
        if one["observed"]:
            system = " ".join(filter(None, (one["system"]["distribution"], one["system"]["version"])))
            engine = one["engine"]
            found[engine["version"] or "", engine["cli_version"] or "", engine["api_version"] or "", system].append(
                one["name"]
            )
    return [
        {
            "engine": engine or None,
            "cli": cli or None,
            "api": api or None,
            "system": system or None,
            "hosts": names,
        }
        for (engine, cli, api, system), names in sorted(found.items())
    ]


def _certificates(hosts: list[Json]) -> list[Json]:
    """The daemons' certificates, the one that ends first at the top."""
    found = [
        {"host": one["name"], "endpoint": door["url"], **door["certificate"]}
        for one in hosts
        for door in one["endpoints"]
        if door["certificate"]
    ]
    return _by_end(found)


def _by_end(certificates: list[Json]) -> list[Json]:
    return sorted(certificates, key=lambda one: (one["days_left"] is None, one["days_left"] or 0))


# --- text


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_printable(one) for one in value]
    return value
