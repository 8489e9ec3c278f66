# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridges of Docker as the kernel has them, each veth and the container's end behind it.

Gathering is ``observe``'s part; the rest are pure functions over what ``ip -json`` and the API said.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils import _daemon
from ansible_collections.mooring.docker.plugins.module_utils._http import Api, ApiError

Link = dict[str, Any]


def _addresses(link: Link) -> list[str]:
    return [f"{entry['local']}/{entry['prefixlen']}" for entry in link.get("addr_info", [])]


def bridge_name(network: dict[str, Any]) -> str | None:
    """The kernel's interface of a Docker network (moby, libnetwork bridge driver), None where it has none."""
    if network["Driver"] != "bridge":
        return None
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return str(named or f"br-{network['Id'][:12]}")


def networks(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``GET /networks`` in the module's words."""
    return [
        {
            "name": network["Name"],
            "id": network["Id"],
            "driver": network["Driver"],
            "scope": network["Scope"],
            "internal": network["Internal"],
            "ipv6": network["EnableIPv6"],
            "subnets": [
                {"subnet": entry.get("Subnet"), "gateway": entry.get("Gateway"), "ip_range": entry.get("IPRange")}
                for entry in (network.get("IPAM") or {}).get("Config") or []
            ],
            "options": network.get("Options") or {},
            "bridge": bridge_name(network),
        }
        for network in answer
    ]


def container(inspected: dict[str, Any]) -> dict[str, Any]:
    """``GET /containers/ID/json`` in the module's words."""
    settings = inspected["NetworkSettings"]
    published = [
        {
            "host_address": binding["HostIp"],
            "host_port": int(binding["HostPort"]),
            "container_port": int(port.partition("/")[0]),
            "protocol": port.partition("/")[2],
        }
        for port, bindings in sorted((settings.get("Ports") or {}).items())
        for binding in bindings or []
    ]
    return {
        "id": inspected["Id"],
        "name": inspected["Name"].lstrip("/"),
        "image": inspected["Config"]["Image"],
        "state": inspected["State"]["Status"],
        "pid": inspected["State"]["Pid"] or None,
        "network_mode": inspected["HostConfig"]["NetworkMode"],
        "networks": {
            name: {
                "address": end.get("IPAddress") or None,
                "mac": end.get("MacAddress") or None,
                "gateway": end.get("Gateway") or None,
            }
            for name, end in (settings.get("Networks") or {}).items()
        },
        "published": published,
    }


def ends(containers: list[dict[str, Any]], links: dict[str, list[Link]]) -> dict[int, dict[str, Any]]:
    """Interfaces inside containers by the index of their peer on the host.

    ``links`` is container id to ``ip -json address`` of its network namespace; ``link_index`` there is the
    peer's index (rtnetlink(7), IFLA_LINK).
    """
    found = {}
    for one in containers:
        for link in links.get(one["id"], []):
            if "link_index" in link and "LOOPBACK" not in link["flags"]:
                found[link["link_index"]] = {
                    "id": one["id"],
                    "name": one["name"],
                    "interface": link["ifname"],
                    "ifindex": link["ifindex"],
                    "addresses": _addresses(link),
                    "mac": link.get("address"),
                    "mtu": link["mtu"],
                }
    return found


def bridges(
    links: list[Link], docker_networks: list[dict[str, Any]], peers: dict[int, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Every bridge of the host with its ports, and the container behind each port (None: not Docker's)."""
    by_bridge = {network["bridge"]: network for network in docker_networks if network["bridge"]}
    found = []
    for link in links:
        if link.get("linkinfo", {}).get("info_kind") != "bridge":
            continue
        network = by_bridge.get(link["ifname"], {})
        ports = [
            {
                "interface": port["ifname"],
                "ifindex": port["ifindex"],
                "mac": port.get("address"),
                "state": port["operstate"],
                "mtu": port["mtu"],
                "container": peers.get(port["ifindex"]),
            }
            for port in links
            if port.get("master") == link["ifname"]
        ]
        found.append(
            {
                "name": link["ifname"],
                "network": network.get("name"),
                "network_id": network.get("id"),
                "addresses": _addresses(link),
                "mtu": link["mtu"],
                "mac": link.get("address"),
                "state": link["operstate"],
                "up": "UP" in link["flags"],
                "ports": ports,
            }
        )
    return found


def uplinks(links: list[Link], routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The interfaces of the default routes."""
    by_name = {link["ifname"]: link for link in links}
    return [
        {
            "interface": route["dev"],
            "gateway": route.get("gateway"),
            "addresses": _addresses(by_name[route["dev"]]),
            "mtu": by_name[route["dev"]]["mtu"],
            "mac": by_name[route["dev"]].get("address"),
        }
        for route in routes
        if route["dst"] == "default" and route.get("dev") in by_name
    ]


def _ip(*words: str) -> Any:
    return json.loads(_daemon.run("ip", "-json", *words).stdout or "[]")


def observe(socket: str, timeout: float) -> dict[str, Any]:
    """All of it from this host; without an engine that answers, what the kernel has."""
    links = _ip("-details", "address", "show")
    answer: dict[str, Any] = {
        "engine_answers": False,
        "error": None,
        "networks": [],
        "containers": [],
        "uplinks": uplinks(links, _ip("route", "show") + _ip("-6", "route", "show")),
    }
    inside: dict[str, list[Link]] = {}
    api = Api(unix=socket, timeout=timeout)
    try:
        answer["networks"] = networks(api.get("/networks"))
        for one in api.get("/containers/json?all=1"):
            try:
                answer["containers"].append(container(api.get(f"/containers/{one['Id']}/json")))
            except ApiError as error:
                if error.status != 404:  # It ended between the two calls.
                    raise
        answer["engine_answers"] = True
    except ApiError as error:
        answer["error"] = str(error)
    for one in answer["containers"]:
        if one["pid"] and one["network_mode"] != "host" and not one["network_mode"].startswith("container:"):
            output = _daemon.run("nsenter", "-t", str(one["pid"]), "-n", "ip", "-json", "address").stdout
            inside[one["id"]] = json.loads(output or "[]")
    answer["bridges"] = bridges(links, answer["networks"], ends(answer["containers"], inside))
    return answer
