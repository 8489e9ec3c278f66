# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of the role docker_network declare, and what is refused of it before any host is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...module_utils._config import endpoints, validation, values
from ...module_utils._firewall import published
from ...module_utils._network import address_plan, addresses, mtu, sysctls
from ...module_utils._plan.declaration import NetworkDeclaration, Options
from .place import Place
from .variables import Variables

_AUTO = "auto"
"""The value of an option that the plan of addresses chooses."""

_VARIABLES = {
    "bridge": "bridge",
    "bip": "bridge_address",
    "bip6": "bridge_address_v6",
    "fixed-cidr": "fixed_cidr",
    "fixed-cidr-v6": "fixed_cidr_v6",
    "mtu": "mtu",
    "icc": "icc",
    "ip": "publish_address",
    "ip-masq": "masquerade",
    "ip-forward": "ip_forward",
    "iptables": "iptables",
    "ip6tables": "ip6tables",
    "ipv6": "ipv6",
    "userland-proxy": "userland_proxy",
    "dns": "dns",
    "dns-opts": "dns_options",
    "dns-search": "dns_search",
    "default-address-pools": "pools",
    "default-gateway": "default_gateway",
    "default-gateway-v6": "default_gateway_v6",
    "default-network-opts": "driver_options",
    "firewall-backend": "firewall_backend",
    "ip-forward-no-drop": "ip_forward_no_drop",
    "allow-direct-routing": "allow_direct_routing",
    "bridge-accept-fwmark": "accept_fwmark",
}
"""Options of daemon.json, each with its variable, whose names begin with docker_network_."""


def declare(variables: Variables, place: Place) -> tuple[NetworkDeclaration | None, list[str]]:
    """The declaration of the host at ``place``, or why there is none: sentences that begin with a variable.

    ``variables`` are those of docker_network, as ``variables.read`` returns them.
    """
    problems = list(_problems(variables))
    return (None, problems) if problems else (_declaration(variables, place), [])


def looks_at_fleet(variables: Variables) -> bool:
    """Whether addresses keep off the hosts of the inventory, so that the place must know them."""
    return bool(variables["docker_network_check_addresses"] and variables["docker_network_fleet"] is None)


def _declaration(variables: Variables, place: Place) -> NetworkDeclaration:
    fleet = variables["docker_network_fleet"]
    return {
        "options": _options(variables),
        "on_conflict": variables["docker_network_on_conflict"],
        "restart": variables["docker_network_restart"],
        "containers": variables["docker_network_containers"],
        "data_root_change": "refuse",
        "timeout": variables["docker_network_timeout"],
        "confirm": variables["docker_network_confirm_timeout"],
        "networks": mtu.with_mtu(variables["docker_network_networks"], variables["docker_network_mtu"]),
        "published": variables["docker_network_published"],
        "other_bridges": variables["docker_network_other_bridges"],
        "require_filters": variables["docker_network_require_filters"],
        "endpoints": variables["docker_network_engine_endpoints"],
        "sysctls": variables["docker_network_sysctls"],
        "reserved": variables["docker_network_reserved"],
        "check_addresses": variables["docker_network_check_addresses"],
        "address_block": variables["docker_network_address_block"],
        "fleet": _addresses(place) if fleet is None else fleet,
        "docker_host": variables["docker_network_docker_host"],
    }


def _options(variables: Variables) -> Options:
    """The declared options of daemon.json, with "auto" where the plan of addresses chooses."""
    declared = {option: variables[f"docker_network_{name}"] for option, name in _VARIABLES.items()}
    return {option: value for option, value in declared.items() if value is not None}


def _addresses(place: Place) -> list[str]:
    """The addresses of all hosts of the inventory, as far as it has them."""
    known = (name.partition(":") for names in place.fleet.values() for name in names)
    return list(dict.fromkeys(value for kind, _separator, value in known if kind == "IP"))


def _problems(variables: Variables) -> Iterator[str]:
    explicit = {option: value for option, value in _options(variables).items() if value != _AUTO}
    yield from _of("docker_network_", validation.problems(explicit, names=_VARIABLES, whole=False))
    # The variables of docker_engine are there where both roles are planned.
    of_engine = (variables.get("docker_engine_options") or {}).get(mtu.DEFAULTS)
    yield from mtu.contradictions(
        variables["docker_network_mtu"],
        {
            "docker_network_driver_options": variables["docker_network_driver_options"],
            f"docker_engine_options {mtu.DEFAULTS}": of_engine,
        },
    )
    yield from _of("docker_network_networks ", addresses.network_problems(variables["docker_network_networks"]))
    yield from _of("docker_network_reserved ", values.range_problems(variables["docker_network_reserved"]))
    block = address_plan.address_block_problem(variables["docker_network_address_block"] or 0)
    yield from _of("docker_network_address_block ", [block] if block else [])
    policy = variables["docker_network_published"]
    yield from _of("docker_network_published: ", published.problems(policy))
    yield from _of(
        "docker_network_other_bridges ", published.bridge_problems(variables["docker_network_other_bridges"])
    )
    yield from _of("docker_network_sysctls ", sysctls.problems(variables["docker_network_sysctls"]))
    yield from _of(
        "docker_network_engine_endpoints ", _url_problems(variables["docker_network_engine_endpoints"] or [])
    )
    bridge = variables["docker_network_bridge"]
    if policy != "open" and bridge not in (None, "none"):
        yield (
            "docker_network_published cannot tell what else is on a bridge of your own (docker_network_bridge: "
            f"{bridge}) from containers: leave it open, or the bridge to Docker"
        )


def _url_problems(urls: list[str]) -> Iterator[str]:
    for url in urls:
        try:
            endpoints.parse(url)
        except endpoints.EndpointError as error:
            yield str(error)


def _of(beginning: str, problems: Iterable[str]) -> Iterator[str]:
    for problem in problems:
        yield f"{beginning}{problem}"
