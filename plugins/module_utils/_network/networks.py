# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's networks as the engine has them, and what separates them from the declared ones. Pure functions.

A network of Mooring's carries ``LABEL``, and in ``OPTIONS_LABEL`` the names of the driver options that were declared:
an engine adds options of its own (default-network-opts), and only so can one be told that is declared no more.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from .._config.endpoints import bracketed
from .._engine import daemon
from .._system import observed
from . import mtu

LABEL = "mooring.docker"
OPTIONS_LABEL = "mooring.docker.options"

# Engines before 27 give a network without a declared IPv6 range none (moby 47853: default-address-pools for IPv6).
_OWN_IPV6_RANGES = (27, 0)


def described(answer: list[dict[str, Any]], containers: list[dict[str, Any]]) -> list[observed.DockerNetwork]:
    """``GET /networks`` and ``GET /containers/json?all=1`` in ``bridge_info``'s and ``host_info``'s words, by name."""
    users = _users(containers)
    return [
        {
            "name": network["Name"],
            "id": network["Id"],
            "driver": network["Driver"],
            "scope": network.get("Scope"),
            "internal": bool(network.get("Internal")),
            "attachable": bool(network.get("Attachable")),
            "ipv6": bool(network.get("EnableIPv6")),
            "subnets": [
                {
                    "subnet": entry.get("Subnet") or None,
                    # Engines write some IPv6 gateways with their prefix length.
                    "gateway": (entry.get("Gateway") or "").partition("/")[0] or None,
                    "ip_range": entry.get("IPRange") or None,
                }
                for entry in (network.get("IPAM") or {}).get("Config") or []
            ],
            "options": network.get("Options") or {},
            "labels": network.get("Labels") or {},
            "bridge": _bridge_name(network),
            "containers": sorted({*users.get(network["Name"], ()), *users.get(network["Id"], ())}),
        }
        for network in sorted(answer, key=lambda network: str(network["Name"]))
    ]


def _users(containers: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Name or id of a network to the containers that are in it, or will be when they start again."""
    found: dict[str, list[str]] = {}
    for one in containers:
        for name, end in ((one.get("NetworkSettings") or {}).get("Networks") or {}).items():
            for key in {name, (end or {}).get("NetworkID")}:
                if key:
                    found.setdefault(key, []).append(container_name(one))
    return found


def published(containers: list[dict[str, Any]]) -> list[str]:
    """Where the TCP ports of ``GET /containers/json`` are published, as endpoints are written."""
    ports = [port for one in containers for port in one.get("Ports") or [] if port.get("PublicPort")]
    return sorted(
        {
            f"tcp://{bracketed(port['IP'])}:{port['PublicPort']}"
            for port in ports
            if port["Type"] == "tcp" and port.get("IP")
        }
    )


def container_name(one: dict[str, Any]) -> str:
    """A container's own name in ``GET /containers/json``, where names that links give it are listed as well."""
    names = [str(name).lstrip("/") for name in one.get("Names") or []]
    return next((name for name in names if "/" not in name), str(one["Id"])[:12])


def _bridge_name(network: dict[str, Any]) -> str | None:
    """The kernel's interface of a Docker network, None where it has none.

    moby, libnetwork/drivers/bridge: the option where it is set (docker0 has it), else "br-" and 12 digits of the id.
    """
    if network["Driver"] != "bridge":
        return None
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return str(named or f"br-{network['Id'][:12]}")


def plan(declared: list[dict[str, Any]], host: observed.Host) -> dict[str, Any]:
    """What to do about user-defined networks, and what forbids it; ``host`` is as ``host_info`` saw it.

    Returns ``problems`` (sentences), ``remove`` (``name``, ``id`` and ``reason`` of Mooring's own networks that nobody
    uses), and ``make``: the declared networks to make, with the labels they get.
    """
    seen = host["engine"].get("networks") or []
    by_name = {network["name"]: network for network in seen}
    answer: dict[str, Any] = {"problems": _host_problems(declared, host), "remove": [], "make": []}

    for entry in declared:
        network = by_name.get(entry["name"])
        if network is not None:
            found = differences(entry, network)
            if not found:
                continue
            reason = f"{entry['name']!r} is there with {', '.join(found)}"
            problem = _forbidden(network, reason, "give it the name of another, or declare it as it is")
            if problem:
                answer["problems"].append(problem)
                continue
            answer["remove"].append({"name": entry["name"], "id": network["id"], "reason": ", ".join(found)})
        answer["make"].append({**entry, "labels": _labels(entry)})

    names = [entry["name"] for entry in declared]
    for network in seen:
        # A swarm's networks are all its managers', who may be told different things.
        if network["labels"].get(LABEL) and network["name"] not in names and network["scope"] == "local":
            reason = f"{network['name']!r} is declared no more"
            problem = _forbidden(network, reason, "declare it again")
            if problem:
                answer["problems"].append(problem)
            else:
                answer["remove"].append({"name": network["name"], "id": network["id"], "reason": "declared no more"})
    return answer


def _forbidden(network: observed.DockerNetwork, reason: str, otherwise: str) -> str | None:
    """Why a network cannot be removed, and the way out."""
    if not network["labels"].get(LABEL):
        return f"{reason}, and it is not Mooring's to remove: remove it yourself, {otherwise}"
    if network["containers"]:
        return f"{reason}, and {', '.join(network['containers'])} would lose it: remove them first, or {otherwise}"
    return None


def _labels(entry: dict[str, Any]) -> dict[str, str]:
    declared = {str(key): text(value) for key, value in (entry.get("labels") or {}).items()}
    names = ",".join(sorted(entry.get("driver_options") or {}))
    return {**declared, LABEL: "managed", **({OPTIONS_LABEL: names} if names else {})}


def differences(entry: dict[str, Any], network: observed.DockerNetwork) -> list[str]:
    """In what a network is not the declared one, each as "what it has instead of what was declared".

    What is not declared is the engine's to choose: ranges, gateways, and options beyond the declared ones.
    """
    found = []

    def compare(what: str, has: Any, wanted: Any) -> None:
        if has != wanted:
            found.append(f"{what} {_shown(has)} instead of {_shown(wanted)}")

    compare("driver", network["driver"], entry.get("driver") or "bridge")
    for key in ("internal", "attachable", "ipv6"):
        compare(key, network[key], bool(entry.get(key)))
    has_ranges, wanted_ranges = _comparable(entry.get("ranges") or [], network["subnets"])
    compare("ranges", has_ranges, wanted_ranges)

    options = {key: text(value) for key, value in (entry.get("driver_options") or {}).items()}
    recorded = [name for name in network["labels"].get(OPTIONS_LABEL, "").split(",") if name]
    for key in sorted({*options, *recorded}):
        default = str(mtu.DEFAULT) if key == mtu.OPTION and key in options and network["bridge"] else None
        compare(f"option {key}", network["options"].get(key, default), options.get(key))

    labels = {str(key): text(value) for key, value in (entry.get("labels") or {}).items()}
    ours = network["labels"].get(LABEL)
    for key in sorted({*labels, *(network["labels"] if ours else ())} - {LABEL, OPTIONS_LABEL}):
        compare(f"label {key}", network["labels"].get(key), labels.get(key))
    return found


def _comparable(
    declared: list[dict[str, Any]], seen: list[observed.Subnet]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Observed and declared ranges in one form, without what was left to the engine."""
    wanted = sorted((_range(entry, "iprange") for entry in declared), key=str)
    versions = {ipaddress.ip_network(entry["subnet"]).version for entry in wanted}
    gateways = {entry["subnet"] for entry in wanted if "gateway" in entry}
    has = []
    for entry in (_range({**entry}, "ip_range") for entry in seen if entry["subnet"]):
        if ipaddress.ip_network(entry["subnet"]).version in versions:
            if entry["subnet"] not in gateways:
                entry.pop("gateway", None)
            has.append(entry)
    return sorted(has, key=str), wanted


def _range(entry: dict[str, Any], part: str) -> dict[str, str]:
    found = {"subnet": str(ipaddress.ip_network(entry["subnet"], strict=False))}
    if entry.get("gateway"):
        found["gateway"] = str(ipaddress.ip_address(entry["gateway"]))
    if entry.get(part):
        found["part"] = str(ipaddress.ip_network(entry[part], strict=False))
    return found


def text(value: Any) -> str:
    """A value of an option or a label as the engine keeps it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return (
            " and ".join(
                entry["subnet"]
                + (f" by {entry['gateway']}" if "gateway" in entry else "")
                + (f" from {entry['part']}" if "part" in entry else "")
                for entry in value
            )
            or "none"
        )
    return "none" if value is None else text(value)


def _host_problems(declared: list[dict[str, Any]], host: observed.Host) -> list[str]:
    """Which declared networks this host cannot carry."""
    found = []
    interfaces = host["network"]["interfaces"]
    version = daemon.version(host["engine"].get("version") or "")
    for entry in declared:
        name, driver = entry["name"], entry.get("driver") or "bridge"
        parent = (entry.get("driver_options") or {}).get("parent")
        # The engine makes the VLAN interface "eth0.7" itself, on eth0 (moby, libnetwork/drivers/macvlan).
        if driver in ("macvlan", "ipvlan") and parent and not {parent, parent.partition(".")[0]} & set(interfaces):
            found.append(f"{name!r}: parent {parent} is no interface of this host; it has {', '.join(interfaces)}")
        if driver == "overlay" and not host["engine"].get("swarm_manager"):
            found.append(
                f"{name!r}: an overlay network needs a manager of a swarm, and this host is none: run"
                " `docker swarm init` or `docker swarm join` first, or declare it for the managers alone"
            )
        ranges = [ipaddress.ip_network(one["subnet"]) for one in entry.get("ranges") or []]
        if entry.get("ipv6") and version and version < _OWN_IPV6_RANGES and not any(one.version == 6 for one in ranges):
            found.append(
                f"{name!r}: engine {version[0]}.{version[1]} needs an IPv6 range for ipv6: add one to its ranges"
            )
    return found
