"""A host's addresses in the words of ip(8), as the plan gets them."""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils._network import address_plan

DOCKERS_OWN = ("172.17.0.0/16:16", "172.18.0.0/16:16", "172.19.0.0/16:16", "172.20.0.0/14:16", "172.24.0.0/14:16",
               "172.28.0.0/14:16", "192.168.0.0/16:20")  # fmt: skip


class Situation:
    """Built from lines; each is about one thing, and its first word says which."""

    def __init__(self, *lines: str) -> None:
        self.declared: dict[str, Any] = {"bip": "auto", "default-address-pools": "auto"}
        self.around: dict[str, Any] = {
            "checked": True,
            "network": {"addresses": [], "routes": [], "neighbours": [], "resolvers": [], "client": None},
            **{name: [] for name in ("docker", "controller", "fleet", "reserved", "networks", "own_bridges")},
        }
        self.configuration: dict[str, Any] = {"addresses": {}, "fragments": {}}
        self.host: dict[str, Any] = {"name": "web-1", "fragment": "20-network", "address_block": None}
        for line in lines:
            word, *rest = line.split()
            if hasattr(self, word):
                getattr(self, word)(*rest)
            else:
                self.link(word, *rest)

    @property
    def network(self) -> dict[str, Any]:
        found: dict[str, Any] = self.around["network"]
        return found

    def link(self, interface: str, address: str) -> None:
        """``eth0 192.0.2.7/24``: an interface with its address and the kernel's own route."""
        self.network["addresses"].append({"interface": interface, "address": address})
        found = ipaddress.ip_interface(address).network
        if found.num_addresses > 1:
            self.network["routes"].append(
                _route(str(found), interface, scope="link" if found.version == 4 else "global")
            )

    def route(self, destination: str, *words: str) -> None:
        """``route 10.0.0.0/8 via 192.0.2.1 dev eth0 table 100``, or without ``via`` for an on-link route."""
        said = dict(zip(words[::2], words[1::2]))
        gateways = said["via"].split(",") if "via" in said else []
        scope = "global" if gateways else "link"
        found = _route(destination, said.get("dev"), said.get("type", "unicast"), said.get("table", "main"), scope)
        self.network["routes"].append({**found, "gateways": gateways})

    def neighbour(self, address: str, interface: str) -> None:
        self.network["neighbours"].append({"address": address, "interface": interface})

    def resolver(self, address: str) -> None:
        self.network["resolvers"].append(address)

    def client(self, address: str) -> None:
        self.network["client"] = address

    def controller(self, address: str) -> None:
        self.around["controller"].append(address)

    def fleet(self, address: str) -> None:
        self.around["fleet"].append(address)

    def reserved(self, network: str) -> None:
        self.around["reserved"].append(network)

    def declared_network(self, name: str, subnet: str) -> None:
        self.around["networks"].append({"name": name, "ranges": [{"subnet": subnet}]})

    def docker(self, name: str, interface: str, subnet: str) -> None:
        """``docker backend br-0123456789ab 172.18.0.0/16``: a network that Docker has, with its bridge."""
        self.around["docker"].append(
            {"name": name, "driver": "bridge", "bridge": interface, "subnets": [{"subnet": subnet}]}
        )
        if interface != "-":
            network = ipaddress.ip_network(subnet)
            self.link(interface, f"{network[1]}/{network.prefixlen}")

    def declare(self, key: str, *value: str) -> None:
        """``declare bip 172.30.0.1/24``, or ``declare default-address-pools 10.9.0.0/16:24``."""
        self.declared[key] = _value(key, value)

    def ours(self, key: str, *value: str) -> None:
        """What an earlier run wrote."""
        self.configuration["addresses"][key] = _value(key, value)
        self.configuration["fragments"].setdefault("20-network", []).append(key)

    def foreign(self, key: str, *value: str) -> None:
        """What an operator wrote into daemon.json."""
        self.configuration["addresses"][key] = _value(key, value)

    def block(self, number: str) -> None:
        self.host["address_block"] = int(number)

    def plan(self) -> dict[str, Any]:
        return address_plan.plan(self.declared, self.around, self.configuration, self.host)

    def docker0(self, options: dict[str, Any]) -> str | None:
        """Where docker0 is once dockerd has read ``options``: its own choice where they do not say.

        A docker0 that is there stays. Else dockerd takes the first network of its pools that overlaps no resolver and
        no on-link route of the main table.
        """
        said = {**self.configuration["addresses"], **{k: v for k, v in self.declared.items() if v != "auto"}, **options}
        live = [entry["address"] for entry in self.network["addresses"] if entry["interface"] == "docker0"]
        if "bip" in said or live or "bridge" in said:
            return str(said.get("bip") or next(iter(live), None) or "") or None
        taken = [
            ipaddress.ip_network(route["destination"])
            for route in self.network["routes"]
            if (route["scope"], route["table"], route["type"]) == ("link", "main", "unicast")
        ]
        taken += [ipaddress.ip_network(address) for address in self.network["resolvers"]]
        for pool in said.get("default-address-pools") or pools(*DOCKERS_OWN):
            for network in ipaddress.ip_network(pool["base"]).subnets(new_prefix=pool["size"]):
                if not any(network.version == one.version and network.overlaps(one) for one in taken):
                    return f"{network[1]}/{network.prefixlen}"
        return None

    def applied(self, options: dict[str, Any]) -> Situation:
        """The same host once ``options`` are what its daemon runs by, and docker0 is there."""
        after = Situation()
        after.declared, after.host = self.declared, self.host
        after.around = {**self.around, "network": dict(self.network)}
        after.configuration = {
            "addresses": {**self.configuration["addresses"], **options},
            "fragments": {"20-network": sorted(options)},
        }
        bip = self.docker0(options)
        others = [entry for entry in self.network["addresses"] if entry["interface"] != "docker0" or not bip]
        after.network["addresses"] = [*others, *([{"interface": "docker0", "address": bip}] if bip else [])]
        routes = [route for route in self.network["routes"] if route["interface"] != "docker0" or not bip]
        bridge = [_route(str(ipaddress.ip_interface(bip).network), "docker0", scope="link")] if bip else []
        after.network["routes"] = [*routes, *bridge]
        return after


def _route(
    destination: str, interface: str | None, kind: str = "unicast", table: str = "main", scope: str = "global"
) -> dict[str, Any]:
    return {
        "destination": destination,
        "type": kind,
        "table": table,
        "scope": scope,
        "interface": interface,
        "gateways": [],
    }


def pools(*texts: str) -> list[dict[str, Any]]:
    """``172.18.0.0/16:16`` as daemon.json has it."""
    return [{"base": text.partition(":")[0], "size": int(text.partition(":")[2])} for text in texts]


def _value(key: str, words: tuple[str, ...]) -> Any:
    return pools(*words) if key == "default-address-pools" else words[0]
