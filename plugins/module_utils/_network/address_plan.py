# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose ranges for docker0 and the pools that collide with nothing. Pure arithmetic over ``addresses.in_use``.

What is there and collides with nothing stays, so the plan is the same on every run. Where nothing is there the plan is
what dockerd would do by itself, as far as that is safe, and then no option is written at all. Private addresses only
(RFC 1918, and RFC 4193 for IPv6): 100.64.0.0/10 is the providers' (RFC 6598), whose use a host does not see.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._system import observed
from .addresses import ASIDE, DOCKER, LIKELY, Around, Network, Use, declared_networks, docker0, in_use, overlap, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

AUTO = "auto"

# dockerd's own pools, in its order: base, and prefix length of the networks cut from it (moby, libnetwork ipamutils).
DEFAULT_POOLS: tuple[tuple[Network, int], ...] = (
    (ipaddress.ip_network("172.17.0.0/16"), 16),
    (ipaddress.ip_network("172.18.0.0/16"), 16),
    (ipaddress.ip_network("172.19.0.0/16"), 16),
    (ipaddress.ip_network("172.20.0.0/14"), 16),
    (ipaddress.ip_network("172.24.0.0/14"), 16),
    (ipaddress.ip_network("172.28.0.0/14"), 16),
    (ipaddress.ip_network("192.168.0.0/16"), 20),
)
_PRIVATE = tuple(ipaddress.ip_network(text) for text in ("172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8"))

FEWEST = 8
"""Networks that the pools must have room for, before another range is added to them."""

BLOCK_LENGTH = 20
"""Prefix length of a host's address block in each private range: 16 networks of 254 addresses."""
BLOCKS = 2 ** (BLOCK_LENGTH - min(private.prefixlen for private in _PRIVATE))


@dataclass
class AddressPlan:
    """``options`` of daemon.json for what is to be chosen, and what prevents it, one sentence each."""

    options: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Ground:
    """The uses that count for one option, as strict as the question is."""

    uses: tuple[Use, ...]

    def keeps(self, network: Network) -> bool:
        """Whether a range that is there may stay."""
        return not any(overlap(network, use.network) for use in self.uses if use.kind not in (LIKELY, ASIDE))

    def free(self, candidates: Iterable[tuple[Network, int]]) -> Network | None:
        """The first network of the given prefix length in the candidates, in their order, that nothing uses.

        Where there is none, what routes send nowhere is used too.
        """
        candidates = list(candidates)
        for uses in (self.uses, [use for use in self.uses if use.kind != ASIDE]):
            taken = [use.network for use in uses]
            for base, size in candidates:
                found = _first_free(base, size, taken)
                if found is not None:
                    return found
        return None

    def in_the_way(self, network: Network) -> str:
        """The names of what overlaps ``network``."""
        return ", ".join(sorted({use.name for use in self.uses if overlap(network, use.network)}))


def _first_free(base: Network, size: int, taken: list[Network]) -> Network | None:
    """The first network of prefix length ``size`` in ``base`` that overlaps nothing in ``taken``."""
    step = 2 ** (base.max_prefixlen - size)
    start, end = int(base.network_address), int(base.broadcast_address)
    while start + step - 1 <= end:
        network = ipaddress.ip_network((start, size)) if base.version == 4 else ipaddress.IPv6Network((start, size))
        clash = next((one for one in taken if overlap(network, one)), None)
        if clash is None:
            return network
        behind = max(int(clash.broadcast_address) + 1, start + step)
        start = -(-behind // step) * step
    return None


def _remainder(sizes: Iterable[int]) -> Iterator[tuple[Network, int]]:
    """The private ranges, for networks of each size in turn."""
    for size in sizes:
        for private in _PRIVATE:
            yield private, size


def _without(base: Network, size: int, taken: list[Network]) -> list[Network]:
    """What is left of ``base`` when each network of ``size`` that overlaps one of ``taken`` is taken out."""
    left = [base]
    for use in taken:
        cut = use if use.prefixlen <= size else use.supernet(new_prefix=size)
        kept: list[Network] = []
        for part in left:
            if not overlap(part, cut):
                kept.append(part)
            elif not within(part, cut):
                # Networks of two families do not overlap.
                kept += part.address_exclude(cut)  # type: ignore[arg-type]
        left = kept
    return sorted(left)


def address_block_problem(number: int) -> str | None:
    """What is wrong with the number of a declared address block."""
    return None if 0 <= number < BLOCKS else f"{number} must be a whole number from 0 to {BLOCKS - 1}"


def plan(
    declared: dict[str, Any], around: Around, configuration: observed.Configuration, host: dict[str, Any]
) -> dict[str, Any]:
    """Choose what ``declared`` (options of daemon.json) leaves to the plan by the word auto.

    ``around`` is as for ``addresses.in_use``, ``configuration`` as ``host_info`` saw it; ``host`` has its ``name`` in
    the inventory, the ``fragment`` that is the role's own, and the ``address_block`` or None. Returns ``options`` and
    ``problems``.
    """
    found = _Planner(declared, around, configuration, host).plan()
    return {"options": found.options, "problems": found.problems}


class _Planner:
    """One host's plan, option by option."""

    def __init__(
        self, declared: dict[str, Any], around: Around, configuration: observed.Configuration, host: dict[str, Any]
    ) -> None:
        self.name: str = host["name"]
        self.address_block: int | None = host["address_block"]
        self.wanted = {key for key, value in declared.items() if value == AUTO}
        self.explicit = {key: value for key, value in declared.items() if value != AUTO}
        addresses: dict[str, Any] = configuration["addresses"]
        own = configuration["fragments"].get(host["fragment"], [])
        self.ours = {key: value for key, value in addresses.items() if key in own}
        # What somebody else has set is not the plan's to choose.
        self.foreign = {key: value for key, value in addresses.items() if key not in own and key not in self.explicit}
        self.uses = in_use(around)
        self.hosts_uses = _Ground(tuple(use for use in self.uses if use.kind != DOCKER))
        declared_uses = [Use(range_, name) for range_, name in declared_networks(around["networks"])]
        self.bridge_uses = _Ground((*self.uses, *declared_uses))
        self.live = docker0(around["network"])
        self.is_there = bool(around["docker"] or self.live)

    def plan(self) -> AddressPlan:
        """The pools first, for dockerd takes docker0's network from them."""
        found = AddressPlan()
        bridge = {**self.foreign, **self.explicit}.get("bridge")
        block = self._own_block(found) if self.address_block is not None else None
        if "default-address-pools" in self.wanted - set(self.foreign):
            self._pools(found, block)
        if "bip" in self.wanted - set(self.foreign) and bridge is None and not self._is_derived("fixed-cidr"):
            self._bridge(found, block)
        if bridge is None:
            self._bridge6(found)
        return found

    def _is_derived(self, key: str) -> bool:
        """Whether another option places docker0 already."""
        return key in {**self.foreign, **self.explicit} or "default-gateway" in self.explicit

    # A host's own block ----------------------------------------------------------------------------

    def _own_block(self, found: AddressPlan) -> Network | None:
        """The host's block of the private ranges. Blocks of different numbers have no address in common."""
        assert self.address_block is not None
        blocks = [
            ipaddress.ip_network(
                (int(private.network_address) + self.address_block * 2 ** (32 - BLOCK_LENGTH), BLOCK_LENGTH)
            )
            for private in _PRIVATE
            if self.address_block < 2 ** (BLOCK_LENGTH - private.prefixlen)
        ]
        ground = self.hosts_uses
        current = [block for block in blocks if block in self._current_blocks() and ground.keeps(block)]
        chosen = next(iter(current), None) or ground.free((block, BLOCK_LENGTH) for block in blocks)
        if chosen is None:
            found.problems.append(
                f"docker_network_address_block {self.address_block}: none of its ranges is free: "
                + "; ".join(f"{block} ({ground.in_the_way(block)})" for block in blocks)
                + "; give the host another address block"
            )
        return chosen

    def _current_blocks(self) -> set[Network]:
        texts = [pool["base"] for pool in self.ours.get("default-address-pools", [])]
        texts += [self.ours["bip"]] if "bip" in self.ours else []
        networks = [ipaddress.ip_interface(text).network for text in texts]
        return {network.supernet(new_prefix=BLOCK_LENGTH) for network in networks if network.prefixlen >= BLOCK_LENGTH}

    # Pools -----------------------------------------------------------------------------------------

    def _pools(self, found: AddressPlan, block: Network | None) -> None:
        if self.address_block is not None:
            if block is not None:
                found.options["default-address-pools"] = [{"base": str(block), "size": 24}]
            return
        own = self.ours.get("default-address-pools")
        pools = [(ipaddress.ip_network(pool["base"]), pool["size"]) for pool in own or []] or list(DEFAULT_POOLS)
        # dockerd keeps off some of it by itself. What an engine has already gives way to certain uses alone.
        there = own is not None or self.is_there
        left = self._pools_left(pools, (LIKELY, ASIDE) if there else ())
        if _count(left) < FEWEST:
            left = self._pools_left(pools, (LIKELY, ASIDE) if there else (ASIDE,))
        if _count(left) < FEWEST:
            ground = _Ground((*self.hosts_uses.uses, *(Use(base, "a pool") for base, _size in left)))
            for prefix in (16, 20, 24):
                more = ground.free(_remainder([prefix]))
                if more is not None:
                    left.append((more, min(prefix + 4, 26)))
                    break
        if not left:
            found.problems.append(
                "docker_network_pools: all private ranges are in use here; declare pools, and see "
                "docker_network_check_addresses"
            )
        elif own or left != list(DEFAULT_POOLS):
            found.options["default-address-pools"] = [{"base": str(base), "size": size} for base, size in left]

    def _pools_left(self, pools: list[tuple[Network, int]], lenient: tuple[str, ...]) -> list[tuple[Network, int]]:
        uses = [use.network for use in self.hosts_uses.uses if not use.avoided and use.kind not in lenient]
        return _pools_without(pools, uses)

    # docker0 ---------------------------------------------------------------------------------------

    def _bridge(self, found: AddressPlan, block: Network | None) -> None:
        ground = self.bridge_uses
        current = ipaddress.ip_interface(self.ours["bip"]) if "bip" in self.ours else self.live
        if self.address_block is not None:
            if block is None:
                return
            if current is not None and not within(current.network, block):
                current = None
            candidates = [(block, 24)]
        else:
            candidates = [*self._pools_in_force(found), *DEFAULT_POOLS, *_remainder([16, 20, 24])]
        if current is not None and ground.keeps(current.network):
            chosen = current
        else:
            network = ground.free(candidates)
            if network is None:
                found.problems.append(
                    "docker_network_bridge_address: all private ranges are in use here; declare an address, and see "
                    "docker_network_check_addresses"
                )
                return
            chosen = ipaddress.ip_interface(f"{network[1]}/{network.prefixlen}")
        if "bip" in self.ours or chosen != self._left_alone(found):
            found.options["bip"] = str(chosen)

    def _pools_in_force(self, found: AddressPlan) -> list[tuple[Network, int]]:
        """The pools that dockerd will cut docker0's network from."""
        options = {**self.foreign, **self.explicit, **found.options}
        pools = [
            (ipaddress.ip_network(pool["base"]), pool["size"]) for pool in options.get("default-address-pools") or []
        ]
        pools = [(base, size) for base, size in pools if base.version == 4]
        return pools or list(DEFAULT_POOLS)

    def _left_alone(self, found: AddressPlan) -> Any:
        """Where dockerd would put docker0, now and after a boot, were it told nothing; None where that is not sure.

        Before 23.0 it keeps off every route of the main table, also one to nowhere.
        """
        taken = [use.network for use in self.uses if use.avoided or use.kind == DOCKER]
        nowhere = [use.network for use in self.uses if use.kind == ASIDE]
        for base, size in self._pools_in_force(found):
            network = _first_free(base, size, taken)
            if network is not None:
                address = ipaddress.ip_interface(f"{network[1]}/{network.prefixlen}")
                sure = self.live in (None, address) and not any(overlap(network, one) for one in nowhere)
                return address if sure else None
        return None

    # IPv6 ------------------------------------------------------------------------------------------

    def _bridge6(self, found: AddressPlan) -> None:
        """A unique local /64 for docker0 (RFC 4193), its global ID a digest of the host's name instead of a chance."""
        wanted = sorted(self.wanted & {"bip6", "fixed-cidr-v6"} - set(self.foreign))
        if not wanted:
            return
        given = self.explicit.get("bip6") or self.explicit.get("fixed-cidr-v6")
        own = self.ours.get("bip6") or self.ours.get("fixed-cidr-v6")
        current = given or own
        network: Network | None = ipaddress.ip_interface(current).network if current else None
        if network is None or (not given and not self.bridge_uses.keeps(network)):
            network = self.bridge_uses.free((unique_local(self.name, number), 64) for number in range(16))
        if network is None:
            found.problems.append("docker_network_bridge_address_v6: fd00::/8 is in use here; declare an address")
            return
        if "bip6" in wanted:
            found.options["bip6"] = f"{network[1]}/{network.prefixlen}"
        if "fixed-cidr-v6" in wanted:
            found.options["fixed-cidr-v6"] = str(network)


def unique_local(name: str, number: int) -> ipaddress.IPv6Network:
    """The first /64 of the unique local /48 of a host; ``number`` counts further ones."""
    digest = hashlib.sha256(f"mooring.docker {name} {number}".encode()).digest()
    return ipaddress.IPv6Network((b"\xfd" + digest[:5] + bytes(10), 64))


def _count(pools: list[tuple[Network, int]]) -> int:
    """How many networks can be cut from the pools."""
    return sum(2 ** (size - base.prefixlen) for base, size in pools)


def _pools_without(pools: list[tuple[Network, int]], taken: list[Network]) -> list[tuple[Network, int]]:
    """The pools in their order, what ``taken`` overlaps cut out of them."""
    left: list[tuple[Network, int]] = []
    for base, size in pools:
        of_family = [network for network in taken if overlap(network, base)]
        left += [(part, size) for part in _without(base, size, of_family)]
    return left
