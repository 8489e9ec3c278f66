"""What the machine has to offer, asked before anything is changed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from lab.errors import LabError
from lab.shell import succeeds

_PROGRAMS = ("ip", "nft", "systemd-nspawn", "mmdebstrap", "unshare", "setpriv", "ssh", "ssh-keygen")
_FILESYSTEMS = {"overlay": "containers have no storage", "cgroup2": "containers cannot start"}
_DEVICES = {"bridge": "the lab has no network", "veth": "hosts and containers have no network"}
# A host cannot load modules: it has none. What Docker may want is loaded here, as far as it exists.
_MODULES = (
    *("overlay", "bridge", "veth", "br_netfilter", "macvlan", "ipvlan", "nf_tables", "nft_compat", "nf_nat"),
    *("ip_tables", "iptable_filter", "iptable_nat", "ip6_tables", "ip6table_filter", "ip6table_nat"),
    *("xt_addrtype", "xt_comment", "xt_conntrack", "xt_MASQUERADE", "xt_nat", "xt_mark", "xt_multiport"),
)


def check() -> None:
    """Refuse a machine on which the lab cannot work, saying what is missing."""
    if sys.platform != "linux":
        raise LabError(f"the lab boots Linux hosts with systemd-nspawn and needs a Linux machine, not {sys.platform}")
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise LabError(f"missing {', '.join(missing)}: run `lab/system-packages lab`")
    if shutil.which("modprobe"):
        for module in _MODULES:
            succeeds("modprobe", "--quiet", module)
    known = Path("/proc/filesystems").read_text().split()
    for filesystem, consequence in _FILESYSTEMS.items():
        if filesystem not in known:
            raise LabError(f"this kernel has no {filesystem}: {consequence} in the lab's hosts")
    for kind, consequence in _DEVICES.items():
        probe = f"mrprobe{os.getpid() % 10**7}"
        if not succeeds("ip", "link", "add", probe, "type", kind):
            raise LabError(f"this kernel (or container) lets us make no {kind} interface: {consequence}")
        succeeds("ip", "link", "delete", probe)
    if not succeeds("nft", "list", "tables"):
        raise LabError("this kernel (or container) has no nf_tables: hosts cannot reach their package mirror")
