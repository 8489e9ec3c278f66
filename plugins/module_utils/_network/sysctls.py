# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of the kernel that a declaration needs, now and after a boot.

dockerd sets most of what it needs when it starts. What it does not look after is the host's own way out: once it has
switched IPv6 forwarding on, the kernel forgets the routers that advertised themselves, at once, unless ``accept_ra`` is
2 (kernel, Documentation/networking/ip-sysctl.rst).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from .._firewall import backend
from .._system import commands, files, observed
from . import networks

FILE = "/etc/sysctl.d/99-zz-mooring.conf"
"""Of Mooring's own; systemd-sysctl reads it after those of nearly all others."""

FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding")
"""By which the kernel forwards packets, those of IPv4 first."""

_PROGRAM = "/lib/systemd/systemd-sysctl"
_NAME = re.compile(r"[a-z0-9_]+\.[A-Za-z0-9_@:./-]*[A-Za-z0-9_@:-]")
_SWITCHES = ("on", "off", "yes", "no", "true", "false", "y", "n", "t", "f")


def proc_name(name: str) -> str:
    """The parameter's path below ``/proc/sys``: what separates first is what separates (sysctl.d(5))."""
    first = re.search(r"[./]", name)
    return name.lstrip("/") if first is None or first[0] == "/" else name.translate(str.maketrans("./", "/."))


def accept_ra(interface: str) -> str:
    """The name of the parameter that tells whether an interface listens to routers."""
    return f"net.ipv6.conf.{interface.translate(str.maketrans('.', '/'))}.accept_ra"


def assignments(text: str) -> dict[str, str]:
    """What files as in sysctl.d(5), one after the other, set in the end, by that path. Patterns give way to names."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if name[:1] in ("#", ";") or re.search(r"[*?[]", name):
            continue
        at = proc_name(name.strip().lstrip("-"))
        if separator:
            found[at] = _text(value)
        elif name.startswith("-"):
            found.pop(at, None)
    return found


def observe(names: list[str]) -> observed.Sysctls:
    """What the named parameters and those in Mooring's file are now (``live``), and what a boot would set (``boot``).

    None where the kernel has no such parameter, or no file sets it. ``own`` are the names in Mooring's file.
    ``program`` sets them, None where there is none.
    """
    kept = files.text(Path(FILE)) or ""
    own = re.findall(r"^([^#;\s=]+)\s*=", kept, re.MULTILINE)
    asked = [name for name in dict.fromkeys([*names, *own]) if _is_name(name)]
    set_at_boot = {}
    if asked:
        shown = commands.run(_PROGRAM, "--cat-config")
        set_at_boot = assignments(shown.stdout if shown.returncode == 0 else kept)
    return {
        "program": shutil.which("sysctl", path="/usr/sbin:/sbin:/usr/bin:/bin"),
        "file": FILE,
        "own": own,
        "live": {name: _live(name) for name in asked},
        "boot": {name: set_at_boot.get(proc_name(name)) for name in asked},
    }


def switch(path: str) -> bool | None:
    """A setting below /proc/sys/net that is on or off; None where this kernel has none."""
    text = files.text(Path("/proc/sys/net", path))
    return None if text is None else text.strip() != "0"


def _live(name: str) -> str | None:
    text = files.text(Path("/proc/sys", proc_name(name)))
    return None if text is None else _text(text)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and ".." not in name and "//" not in name


def _text(value: Any) -> str:
    """A value as it is compared: several numbers are separated by any white space."""
    return " ".join(str(value).split())


def problems(declared: Any) -> list[str]:
    """What is wrong with declared parameters, one sentence each."""
    if not isinstance(declared, dict):
        return [f"is a mapping of names to values, not {declared!r}"] if declared else []
    found = []
    for name, value in declared.items():
        if not _is_name(name):
            found.append(f"{name!r} is no name of a kernel parameter as it is written with dots, net.ipv4.ip_forward")
        elif isinstance(value, bool) or not isinstance(value, (int, str)) or str(value).lower() in _SWITCHES:
            found.append(f"{name}: write a number or a text, not {value!r}")
        elif not _text(value) or re.search(r"[\n\r\"\\]", str(value)) or not _text(value).isprintable():
            found.append(f"{name}: {value!r} is no value of one line without quotes")
    return found


def host_problems(declared: dict[str, Any], host: observed.Host) -> list[str]:
    """Which declared parameters ``host``, as ``host_info`` saw it, does not have."""
    live = host["sysctls"]["live"]
    return [
        f"{name} is unknown to the host's kernel, or its module is not loaded (modules-load.d(5))"
        for name in declared or {}
        if live.get(name) is None
    ]


def wanted(
    declared: dict[str, Any], options: dict[str, Any], declared_networks: list[dict[str, Any]], host: observed.Host
) -> dict[str, str]:
    """All parameters that must be so, declared and needed.

    ``options`` are in daemon.json, ``networks`` the user-defined ones as role docker_network takes them.
    """
    seen = host["sysctls"]
    needed = []
    if options.get("ip-forward") is not False and has_ipv6(options, _all(declared_networks, host)):
        # Once 2, an interface that is there stays so, also where its router is silent for a while.
        needed = [
            name
            for name in seen["own"]
            if name.endswith(".accept_ra") and seen["live"].get(name) is not None and seen["boot"].get(name) == "2"
        ]
        needed += map(accept_ra, host["network"]["router_advertisements"])
    kept = []
    if backend.is_nftables(options):
        # What dockerd switched on at each start, while its rules were iptables'. Without it, it would not start again.
        kept = [name for name in forwarding(options, declared_networks, host) if seen["live"].get(name) == "1"]
    asked = {name: _text(value) for name, value in (declared or {}).items()}
    return {**dict.fromkeys(kept, "1"), **dict.fromkeys(sorted(needed), "2"), **asked}


def forwarding(options: dict[str, Any], declared_networks: list[dict[str, Any]], host: observed.Host) -> list[str]:
    """The parameters that must be 1 for a daemon whose rules are nftables', which does not set them.

    The arguments are as in ``wanted``. (moby 29.7, ``libnetwork/drivers/bridge/setup_ip_forwarding.go``)
    """
    if options.get("ip-forward") is False:
        return []
    return list(FORWARDING if has_ipv6(options, _all(declared_networks, host)) else FORWARDING[:1])


def _all(declared_networks: list[dict[str, Any]], host: observed.Host) -> list[dict[str, Any]]:
    """Declared networks, and those of others."""
    # Mooring's own go by their declaration: they may be about to be removed.
    there = [one for one in host["engine"]["networks"] or [] if networks.LABEL not in one["labels"]]
    return [*declared_networks, *map(dict, there)]


def has_ipv6(options: dict[str, Any], declared_networks: list[dict[str, Any]]) -> bool:
    """Whether a network that the host forwards for has IPv6."""
    bridges = [one for one in declared_networks if one.get("driver", "bridge") == "bridge"]
    return bool(options.get("ipv6") or "bip6" in options or any(one.get("ipv6") for one in bridges))


def plan(parameters: dict[str, str], host: observed.Host) -> list[dict[str, Any]]:
    """What ansible.posix.sysctl has to be told, so that ``parameters`` are so now and after a boot.

    What is wanted no more leaves the file; the kernel keeps it until it boots.
    """
    seen = host["sysctls"]
    set_ = [
        {"name": name, "value": value, "state": "present"}
        for name, value in parameters.items()
        if not seen["live"].get(name) == seen["boot"].get(name) == value
    ]
    return set_ + [{"name": name, "state": "absent"} for name in seen["own"] if name not in parameters]
