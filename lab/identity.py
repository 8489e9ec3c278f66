"""Who a lab is: from the inventory's path and $MOORING_LAB follow its id, bridge, addresses and directory.

inventory/lab/group_vars/docker_hosts/lab.yml says the same in Jinja, so that Ansible needs no generated
file; tests/unit/lab holds the two together.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, NetmaskValueError
from pathlib import Path

from lab.errors import LabError

STATE = Path("/var/lib/mooring-lab")


@dataclass(frozen=True)
class Identity:
    """One lab of this machine. Two checkouts, or molecule beside the demo, get different ones."""

    id: str
    network: IPv4Network
    network6: IPv6Network

    @property
    def state(self) -> Path:
        return STATE / self.id

    @property
    def ssh(self) -> Path:
        return self.state / "ssh"

    @property
    def machines(self) -> Path:
        return self.state / "machines"

    @property
    def lock(self) -> Path:
        return STATE / f"{self.id}.lock"

    @property
    def bridge(self) -> str:
        """As long as a network interface's name may be."""
        return f"mooring{self.id}"

    @property
    def table(self) -> str:
        """The lab's own nftables table."""
        return f"mooring_lab_{self.id}"

    @property
    def gateway(self) -> IPv4Address:
        """The machine itself, seen from the hosts."""
        return self.network[1]

    def address(self, octet: int) -> IPv4Address:
        return self.network[octet]

    def address6(self, octet: int) -> IPv6Address:
        """Reads like the IPv4 address: .11 is ::11."""
        return self.network6[int(str(octet), 16)]


def identify(inventory: Path, environment: Mapping[str, str]) -> Identity:
    """The identity of the lab that this inventory describes (Ansible's inventory_dir: absolute, links kept)."""
    path = Path(os.path.abspath(inventory))  # noqa: PTH100 (resolve() would follow links)
    directory = path if path.is_dir() else path.parent
    name = environment.get("MOORING_LAB") or "lab"
    digest = hashlib.sha1(f"{directory} {name}".encode()).hexdigest()
    declared = environment.get("MOORING_LAB_NETWORK")
    # RFC 2544's benchmarking range: in nobody's LAN, in nobody's VPN.
    subnet = int(digest[8:12], 16) % 512
    return Identity(
        id=digest[:8],
        network=_network(declared or f"198.{18 + subnet // 256}.{subnet % 256}.0/24"),
        network6=IPv6Network(f"fd{digest[:2]}:{digest[2:6]}:{digest[6:10]}::/64"),
    )


def _network(text: str) -> IPv4Network:
    try:
        network = IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError):
        network = None
    if network is None or network.prefixlen != 24:
        raise LabError(f"MOORING_LAB_NETWORK={text} is not a network like 198.18.7.0/24")
    return network
