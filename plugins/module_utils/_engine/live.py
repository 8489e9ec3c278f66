# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the running daemon shows: whether it answers, its settings, its containers, what it has reloaded."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import ssl
import time
import urllib.parse
from pathlib import Path
from typing import Any, Callable

from .._config.endpoints import parse
from .._config.options import OPTIONS, Config, short
from .._system import commands
from .._system.deadline import Deadline
from . import daemon
from .api import Api, ApiError, open_unix

# Did it take? --------------------------------------------------------------------------------------


def _bridge_option(name: str) -> Callable[[Any, dict[str, Any], dict[str, Any]], Any]:
    def seen(_value: Any, _info: dict[str, Any], bridge: dict[str, Any]) -> Any:
        text = (bridge.get("Options") or {}).get(name)
        if text in ("true", "false"):
            return text == "true"
        return int(text) if text and text.isdigit() else text

    return seen


def _address(version: int) -> Callable[[Any, dict[str, Any], dict[str, Any]], Any]:
    """docker0's address of one family as the kernel has it: the one declared if it is there."""

    def seen(value: Any, _info: dict[str, Any], _bridge: dict[str, Any]) -> Any:
        output = commands.run("ip", "-json", "address", "show", "dev", "docker0").stdout
        found = [
            f"{entry['local']}/{entry['prefixlen']}"
            for link in json.loads(output or "[]")
            for entry in link.get("addr_info", [])
            if ipaddress.ip_address(entry["local"]).version == version
        ]
        wanted = str(ipaddress.ip_interface(value))
        return value if wanted in found else (found[0] if found else None)

    return seen


def _pools(value: Any, info: dict[str, Any], _bridge: dict[str, Any]) -> Any:
    # After a reload 28.5 and 29.7 no longer show what they go on using (moby issue 52728).
    if any(pool["Base"] in ("invalid Prefix", "") for pool in info.get("DefaultAddressPools") or []):
        return value
    return [{"base": pool["Base"], "size": pool["Size"]} for pool in info.get("DefaultAddressPools") or []]


def _data_root(value: Any, info: dict[str, Any], _bridge: dict[str, Any]) -> Any:
    """dockerd follows links, and with userns-remap works in a directory UID.GID below (moby, setupDaemonRoot)."""
    seen = str(info.get("DockerRootDir"))
    real = os.path.realpath(value)
    return value if re.fullmatch(rf"{re.escape(real)}(/[0-9]+\.[0-9]+)?", seen) else seen


def _backend(value: Any, info: dict[str, Any], _bridge: dict[str, Any]) -> Any:
    """Shown as "nftables", or with firewalld as "nftables+firewalld" (moby, libnetwork/controller_linux.go)."""
    driver = (info.get("FirewallBackend") or {}).get("Driver")
    return str(driver).partition("+")[0] if driver else value


def _same(seen: Any, value: Any) -> bool:
    """Whether both say the same; the order of texts in a list is Docker's own."""
    if isinstance(seen, list) and isinstance(value, list) and all(isinstance(v, str) for v in seen + value):
        return sorted(text.rstrip("/") for text in seen) == sorted(text.rstrip("/") for text in value)
    return bool(seen == value)


# Option: how the running daemon shows it, from (declared value, GET /info, GET /networks/bridge).
SEEN: dict[str, Callable[[Any, dict[str, Any], dict[str, Any]], Any]] = {
    "bip": _address(4),
    "bip6": _address(6),
    "fixed-cidr": lambda _value, _info, bridge: next(
        (entry["IPRange"] for entry in (bridge.get("IPAM") or {}).get("Config") or [] if entry.get("IPRange")), None
    ),
    "ip": _bridge_option("com.docker.network.bridge.host_binding_ipv4"),
    "mtu": _bridge_option("com.docker.network.driver.mtu"),
    "icc": _bridge_option("com.docker.network.bridge.enable_icc"),
    "ip-masq": _bridge_option("com.docker.network.bridge.enable_ip_masquerade"),
    "ipv6": lambda _value, _info, bridge: bridge.get("EnableIPv6"),
    "default-address-pools": _pools,
    "data-root": _data_root,
    "debug": lambda _value, info, _bridge: info.get("Debug"),
    "default-runtime": lambda _value, info, _bridge: info.get("DefaultRuntime"),
    "firewall-backend": _backend,
    "experimental": lambda _value, info, _bridge: info.get("ExperimentalBuild"),
    "labels": lambda _value, info, _bridge: info.get("Labels") or [],
    "live-restore": lambda _value, info, _bridge: info.get("LiveRestoreEnabled"),
    "log-driver": lambda _value, info, _bridge: info.get("LoggingDriver"),
    "registry-mirrors": lambda _value, info, _bridge: (info.get("RegistryConfig") or {}).get("Mirrors") or [],
    "storage-driver": lambda _value, info, _bridge: info.get("Driver"),
}


def not_taken(config: Config, info: dict[str, Any], bridge: dict[str, Any]) -> dict[str, str]:
    """The options that the running daemon shows otherwise than ``config`` declares, each with a sentence."""
    found = {}
    for key in sorted(set(config) & set(SEEN)):
        seen = SEEN[key](config[key], info, bridge)
        if not _same(seen, config[key]):
            found[key] = f"{key} is {short(key, seen)}, declared {short(key, config[key], seen)}"
    return found


# Is it there? --------------------------------------------------------------------------------------


def _tcp_problem(host: str, port: int, tls: bool) -> str | None:
    try:
        with socket.create_connection((host, port), timeout=3) as raw:
            if not tls:
                return None
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            try:
                context.wrap_socket(raw).close()
            except ssl.SSLError as error:
                # TLS 1.2 demands the client's certificate within the handshake: that is an answer too.
                if "alert" not in str(error).lower():
                    return f"tcp port {port} does not speak TLS ({error})"
    except OSError as error:
        return f"tcp {host} port {port} does not answer ({error})"
    return None


def unanswered(config: Config) -> list[str]:
    """The declared endpoints on which the daemon does not answer, with the reason; empty when all do."""
    found = []
    unix: list[str] = []
    for url in config.get("hosts", ["fd://"]):
        endpoint = parse(url)
        if endpoint.scheme == "fd":
            unix += daemon.socket_paths()
        elif endpoint.scheme == "unix":
            unix.append(endpoint.path)
        else:
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.host, endpoint.host)
            problem = _tcp_problem(host, endpoint.port, bool(config.get("tls") or config.get("tlsverify")))
            if problem:
                found.append(problem)
    for path in unix:
        try:
            Api(unix=path, timeout=5).get("/_ping")
        except ApiError as error:
            found.append(f"unix://{path} does not answer ({error})")
    return found


def local_sockets(config: Config) -> list[str]:
    """Where the daemon may listen on this host: by ``config``, by the units, or as usual.

    What is declared need not be what listens yet.
    """
    paths = [parse(url).path for url in config.get("hosts", []) if url.startswith("unix://")]
    candidates = [*paths, *daemon.socket_paths(), *daemon.loaded_socket_paths(), "/run/docker.sock"]
    return list(dict.fromkeys(candidates))


def local_socket(config: Config, timeout: float = 10.0) -> str:
    """The local socket on which the daemon answers now. Raises ApiError where nothing listens."""
    candidates = local_sockets(config)
    for path in candidates:
        try:
            open_unix(path, Deadline(timeout)).close()
        except OSError:
            continue
        return path
    raise ApiError(f"nothing listens on {', '.join(candidates)}")


def local_api(config: Config, timeout: float = 10.0) -> Api:
    """The API by that socket. Raises ApiError where nothing listens."""
    return Api(unix=local_socket(config, timeout), timeout=timeout)


def _said(config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the daemon says of itself and of the default bridge. Raises ApiError."""
    api = local_api(config)
    return api.get("/info"), {} if config.get("bridge") == "none" else api.get("/networks/bridge")


def drift(config: Config) -> dict[str, str]:
    """What a daemon that answers shows otherwise than declared; empty where it does not answer."""
    try:
        return not_taken(config, *_said(config))
    except ApiError:
        return {}


def shown(config: Config) -> list[str]:
    """The options that the running daemon shows as declared, whether it has read them or not."""
    try:
        return sorted((set(config) & set(SEEN)) - set(not_taken(config, *_said(config))))
    except ApiError:
        return []


def live_restore(config: Config) -> bool:
    """Whether the containers of the running daemon outlive it; False where it does not answer."""
    try:
        return bool(local_api(config).get("/info")["LiveRestoreEnabled"])
    except ApiError:
        return False


# Whom a restart meets --------------------------------------------------------------------------------


def containers(config: Config) -> list[str]:
    """The names of the running containers of a daemon that listens as ``config`` says.

    Of one that does not answer, their shortened ids: their shims are there whatever the daemon does.
    """
    try:
        return sorted(one["Names"][0].lstrip("/") for one in local_api(config).get("/containers/json"))
    except ApiError:
        return shims()


def resolving(config: Config) -> list[str]:
    """The names of the running containers for which a daemon, which listens as ``config`` says, resolves names.

    They are those of user-defined networks; a daemon that does not answer has none.
    """
    try:
        running = local_api(config).get("/containers/json")
    except ApiError:
        return []
    found = [one for one in running if set((one.get("NetworkSettings") or {}).get("Networks") or {}) - _UNRESOLVED]
    return sorted(one["Names"][0].lstrip("/") for one in found)


_UNRESOLVED = {"bridge", "host", "none"}
"""Networks in which containers have the host's resolvers."""


def shims() -> list[str]:
    """The shortened ids of containers that containerd's shims hold for dockerd, whose namespace there is "moby"."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if "containerd-shim" in words[0] and "moby" in words and "-id" in words:
            found.add(words[words.index("-id") + 1][:12])
    return sorted(found)


# What it has reloaded --------------------------------------------------------------------------------


def reload_event(config: Config, since: float) -> dict[str, str] | None:
    """The attributes of the daemon's last "reload" event after ``since`` (seconds since the epoch), if there is one.

    Docker Engine API, ``GET /events``: with ``until`` in the past it answers from what it keeps, and ends.
    """
    query = urllib.parse.urlencode(
        {
            "since": f"{since:.9f}",
            "until": f"{time.time():.9f}",
            "filters": json.dumps({"type": ["daemon"], "event": ["reload"]}),
        }
    )
    try:
        answer = local_api(config).get(f"/events?{query}")
    except ApiError:
        return None
    events = [answer] if isinstance(answer, dict) else [json.loads(line) for line in answer.splitlines() if line]
    return events[-1]["Actor"]["Attributes"] if events else None


def not_reloaded(config: Config, attributes: dict[str, str]) -> dict[str, str]:
    """The options that a reload event shows otherwise than ``config`` declares, each with a sentence."""
    found = {}
    for key in sorted(set(config) & set(attributes) & set(OPTIONS)):
        row = OPTIONS[key].reload
        if row is None or not row.shown:
            continue
        value, text = config[key], attributes[key]
        said = json.loads(text) if isinstance(value, list) else text
        wanted = value if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)
        if not _same(said, wanted):
            found[key] = f"{key} is {short(key, said)} after a reload, declared {short(key, value, said)}"
    return found
