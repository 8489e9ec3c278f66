# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridges of Docker as the kernel has them, each veth and the container's end behind it.

Gathering is ``observe``'s part; the rest are pure functions over what the kernel and the API said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .._engine import daemon
from .._engine.api import Api, ApiError
from .._firewall import firewall_rules
from .._firewall.packet_filter import Filters
from .._system import commands, namespaces, observed, rtnetlink
from .._system.rtnetlink import Link
from . import datapath, networks, resolver

# How many of the API's answers are waited for at a time.
_THREADS = 4


class BridgeError(Exception):
    """The kernel's own view could not be had; the message says why."""


def described(inspected: dict[str, Any]) -> observed.Container:
    """``GET /containers/ID/json`` in the module's words, still without what the kernel knows of it."""
    settings = inspected.get("NetworkSettings") or {}
    return {
        "id": inspected["Id"],
        "name": inspected["Name"].lstrip("/"),
        "image": inspected["Config"]["Image"],
        "state": inspected["State"]["Status"],
        "pid": inspected["State"]["Pid"] or None,
        "network_mode": inspected["HostConfig"]["NetworkMode"],
        "networks": {
            name: {
                "addresses": [
                    f"{end[address]}/{end[length]}"
                    for address, length in (("IPAddress", "IPPrefixLen"), ("GlobalIPv6Address", "GlobalIPv6PrefixLen"))
                    if end.get(address)
                ],
                "mac": end.get("MacAddress") or None,
                "gateway": end.get("Gateway") or None,
                "outbound": None,
                "outbound_ipv6": None,
                "routes": [],
            }
            for name, end in sorted((settings.get("Networks") or {}).items())
        },
        "interfaces": None,
        "loopback": None,
        "gateways": None,
        "resolver": None,
        "resolves": None,
        "nameservers": None,
        "sandboxed": None,
        "parent": None,
        "published": _published(settings.get("Ports") or {}),
    }


def _published(ports: dict[str, Any]) -> list[observed.PublishedPort]:
    """``NetworkSettings.Ports``: "80/tcp" to a list of bindings, or to None for a port that is only exposed."""
    return [
        {
            # Empty means every address (moby, api/types: PortBinding).
            "host_address": binding.get("HostIp") or "0.0.0.0",
            "host_port": int(binding["HostPort"]),
            "container_port": int(port.partition("/")[0]),
            "protocol": port.partition("/")[2],
            "nat": [],
            "filter": [],
            "proxy": None,
            "outside": None,
            "direct": None,
        }
        for port, bindings in sorted(ports.items())
        for binding in bindings or []
        # A container that does not run has no port yet where the engine is to choose one.
        if str(binding.get("HostPort", "")).isdigit()
    ]


def ends(
    containers: list[observed.Container], inside: dict[str, list[Link]]
) -> dict[tuple[int, int], observed.ContainerEnd]:
    """Interfaces inside containers, by (index of their peer on the host, their own index).

    ``inside`` is container id to the links of its network namespace. Indices are unique within one namespace only,
    so both are needed to tell a veth's end; ``link_index`` is the peer's (rtnetlink(7), IFLA_LINK).
    """
    return {
        (link["link_index"], link["ifindex"]): _end(container, link)
        for container in containers
        for link in inside.get(container["id"], [])
        # An interface beside this one, in the same namespace, is no end.
        if "link_index" in link and _kind(link) == "veth"
    }


def _end(container: observed.Container, link: Link) -> observed.ContainerEnd:
    return {
        "id": container["id"],
        "name": container["name"],
        "interface": link["ifname"],
        "ifindex": link["ifindex"],
        "addresses": _addresses(link),
        "mac": link.get("address"),
        "mtu": link["mtu"],
        "up": "UP" in link["flags"],
    }


def _interfaces(links: list[Link] | None) -> list[str] | None:
    """The names of a container's own interfaces, its loopback left out."""
    return None if links is None else [link["ifname"] for link in links if "LOOPBACK" not in link["flags"]]


def _loopback(links: list[Link] | None) -> bool | None:
    """Whether a container's loopback is up."""
    return None if links is None else any({"LOOPBACK", "UP"} <= set(link["flags"]) for link in links)


def parents(
    host: list[Link], containers: list[observed.Container], inside: dict[str, list[Link]]
) -> list[observed.Parent]:
    """The interfaces of the host that containers' macvlan and ipvlan interfaces sit on, with those."""
    children: dict[int, list[observed.ParentChild]] = {}
    for container in containers:
        for link in inside.get(container["id"], []):
            kind = _kind(link)
            if "link_index" in link and kind in ("macvlan", "ipvlan"):
                children.setdefault(link["link_index"], []).append({"kind": kind, **_end(container, link)})
    return [
        {"interface": link["ifname"], "mtu": link["mtu"], "mac": link.get("address"), "children": children[number]}
        for number, link in ((link["ifindex"], link) for link in host)
        if number in children
    ]


def bridges(
    host: list[Link],
    docker_networks: list[observed.DockerNetwork],
    peers: dict[tuple[int, int], observed.ContainerEnd],
) -> list[observed.Bridge]:
    """Every bridge of the host with its ports, and the container behind each port (None: none that is known)."""
    by_bridge = {network["bridge"]: network for network in docker_networks if network["bridge"]}
    ports: dict[str, list[observed.BridgePort]] = {}
    for link in host:
        if "master" in link:
            ports.setdefault(link["master"], []).append(
                {
                    "interface": link["ifname"],
                    "ifindex": link["ifindex"],
                    "mac": link.get("address"),
                    "state": link["operstate"],
                    "up": "UP" in link["flags"],
                    "forwards": None,
                    "isolated": None,
                    "mtu": link["mtu"],
                    "container": peers.get((link["ifindex"], link["link_index"])) if "link_index" in link else None,
                }
            )
    known: list[observed.Bridge] = []
    for link in host:
        if _kind(link) != "bridge":
            continue
        network = by_bridge.get(link["ifname"])
        known.append(
            {
                "name": link["ifname"],
                "network": network["name"] if network else None,
                "network_id": network["id"] if network else None,
                "driver": network["driver"] if network else None,
                "addresses": _addresses(link),
                "mtu": link["mtu"],
                "mac": link.get("address"),
                "state": link["operstate"],
                "up": "UP" in link["flags"],
                "arp": "NOARP" not in link["flags"],
                "forwarding": None,
                "route_localnet": None,
                "within": None,
                "open_to": {},
                "ports": ports.get(link["ifname"], []),
            }
        )
    return known


def uplinks(host: list[Link], routes: dict[str, list[dict[str, Any]]]) -> list[observed.Uplink]:
    """The interfaces of the default routes; ``routes`` is "inet" and "inet6" to ``ip -json route show default``."""
    by_name = {link["ifname"]: link for link in host}
    ways: list[observed.Uplink] = []
    for family, entries in routes.items():
        for route in entries:
            if route.get("dst") != "default" or route.get("type", "unicast") != "unicast":
                continue
            # A route with several ways has them in "nexthops".
            for hop in route.get("nexthops") or [route]:
                link = by_name.get(hop.get("dev", ""))
                if link:
                    ways.append(
                        {
                            "interface": link["ifname"],
                            "family": family,
                            "gateway": hop.get("gateway") or (hop.get("via") or {}).get("host"),
                            "metric": int(route.get("metric", 0)),
                            "addresses": _addresses(link),
                            "mtu": link["mtu"],
                            "mac": link.get("address"),
                            "forwarding": None,
                            "strict": None,
                        }
                    )
    return ways


def _kind(link: Link) -> str | None:
    kind: str | None = (link.get("linkinfo") or {}).get("info_kind")
    return kind


def _addresses(link: Link) -> list[str]:
    return [f"{entry['local']}/{entry['prefixlen']}" for entry in link.get("addr_info", []) if "local" in entry]


def observe(socket_path: str, timeout: float) -> observed.Bridges:
    """All of it from this host; without an engine that answers, what the kernel has.

    ``timeout`` is the seconds for each call of the API and each command. Raises BridgeError where the kernel's
    interfaces cannot be listed.
    """
    seen: observed.Bridges = {
        "bridges": [],
        "networks": [],
        "containers": [],
        "parents": [],
        "uplinks": [],
        "connections": None,
        "filters_bridged": None,
        "bypassed": [],
        "engine_answers": False,
        "error": None,
    }
    problems: list[str] = []
    handles = _ask_engine(Api(unix=socket_path, timeout=timeout), seen, problems)
    try:
        host = rtnetlink.links(timeout)
    except OSError as error:
        raise BridgeError(f"the kernel does not list its interfaces: {error}") from error
    routes = {
        "inet": json.loads(_ip(timeout, "-4", "route", "show", "default") or "[]"),
        "inet6": json.loads(_ip(timeout, "-6", "route", "show", "default") or "[]"),
    }
    # Interfaces come and go while we look. The host is listed after the containers are known and before they are
    # entered; an end whose peer has gone meanwhile matches nothing.
    containers = seen["containers"]
    with resolver.Requests() as requests:
        inside = _enter_all(containers, timeout, problems, requests)
        answers = requests.answers()
    seen["bridges"] = bridges(host, seen["networks"], ends(containers, inside))
    seen["parents"] = parents(host, containers, inside)
    seen["uplinks"] = uplinks(host, routes)
    for container in containers:
        container["interfaces"] = _interfaces(inside.get(container["id"]))
        container["loopback"] = _loopback(inside.get(container["id"]))
        container["resolves"] = answers.get(container["id"])
    if seen["engine_answers"]:
        _add_datapath(seen, host, handles, timeout, problems)
    seen["error"] = problems[0] if problems else None
    return seen


def _ask_engine(api: Api, seen: observed.Bridges, problems: list[str]) -> dict[str, datapath.Handles]:
    """Networks and containers, and the engine's files for each container, by its id.

    What came before a failure is kept.
    """
    handles = {}
    try:
        answer = api.get("/networks")
        seen["engine_answers"] = True
        listed = api.get("/containers/json?all=1")
        seen["networks"] = networks.described(answer, listed)
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            # The list knows no process of a container.
            for inspected in pool.map(lambda entry: _inspect(api, entry, problems), listed):
                if inspected:
                    seen["containers"].append(described(inspected))
                    sandbox = (inspected.get("NetworkSettings") or {}).get("SandboxKey") or ""
                    handles[inspected["Id"]] = datapath.Handles(sandbox, inspected.get("ResolvConfPath") or "")
    except ApiError as error:
        problems.append(f"Docker's API: {error}")
    return handles


def _inspect(api: Api, entry: dict[str, Any], problems: list[str]) -> dict[str, Any] | None:
    """The answer on a container of the list; None where it was removed since. Raises ApiError where nobody answers."""
    try:
        inspected: dict[str, Any] = api.get(f"/containers/{entry['Id']}/json")
    except ApiError as error:
        if error.status is None:
            raise
        # Engines answer for a container that is just being removed with an error of their own.
        if error.status != 404:
            problems.append(f"container {networks.container_name(entry)}: {error}")
        return None
    return inspected


def _enter_all(
    containers: list[observed.Container], timeout: float, problems: list[str], requests: resolver.Requests
) -> dict[str, list[Link]]:
    """The links in every container's own network namespace, by container id. DNS requests are sent from there."""
    own = [
        (container, container["pid"])
        for container in containers
        if container["pid"] and datapath.has_namespace(container)
    ]
    inside: dict[str, list[Link]] = {}

    def enter(container: observed.Container, pid: int) -> None:
        try:
            namespaces.enter_network(pid)
            inside[container["id"]] = rtnetlink.links(timeout)
            # In docker0's network the engine answers none.
            if container["network_mode"] not in ("default", "bridge"):
                requests.send(container["id"], container["name"])
        except (FileNotFoundError, ProcessLookupError):
            pass  # It ended since it was listed.
        except OSError as error:
            problems.append(f"container {container['name']}: {error}")

    with ThreadPoolExecutor(max_workers=1) as thread:
        list(thread.map(lambda member: enter(*member), own))
    return inside


def _add_datapath(
    seen: observed.Bridges,
    host: list[Link],
    handles: dict[str, datapath.Handles],
    timeout: float,
    problems: list[str],
) -> None:
    """What the kernel does with packets, and what else carries them."""
    saved = {name: commands.run(f"{name}-save", timeout=timeout).stdout for name in ("iptables", "ip6tables")}
    filters = datapath.observe_filters(saved, timeout)
    _add_rules(seen["containers"], saved, filters, timeout)
    paths = datapath.Paths(seen, {link["ifname"]: _addresses(link) for link in host}, filters)
    paths.add()
    try:
        datapath.add_routes(seen, paths, timeout)
    except OSError as error:
        problems.append(f"the kernel does not tell its routes: {error}")
    for one in seen["bridges"]:
        datapath.add_switches(one)
    for uplink in seen["uplinks"]:
        datapath.add_uplink_switches(uplink)
    root = _engine_root()
    for container in seen["containers"]:
        datapath.add_process(container, root, handles.get(container["id"], datapath.Handles("", "")))
    seen["connections"] = datapath.connections()
    seen["filters_bridged"] = datapath.filters_bridged()
    seen["bypassed"] = datapath.bypassed(filters)


def _engine_root() -> str:
    """Where the daemon's view of the file system is: units may give it one of its own."""
    pid = commands.unit_properties(daemon.SERVICE).get("MainPID", "0")
    return f"/proc/{pid}/root" if pid not in ("", "0") else ""


def _add_rules(containers: list[observed.Container], saved: dict[str, str], filters: Filters, timeout: float) -> None:
    """What the kernel, and docker-proxy, do for each published port."""
    if not any(container["published"] for container in containers):
        return
    rules = firewall_rules.Rules(_rules(saved, filters, timeout))
    proxies = _proxies()
    for container in containers:
        attached = container["networks"].values()
        own = [address.partition("/")[0] for network in attached for address in network["addresses"]]
        for port in container["published"]:
            applying = rules.of(port, own)
            port["nat"], port["filter"] = applying["nat"], applying["filter"]
            port["proxy"] = proxies.get((port["protocol"], port["host_address"], port["host_port"]))


def _rules(saved: dict[str, str], filters: Filters, timeout: float) -> Iterator[firewall_rules.Rule]:
    """The rules of both backends, where there are any."""
    for program, text in saved.items():
        yield from firewall_rules.iptables(program, text)
    for family in sorted({family for family, table, _name in filters.chains if table == datapath.BACKEND}):
        # Engine 29 and later, firewall-backend "nftables".
        listed = commands.run("nft", "-nn", "list", "table", family, datapath.BACKEND, timeout=timeout)
        yield from firewall_rules.nft(listed.stdout)


def _proxies() -> dict[tuple[str, str, int], int]:
    """Protocol, address and port on the host to the docker-proxy that serves it."""
    served = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue  # It ended meanwhile.
        serves = firewall_rules.proxy(command)
        if serves:
            served[serves] = int(process.name)
    return served


def _ip(timeout: float, *words: str) -> str:
    """The output of ``ip -json``. Raises BridgeError."""
    done = commands.run("ip", "-json", *words, timeout=timeout)
    if done.returncode and "-6" not in words:  # Without IPv6 in the kernel there is no such table.
        raise BridgeError(f"`ip {' '.join(words)}` fails: {done.stderr.strip() or done.returncode}")
    output: str = done.stdout
    return output
