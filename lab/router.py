"""A second network behind a router: what its hosts reach by a gateway alone, and cannot see.

A network namespace of this machine stands for a machine in it, and another one for the router, which is a port of the
lab's bridge. Their names follow from the lab, so that what a killed run left is found and removed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from lab.identity import Identity
from lab.shell import run, succeeds


@dataclass(frozen=True)
class Router:
    """The router of a lab, and the machine behind it at ``behind``."""

    lab: Identity
    behind: IPv4Interface

    @property
    def address(self) -> IPv4Address:
        """The router in the lab's network."""
        return self.lab.network[254]

    @property
    def namespace(self) -> str:
        """Where the machine behind the router lives."""
        return f"{_prefix(self.lab)}-behind"

    @property
    def command(self) -> list[str]:
        """What to put before a command that is to run behind the router."""
        return ["ip", "netns", "exec", self.namespace]

    def build(self) -> None:
        """Make both namespaces and the two cables; what a killed run left goes before."""
        remove(self.lab)
        router, port, cable = f"{_prefix(self.lab)}-router", f"vr-{self.lab.id}", f"vc-{self.lab.id}"
        gateway = self.behind.network[1]
        for namespace in (router, self.namespace):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "link", "add", port, "type", "veth", "peer", "name", "lab", "netns", router)
        run("ip", "link", "set", port, "master", self.lab.bridge, "up")
        _configure(router, "lab", f"{self.address}/{self.lab.network.prefixlen}")
        # The kernel of a namespace of its own forwards, and tells no host of a shorter way.
        for setting in ("ip_forward=1", "conf.all.send_redirects=0", "conf.lab.send_redirects=0"):
            run("ip", "netns", "exec", router, "sysctl", "--quiet", "--write", f"net.ipv4.{setting}")
        run("ip", "-n", router, "route", "add", "default", "via", str(self.lab.gateway))
        run("ip", "netns", "exec", router, "nft", "-f", "-", stdin=_translation(self.lab))
        run("ip", "-n", router, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _configure(router, cable, f"{gateway}/{self.behind.network.prefixlen}")
        _configure(self.namespace, "eth0", str(self.behind))
        run("ip", "-n", self.namespace, "route", "add", "default", "via", str(gateway))


@contextlib.contextmanager
def built(lab: Identity, behind: str) -> Iterator[Router]:
    """A router as long as the block runs."""
    router = Router(lab, IPv4Interface(behind))
    try:
        router.build()
        yield router
    finally:
        remove(lab)


def remove(lab: Identity) -> None:
    """Take namespaces and cables away, whole or half-built."""
    for entry in json.loads(run("ip", "-json", "netns", "list") or "[]"):
        if entry["name"].startswith(f"{_prefix(lab)}-"):
            run("ip", "netns", "delete", entry["name"])
    # A namespace goes when its last process ends; a cable that has an end here is seen to at once.
    succeeds("ip", "link", "delete", f"vr-{lab.id}")


def _translation(lab: Identity) -> str:
    """What the hosts send out by the router leaves it as the router's own.

    Where the machine's filter sees bridged packets (br_netfilter), it takes their second passing for the first, and
    does not translate it.
    """
    return f"""\
table ip router {{
    chain postrouting {{
        type nat hook postrouting priority 100; policy accept;
        ip saddr {lab.network} oifname "lab" masquerade
    }}
}}
"""


def _prefix(lab: Identity) -> str:
    return f"mooring-{lab.id}"


def _configure(namespace: str, interface: str, address: str) -> None:
    run("ip", "-n", namespace, "address", "add", address, "dev", interface)
    run("ip", "-n", namespace, "link", "set", interface, "up")
