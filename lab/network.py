"""The lab's network on this machine: a bridge, its addresses, the way out, and their removal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

from lab import locks
from lab.errors import LabError
from lab.identity import STATE, Identity
from lab.shell import run, succeeds, write

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_FORWARDING_WAS_OFF = STATE / "forwarding-was-off"
_MACHINE_LOCK = STATE / "machine.lock"


def ensure(lab: Identity) -> None:
    """Bring the network to the declared state; what is right already is left alone."""
    if not Path("/sys/class/net", lab.bridge).exists():
        run("ip", "link", "add", lab.bridge, "type", "bridge")
    run("ip", "address", "replace", f"{lab.gateway}/24", "dev", lab.bridge)
    if Path("/proc/sys/net/ipv6").exists():
        # Hosts reach each other over IPv6 too. A machine that has it switched off simply goes without.
        succeeds("ip", "address", "replace", f"{lab.network6[1]}/64", "dev", lab.bridge, "nodad")
    run("ip", "link", "set", lab.bridge, "up")
    run("nft", "-f", "-", stdin=masquerade(lab))
    with locks.held(_MACHINE_LOCK):
        if _FORWARDING.read_text().strip() == "0":
            write(_FORWARDING_WAS_OFF, "")
            _FORWARDING.write_text("1")
    if _forwarding_is_filtered():
        for rule in _accept_rules(lab):
            if not succeeds("iptables", "-w", "-C", "FORWARD", *rule):
                run("iptables", "-w", "-I", "FORWARD", *rule)


def remove(lab: Identity) -> None:
    """Take the network away, whole or half-built."""
    for interface in _interfaces(lab):
        succeeds("ip", "link", "delete", interface)
    if shutil.which("nft"):
        succeeds("nft", "delete", "table", "ip", lab.table)
    if shutil.which("iptables"):
        for rule in _accept_rules(lab):
            while succeeds("iptables", "-w", "-D", "FORWARD", *rule):
                pass


def restore_forwarding() -> None:
    """Switch forwarding off again if a lab switched it on and no lab is left."""
    with locks.held(_MACHINE_LOCK):
        if not any(entry.is_dir() for entry in STATE.iterdir()):
            if _FORWARDING_WAS_OFF.exists():
                _FORWARDING.write_text("0")
                _FORWARDING_WAS_OFF.unlink()
            _MACHINE_LOCK.unlink()


def detach(interface: str) -> None:
    """Delete a machine's leftover interface, should the kernel not have done so when its nspawn died."""
    if Path("/sys/class/net", interface).exists():
        succeeds("ip", "link", "delete", interface)


def masquerade(lab: Identity) -> str:
    """The lab's own nftables table, replaced in one transaction."""
    return f"""\
table ip {lab.table}
delete table ip {lab.table}
table ip {lab.table} {{
    chain postrouting {{
        type nat hook postrouting priority 100; policy accept;
        ip saddr {lab.network} oifname != "{lab.bridge}" masquerade
    }}
    # The machine's way out may take less than the hosts do, and they know nothing of it.
    chain forward {{
        type filter hook forward priority mangle; policy accept;
        iifname "{lab.bridge}" oifname != "{lab.bridge}" tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    }}
}}
"""


def overlap(routes: Iterable[dict[str, Any]], network: IPv4Network, bridge: str) -> str | None:
    """The interface to which the machine already routes a part of the network, other than by default.

    A VPN's 0.0.0.0/1 and 128.0.0.0/1 are a default route in two halves.
    """
    for route in routes:
        device = route.get("dev", "nowhere")
        if route.get("dst", "default") == "default" or device == bridge:
            continue
        declared = ip_network(route["dst"], strict=False)
        if isinstance(declared, IPv4Network) and declared.prefixlen >= 8 and declared.overlaps(network):
            return str(device)
    return None


def refuse_collision(lab: Identity) -> None:
    """A lab whose addresses the machine already routes elsewhere is not built."""
    device = overlap(_ip("-4", "route", "show", "table", "all"), lab.network, lab.bridge)
    if device is not None:
        raise LabError(
            f"{lab.network} is in use on this machine ({device}): "
            "choose another network for the lab, for example `export MOORING_LAB_NETWORK=198.19.200.0/24`"
        )


def _forwarding_is_filtered() -> bool:
    """Whether something like Docker or ufw on this machine drops what it does not know."""
    if not shutil.which("iptables"):
        return False
    return run("iptables", "-w", "-S", "FORWARD").split() != ["-P", "FORWARD", "ACCEPT"]


def _accept_rules(lab: Identity) -> list[list[str]]:
    mine = ["-m", "comment", "--comment", f"mooring-lab-{lab.id}", "-j", "ACCEPT"]
    replies = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    return [["-i", lab.bridge, *mine], ["-o", lab.bridge, *replies, *mine]]


def _interfaces(lab: Identity) -> list[str]:
    """The bridge's ports, then the bridge."""
    if not Path("/sys/class/net", lab.bridge).exists():
        return []
    return [*(link["ifname"] for link in _ip("link", "show", "master", lab.bridge)), lab.bridge]


def _ip(*arguments: str) -> list[dict[str, Any]]:
    listing: list[dict[str, Any]] = json.loads(run("ip", "-json", *arguments) or "[]")
    return listing
