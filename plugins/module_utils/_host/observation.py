# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is: system, engine, configuration, accounts, network; in one trip and without an opinion.

Works on hosts without an engine, without systemd, and on other systems than Linux, where most of it is null.
"""

from __future__ import annotations

import contextlib
import grp
import importlib.util
import ipaddress
import json
import os
import platform
import pwd
import re
import sys
import time
from pathlib import Path
from typing import Any

from .._config import fragments, pending, state
from .._config.endpoints import bracketed, without_metrics
from .._config.fragments import ConfigError
from .._config.options import Config, changed_keys
from .._engine import containerd, containers, daemon, data_root, live, planning, resources, settings, socket_group
from .._engine.api import ApiError
from .._files import managed
from .._firewall import backend, docker_proxy, nftables, published
from .._network import bridge, networks, sysctls
from .._ssh import sshd
from .._system import apt, commands, files, observed, session
from .._tls.certificates import describe_file

_TLS_OPTIONS = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey")


def system() -> observed.System:
    """Operating system, init and Python."""
    release: dict[str, str] = {}
    for line in (state.read(Path("/etc/os-release")) or "").splitlines():
        key, _separator, value = line.partition("=")
        release[key] = value.strip('"')
    return {
        "kernel": platform.system(),
        "kernel_version": platform.release(),
        "machine": platform.machine(),
        "distribution": release.get("ID"),
        "distribution_like": release.get("ID_LIKE", "").split(),
        "distribution_version": release.get("VERSION_ID"),
        "distribution_codename": release.get("VERSION_CODENAME"),
        "python": platform.python_version(),
        "python_libraries": [name for name in ("cryptography", "docker", "requests") if importlib.util.find_spec(name)],
        # sd_booted(3)
        "systemd": Path("/run/systemd/system").is_dir(),
        "apparmor_parser": _apparmor_parser(),
        "apt": Path("/usr/bin/apt-get").exists(),
        "root": os.geteuid() == 0,
    }


def _apparmor_parser() -> bool | None:
    """Whether there is what loads AppArmor's profiles; None where the kernel does without, or only root is told."""
    try:
        enabled = Path("/sys/module/apparmor/parameters/enabled").read_text(encoding="utf-8")
    except OSError:
        return None
    return Path("/sbin/apparmor_parser").exists() if enabled.startswith("Y") else None


def _user(name: str) -> observed.User | None:
    """A user with all groups, or None where there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    member_of = {group.gr_name for group in grp.getgrall() if name in group.gr_mem}
    member_of.add(grp.getgrgid(entry.pw_gid).gr_name)
    return {"uid": entry.pw_uid, "groups": sorted(member_of)}


# Debian's own, Docker's, and that of derivatives (moby).
_PACKAGES = ("docker.io", "docker-ce", "moby-engine")


def engine() -> observed.Engine:
    """Programs, service and what the daemon says of itself."""
    program = daemon.dockerd()
    show = commands.unit_properties(daemon.SERVICE)
    answer: observed.Engine = {
        "installed": program is not None,
        "version": None,
        "cli_version": None,
        "api_version": None,
        "service": {
            "active": show.get("ActiveState"),
            "enabled": show.get("UnitFileState"),
            "pid": int(show.get("MainPID", "0") or 0) or None,
        },
        "package": _package() if program else None,
        "running_version": None,
        "containerd": _containerd(show),
        "settings": None,
        "containers_running": None,
        "live_restore": None,
        "swarm": None,
        "swarm_manager": None,
        "networks": None,
        "published": [],
        "image_store": None,
        "storage": [],
        "used": resources.is_used(_data_root()),
        "programs": {},
    }
    cli = re.search(r"version (\S+?),", commands.run("docker", "--version").stdout)
    answer["cli_version"] = cli[1] if cli else None
    if program:
        text = re.search(r"version (\S+?),", commands.run(program, "--version").stdout)
        answer["version"] = text[1] if text else None
    if show.get("ActiveState") == "active":
        try:
            config = state.daemon_json() or {}
            api = live.local_api(config)
            said = api.get("/version")
            answer["api_version"], answer["running_version"] = said["ApiVersion"], said["Version"]
            info = api.get("/info")
            listed = api.get("/containers/json?all=1")
            known = networks.described(api.get("/networks"), listed)
        except (ApiError, ConfigError):
            return answer
        answer["containers_running"] = info["ContainersRunning"]
        answer["live_restore"] = info["LiveRestoreEnabled"]
        answer["swarm"] = (info.get("Swarm") or {}).get("LocalNodeState")
        answer["swarm_manager"] = bool((info.get("Swarm") or {}).get("ControlAvailable"))
        answer["networks"] = known
        answer["published"] = networks.published(listed)
        command, environment = _told(answer["service"]["pid"])
        answer["settings"] = settings.settings({**config, **settings.flags(command, environment)}, info)
        answer["image_store"] = "containerd" if containerd.has_images(info) else "dockerd"
        answer["storage"] = resources.storage(info, containerd.root(answer["containerd"] is not None))
        answer["used"] = bool(info["Containers"] or info["Images"]) or resources.is_used(Path(info["DockerRootDir"]))
        variables = dict(text.split("=", 1) for text in environment if "=" in text)
        answer["programs"] = resources.programs(info, variables, containerd.program())
    return answer


def _data_root() -> Path:
    """Where the daemon keeps its data, as far as daemon.json tells."""
    with contextlib.suppress(ConfigError):
        return Path(str((state.daemon_json() or {}).get("data-root", "/var/lib/docker")))
    return Path("/var/lib/docker")


def _told(pid: int | None) -> tuple[list[str], list[str]]:
    """The words of the daemon's command line, and its environment; nothing of one that ended meanwhile."""
    try:
        texts = [Path(f"/proc/{pid}", name).read_text(encoding="utf-8", errors="replace") for name in _TOLD]
    except OSError:
        return [], []
    command, environment = (text.split("\0") for text in texts)
    return command, environment


_TOLD = ("cmdline", "environ")


def _package() -> observed.EnginePackage | None:
    """The Debian package that brings the engine, with its version; None where it came otherwise."""
    words = "${db:Status-Status} ${Package} ${Version}\\n"
    listed = commands.run("dpkg-query", "--show", f"--showformat={words}", *_PACKAGES).stdout
    # What was removed and not purged is listed too.
    found = [line.split() for line in listed.splitlines() if line.startswith("installed ")]
    return {"name": found[0][1], "version": found[0][2]} if found else None


def _containerd(show: dict[str, str]) -> observed.Containerd | None:
    """The service of a containerd that runs beside the daemon; None where the daemon starts one of its own."""
    lines, _source = daemon.exec_starts(show)
    if not any("--containerd" in line for line in lines):
        return None
    own = commands.unit_properties(containerd.SERVICE)
    return {"active": own.get("ActiveState", ""), "enabled": own.get("UnitFileState", "")}


# Options whose values are addresses and no secrets.
_ADDRESSES = ("bridge", "bip", "bip6", "fixed-cidr", "fixed-cidr-v6", "default-gateway", "default-address-pools")


def configuration(measures: bool = False) -> observed.Configuration:
    """The fragments' names and keys, and what still has to be applied. No values but addresses: they may be secrets.

    ``measures`` asks for the size of an old data root, which takes its time.
    """
    try:
        contents = state.fragments()
        effective = state.daemon_json()
    except ConfigError as error:
        return {
            "error": str(error),
            "fragments": {},
            "effective": [],
            "stopped": [],
            "edited": [],
            "addresses": {},
            "tls": {},
            "pending": None,
            "old_data_root": None,
            "untested": False,
        }
    effective = effective or {}
    to_apply: observed.Pending | None = None
    is_untested = False
    if daemon.dockerd():
        seen = planning.observe()
        plan, is_untested = seen.plan, seen.is_untested
        to_apply = {"action": plan.action, "keys": plan.keys, "reasons": plan.reasons}
    return {
        "error": None,
        "fragments": {name: sorted(content) for name, content in contents.items()},
        "effective": sorted(effective),
        "stopped": [container.name for container in containers.interrupted()],
        "edited": _edited(contents, effective),
        "addresses": {key: value for key, value in effective.items() if key in _ADDRESSES},
        "tls": {key: effective[key] for key in _TLS_OPTIONS if key in effective},
        "pending": to_apply,
        "old_data_root": _old_data_root(effective, measures),
        "untested": is_untested,
    }


def _old_data_root(effective: Config, measures: bool) -> observed.OldDataRoot | None:
    path = data_root.kept(effective)
    return None if path is None else {"path": path, "size": data_root.size(path) if measures else None}


def _edited(contents: dict[str, Config], effective: Config) -> list[str]:
    """The keys of daemon.json that are not what the fragments make of them."""
    try:
        return sorted(changed_keys(fragments.merge(contents), effective)) if contents else []
    except ConfigError:
        return sorted(effective)  # Two fragments disagree: nobody composed this.


def file_modes(tls: dict[str, Any]) -> dict[str, observed.FileStatus]:
    """Owner and mode of what makes the engine what it is: configuration, keys, units, Mooring's own state."""
    paths = [*files.below(Path("/etc/docker")), state.STATE, Path("/run/containerd/containerd.sock")]
    paths += [Path(path) for path in tls.values() if isinstance(path, str)]
    for unit in (daemon.SERVICE, daemon.SOCKET):
        show = commands.unit_properties(unit)
        named = [show.get("FragmentPath", ""), *show.get("DropInPaths", "").split()]
        named += re.findall(r"(/\S+)", show.get("EnvironmentFiles", ""))
        paths += [Path(path) for path in named if path]
    return files.describe(paths)


def sockets(endpoints: list[str]) -> list[observed.Socket]:
    """Who may use the UNIX sockets among ``endpoints``."""
    found = []
    for path in [url[len("unix://") :] for url in endpoints if url.startswith("unix://")]:
        # One that was removed under the daemon that listens on it cannot be used any more.
        with contextlib.suppress(OSError):
            found.append(files.socket(path))
    return found


def listening(pid: int | None) -> list[str]:
    """The endpoints the daemon's process really listens on, as Docker writes them, from ``/proc``.

    TCP tables hold the address as hexadecimal words of the machine's byte order, and state 0A is LISTEN;
    UNIX sockets that accept connections have the flag 00010000 (proc(5)).
    """
    if not pid:
        return []
    inodes = set()
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []  # It ended meanwhile.
    for link in links:
        try:
            match = re.match(r"^socket:\[(\d+)\]$", str(link.readlink()))
        except OSError:
            continue
        if match:
            inodes.add(match[1])
    found = []
    for line in (state.read(Path(f"/proc/{pid}/net/unix")) or "").splitlines()[1:]:
        columns = line.split()
        if len(columns) > 7 and columns[6] in inodes and columns[3] == "00010000":
            path = columns[7].replace("/var/run/", "/run/", 1) if columns[7].startswith("/var/run/") else columns[7]
            # dockerd's own sockets in its exec-root speak to its helpers, not the API.
            if not path.startswith("/run/docker/"):
                found.append(f"unix://{path}")
    for table in ("tcp", "tcp6"):
        for line in (state.read(Path(f"/proc/{pid}/net/{table}")) or "").splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                address, port = columns[1].split(":")
                found.append(f"tcp://{_proc_address(address)}:{int(port, 16)}")
    return sorted(set(found))


def _api(pid: int | None) -> list[str]:
    """The endpoints of the API: those that the daemon's process listens on, without its metrics."""
    with contextlib.suppress(ConfigError):
        return without_metrics(listening(pid), (state.daemon_json() or {}).get("metrics-addr"))
    return listening(pid)


def _proc_address(words: str) -> str:
    raw = bytes.fromhex(words)
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return bracketed(str(ipaddress.ip_address(raw)))


def network() -> observed.Network:
    """Addresses, routes and neighbours of the host, its resolvers, and where this very session comes from."""
    addresses: list[observed.Address] = []
    interfaces = []
    heard = set()
    for link in _ip("address", "show"):
        interfaces.append(link["ifname"])
        for entry in link.get("addr_info", []):
            addresses.append({"interface": link["ifname"], "address": f"{entry['local']}/{entry['prefixlen']}"})
            # The kernel gives itself such an address when a router advertises a prefix.
            if entry.get("mngtmpaddr"):
                heard.add(link["ifname"])
    routes = []
    for entry in (*_ip("-4", "route", "show", "table", "all"), *_ip("-6", "route", "show", "table", "all")):
        route = _route(entry)
        if route is not None:
            routes.append(route)
            if entry.get("protocol") == "ra":
                heard.add(route["interface"])
    neighbours: list[observed.Neighbour] = [
        {
            "address": entry["dst"],
            "interface": entry.get("dev"),
            "mac": entry["lladdr"],
            "permanent": "PERMANENT" in entry.get("state", []),
        }
        for entry in _ip("neighbour", "show")
        # One that was looked for and is not there has no link-layer address.
        if "lladdr" in entry and "FAILED" not in entry.get("state", [])
    ]
    resolvers = [
        address
        for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
        for address in re.findall(r"^nameserver\s+(\S+)", state.read(Path(path)) or "", re.MULTILINE)
    ]
    current = session.current()
    return {
        "interfaces": interfaces,
        "addresses": addresses,
        "bridges": sorted(path.parent.name for path in Path("/sys/class/net").glob("*/bridge")),
        "routes": routes,
        "neighbours": neighbours,
        "resolvers": list(dict.fromkeys(resolvers)),
        "client": current.client if current else None,
        "forwarding": {
            "inet": sysctls.switch("ipv4/ip_forward"),
            "inet6": sysctls.switch("ipv6/conf/all/forwarding"),
        },
        "router_advertisements": _router_advertisements(sorted(heard)),
        "without_ipv6": [name for name in interfaces if sysctls.switch(f"ipv6/conf/{name}/disable_ipv6")],
    }


def _router_advertisements(interfaces: list[str]) -> dict[str, int]:
    """Those of the interfaces on which the kernel itself listens to routers, with ``accept_ra``.

    Where it is 0 a program does, such as systemd-networkd, or nobody.
    """
    texts = {name: state.read(Path(f"/proc/sys/net/ipv6/conf/{name}/accept_ra")) for name in interfaces}
    return {name: int(text) for name, text in texts.items() if text is not None and int(text) > 0}


def _ip(*words: str) -> list[dict[str, Any]]:
    """What ip(8) says, as it writes JSON: nothing where there is nothing."""
    found: list[dict[str, Any]] = json.loads(commands.run("ip", "-json", *words).stdout or "[]")
    return found


def _route(entry: dict[str, Any]) -> observed.Route | None:
    """One route as iproute2 writes it, None for the kernel's own to the host's single addresses."""
    kind = entry.get("type", "unicast")
    if kind in ("broadcast", "multicast", "anycast") or (kind == "local" and "/" not in entry["dst"]):
        return None
    # One gateway, several of a multipath route, or one of the other family (RTA_VIA).
    hops = [entry, *entry.get("nexthops", [])]
    gateways = [hop.get("gateway") or (hop.get("via") or {}).get("host") for hop in hops]
    return {
        "destination": entry["dst"],
        "type": kind,
        "table": str(entry.get("table", "main")),
        "scope": entry.get("scope", "global"),
        "interface": next((hop["dev"] for hop in hops if "dev" in hop), None),
        "gateways": [gateway for gateway in gateways if gateway],
    }


def _bridges() -> dict[str, Any]:
    """What ``bridge_info`` sees, or why it sees nothing."""
    try:
        return {**bridge.observe("/run/docker.sock", 10)}
    except bridge.BridgeError as error:
        return {"engine_answers": False, "error": str(error)}


def _has_nftables() -> bool:
    """Whether daemon.json says so."""
    return backend.is_nftables(backend.configured())


def observe(
    names: list[str],
    users: list[str],
    groups: list[str],
    certificates: list[str],
    ssh_user: str | None = None,
    bridges: bool = False,
    asked_at: float | None = None,
    sysctl_names: list[str] | None = None,
    ssh_socket: str | None = None,
    nftables_backend: bool = False,
    host_files: dict[str, managed.HostFile] | None = None,
) -> observed.Host:
    """Everything above. ``certificates`` are paths of PEM files to describe, beside those that daemon.json names.

    ``sysctl_names`` are kernel parameters to look up. ``ssh_socket`` is what clients over SSH are to reach.
    ``nftables_backend`` is for a daemon whose rules are to be nftables', where daemon.json does not say so yet.
    ``host_files`` are declared files, by path, to compare; None where nothing is known of a declaration.

    ``asked_at`` is what the controller's clock said when it asked, in seconds since the epoch.
    """
    ahead = None if asked_at is None else round(time.time() - asked_at, 1)
    here = system()
    if here["kernel"] != "Linux":
        return {"system": here}  # type: ignore[typeddict-item]  # As the type says.
    configured, around, running = configuration(bridges), network(), engine()
    served = [str(configured["tls"][key]) for key in ("tlscert", "tlscacert") if key in configured["tls"]]
    # Since 28, without docker-proxy, the daemon itself keeps containers' ports from others.
    endpoints = [url for url in _api(running["service"]["pid"]) if url not in running["published"]]
    return {
        "system": here,
        "clock": {"ahead": ahead},
        "packages": apt.versions(names),
        "installation": {"unfinished": apt.unfinished(names), "begun": state.INSTALLING.exists()},
        "engine": running,
        "configuration": configured,
        "host_files": managed.observe(host_files),
        "certificates": {path: describe_file(path) for path in dict.fromkeys([*certificates, *served])},
        "files": file_modes(configured["tls"]),
        "network": around,
        "sysctls": sysctls.observe([*(sysctl_names or []), *map(sysctls.accept_ra, around["router_advertisements"])]),
        "nftables": docker_proxy.observe(nftables.observe({published.NAME: docker_proxy.files})),
        "nftables_backend": backend.observe() if nftables_backend or _has_nftables() else None,
        "confirm": pending.observe(),
        "bridge": _bridges() if bridges else None,
        "users": {name: _user(name) for name in users},
        "groups": {name: socket_group.observe(name) for name in groups},
        "listening": endpoints,
        "sockets": sockets(endpoints),
        "ssh": sshd.observe(ssh_user, around["client"], ssh_socket) if ssh_user else None,
    }
