# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running daemon to the effective configuration, as a transaction.

The way is decided from the difference between what the daemon has read and what the files say now, never
from what some task changed: a run that was cut is finished by the next one.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils import _daemon, _store
from ansible_collections.mooring.docker.plugins.module_utils._config import Config, changed_keys, short
from ansible_collections.mooring.docker.plugins.module_utils._endpoints import parse
from ansible_collections.mooring.docker.plugins.module_utils._http import Api, ApiError
from ansible_collections.mooring.docker.plugins.module_utils._options import needs_restart


class ApplyError(Exception):
    """The daemon could not be brought to the configuration; the message says why and what holds now."""


@dataclass
class Plan:
    """``action`` is "nothing", "reload", "start" or "restart"; ``keys`` the options that change by it."""

    action: str
    keys: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """The plan in one line."""
        return self.action + (f" ({'; '.join(self.reasons)})" if self.reasons else "")


def decide(running: bool, read: dict[str, Any] | None, wanted: dict[str, Any], version: tuple[int, int]) -> Plan:
    """The least that brings a daemon which has ``read`` (shape of ``_daemon.inputs``) to ``wanted``."""
    if not running:
        return Plan("start", sorted(wanted["config"]), ["the daemon is not running"])
    if read is None:
        return Plan("restart", [], ["files changed after the daemon's start, unseen by Mooring"])
    keys = changed_keys(read["config"], wanted["config"])
    reasons = []
    restart = needs_restart(keys, version)
    if restart:
        reasons.append("changed: " + ", ".join(sorted(restart)))
    if read["command"] != wanted["command"]:
        reasons.append("the unit's command changed")
    if read["socket"] != wanted["socket"]:
        reasons.append("the socket unit changed")
    tls = sorted(key for key in wanted["tls"] if read["tls"].get(key) not in (None, wanted["tls"][key]))
    if tls:
        reasons.append("TLS files changed: " + ", ".join(tls))
    if reasons:
        return Plan("restart", sorted(keys), reasons)
    if keys:
        return Plan("reload", sorted(keys), ["changed: " + ", ".join(sorted(keys))])
    return Plan("nothing")


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
        output = _daemon.run("ip", "-json", "address", "show", "dev", "docker0").stdout
        found = [
            f"{entry['local']}/{entry['prefixlen']}"
            for link in json.loads(output or "[]")
            for entry in link.get("addr_info", [])
            if ipaddress.ip_address(entry["local"]).version == version
        ]
        wanted = str(ipaddress.ip_interface(value))
        return value if wanted in found else (found[0] if found else None)

    return seen


def _pools(_value: Any, info: dict[str, Any], _bridge: dict[str, Any]) -> Any:
    return [{"base": pool["Base"], "size": pool["Size"]} for pool in info.get("DefaultAddressPools") or []]


def _same(seen: Any, value: Any) -> bool:
    """Whether both say the same; the order of texts in a list is Docker's own."""
    if isinstance(seen, list) and isinstance(value, list) and all(isinstance(v, str) for v in seen + value):
        return sorted(text.rstrip("/") for text in seen) == sorted(text.rstrip("/") for text in value)
    return bool(seen == value)


# Option: how the running daemon shows it, from (declared value, GET /info, GET /networks/bridge).
SEEN: dict[str, Callable[[Any, dict[str, Any], dict[str, Any]], Any]] = {
    "bip": _address(4),
    "bip6": _address(6),
    "mtu": _bridge_option("com.docker.network.driver.mtu"),
    "icc": _bridge_option("com.docker.network.bridge.enable_icc"),
    "ip-masq": _bridge_option("com.docker.network.bridge.enable_ip_masquerade"),
    "ipv6": lambda _value, _info, bridge: bridge.get("EnableIPv6"),
    "default-address-pools": _pools,
    "data-root": lambda _value, info, _bridge: info.get("DockerRootDir"),
    "debug": lambda _value, info, _bridge: info.get("Debug"),
    "default-runtime": lambda _value, info, _bridge: info.get("DefaultRuntime"),
    "experimental": lambda _value, info, _bridge: info.get("ExperimentalBuild"),
    "labels": lambda _value, info, _bridge: info.get("Labels") or [],
    "live-restore": lambda _value, info, _bridge: info.get("LiveRestoreEnabled"),
    "log-driver": lambda _value, info, _bridge: info.get("LoggingDriver"),
    "registry-mirrors": lambda _value, info, _bridge: (info.get("RegistryConfig") or {}).get("Mirrors") or [],
    "storage-driver": lambda _value, info, _bridge: info.get("Driver"),
}


def not_taken(config: Config, info: dict[str, Any], bridge: dict[str, Any]) -> list[str]:
    """The options that the running daemon shows otherwise than ``config`` declares, one sentence each."""
    found = []
    for key in sorted(set(config) & set(SEEN)):
        seen = SEEN[key](config[key], info, bridge)
        if not _same(seen, config[key]):
            found.append(f"{key} is {short(seen)}, declared {short(config[key])}")
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
            unix += _daemon.socket_paths()
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


def local_api(config: Config) -> Api:
    """The API by the first local socket of ``config``. Raises ApiError where it has none."""
    for url in config.get("hosts", ["fd://"]):
        endpoint = parse(url)
        paths = _daemon.socket_paths() if endpoint.scheme == "fd" else [endpoint.path]
        if endpoint.scheme in ("fd", "unix") and paths:
            return Api(unix=paths[0], timeout=10)
    raise ApiError("no local socket is declared")


def drift(config: Config) -> list[str]:
    """What a daemon that answers shows otherwise than declared; empty where it does not answer."""
    try:
        api = local_api(config)
        info = api.get("/info")
        bridge = {} if config.get("bridge") == "none" else api.get("/networks/bridge")
    except ApiError:
        return []
    return not_taken(config, info, bridge)


# The transaction ------------------------------------------------------------------------------------


class Transaction:
    """One way from the daemon as it runs to the effective configuration, and back where it fails."""

    def __init__(self, policy: str, timeout: float) -> None:
        self.policy = policy
        self.timeout = timeout
        self.config = _store.daemon_json() or {}
        self.show = _daemon.properties(_daemon.SERVICE)
        self.wanted = _daemon.inputs(self.config, self.show)
        self.running = self.show.get("ActiveState") == "active"
        self.read = _daemon.applied(self.show, self.config) if self.running else None
        self.plan = decide(self.running, self.read, self.wanted, _daemon.installed_version() or (0, 0))
        if self.plan.action == "nothing":
            wrong = drift(self.config) or unanswered(self.config)
            if wrong:
                self.plan = Plan("restart", [], wrong)

    @property
    def installed(self) -> bool:
        """Whether there is an engine to start."""
        return self.show.get("LoadState") not in (None, "not-found")

    @property
    def enabled(self) -> bool:
        """Whether the daemon starts at boot."""
        return bool(self.show.get("UnitFileState") == "enabled")

    def obstacle(self) -> str | None:
        """Why the policy does not let the planned restart happen now, or None."""
        if self.plan.action != "restart" or self.policy == "when_needed":
            return None
        if self.policy == "never":
            return "docker_engine_restart is never"
        config_now = (self.read or {}).get("config") or {}
        if config_now.get("live-restore"):
            return None
        try:
            # The daemon may still listen where its old configuration said.
            containers = local_api(config_now if self.read else self.config).get("/containers/json")
        except ApiError:
            return None
        names = [container["Names"][0].lstrip("/") for container in containers]
        return f"it would stop {', '.join(sorted(names))} (live-restore is off)" if names else None

    def enable(self) -> None:
        """Let the daemon start at boot."""
        done = _daemon.run("systemctl", "enable", _daemon.SERVICE)
        if done.returncode != 0:
            raise ApplyError(f"systemctl enable {_daemon.SERVICE}: {done.stderr.strip()}")

    def settle(self) -> None:
        """Keep what now runs as applied and as the last good state."""
        self.show = _daemon.properties(_daemon.SERVICE)
        _daemon.record_applied(self.show, _daemon.inputs(self.config, self.show))
        snapshot = _store.snapshot()
        if _store.recall(_store.GOOD) != snapshot:
            _store.private(_store.GOOD, snapshot)

    def act(self) -> None:
        """Carry the plan out. Raises ApplyError after the last good state is back."""
        if self.plan.action == "nothing":
            self.settle()
            return
        before = _daemon.socket_paths()
        moment = time.time()
        problem: str | None = self._reload(moment) if self.plan.action == "reload" else self._start()
        problem = problem or self._wait()
        if problem is None:
            self._remove_stale(before)
            self.settle()
            return
        # Where dockerd died it has said why itself.
        if _daemon.properties(_daemon.SERVICE).get("ActiveState") != "active" and self.plan.action != "reload":
            problem = _daemon.error_since(moment)
        raise ApplyError(f"{self.plan.sentence()} failed: {problem}. {self._roll_back()}")

    def _start(self) -> str | None:
        """(Re)start the daemon, and its socket where that changed; the problem, or None."""
        _daemon.run("systemctl", "daemon-reload")
        _daemon.run("systemctl", "reset-failed", _daemon.SERVICE, _daemon.SOCKET)
        seen = (self.read or {}).get("socket")
        if self.plan.action == "start" or seen != self.wanted["socket"]:
            # A socket unit cannot be restarted under its running service, systemd.socket(5).
            _daemon.run("systemctl", "stop", _daemon.SERVICE, _daemon.SOCKET, timeout=self.timeout)
            _daemon.run("systemctl", "start", _daemon.SOCKET, timeout=self.timeout)
        done = _daemon.run("systemctl", "restart", _daemon.SERVICE, timeout=self.timeout)
        return None if done.returncode == 0 else done.stderr.strip().splitlines()[0]

    def _reload(self, moment: float) -> str | None:
        """SIGHUP, and wait for the daemon's own word on it; the problem, or None."""
        done = _daemon.run("systemctl", "kill", "--kill-who=main", "--signal=SIGHUP", _daemon.SERVICE)
        if done.returncode != 0:
            return str(done.stderr.strip())
        deadline = time.monotonic() + min(self.timeout, 15)
        while time.monotonic() < deadline:
            output = _daemon.run("journalctl", "-u", _daemon.SERVICE, "-o", "cat", f"--since=@{moment:.6f}").stdout
            for line in output.splitlines():
                if "Reloaded configuration" in line:
                    return None
                if "rror reconfiguring the daemon" in line or "unable to configure" in line:
                    return str(line)
            time.sleep(0.1)
        return "the daemon did not confirm the reload in its journal"

    def _wait(self) -> str | None:
        """Wait until all declared endpoints answer and the settings show; the problem, or None."""
        deadline = time.monotonic() + self.timeout
        while True:
            missing = unanswered(self.config)
            if not missing:
                break
            state = _daemon.properties(_daemon.SERVICE).get("ActiveState")
            if time.monotonic() > deadline or state == "failed":
                return "; ".join(missing)
            time.sleep(0.2)
        wrong = drift(self.config)
        if not wrong:
            return None
        hint = ""
        if any(sentence.startswith(("bip", "mtu", "icc")) for sentence in wrong):
            hint = " (dockerd leaves docker0 as it is while running containers hold it: stop them first)"
        return "dockerd ignored " + "; ".join(wrong) + hint

    def _remove_stale(self, before: list[str]) -> None:
        """Remove sockets that nobody listens on any more: systemd leaves them, dockerd does not know them."""
        for path in set(before) - set(_daemon.socket_paths()):
            stale = Path(path)
            if stale.exists() and stat.S_ISSOCK(stale.stat().st_mode):
                stale.unlink()

    def _roll_back(self) -> str:
        """Put the last good state back; says how that went."""
        good = _store.recall(_store.GOOD)
        if good is None:
            return "There is no earlier good state on this host to go back to."
        _store.restore(good)
        failed_socket = self.wanted["socket"]
        self.config = _store.daemon_json() or {}
        self.wanted = _daemon.inputs(self.config, self.show)
        self.read = {"socket": failed_socket}
        if self.plan.action == "reload":
            _daemon.run("systemctl", "kill", "--kill-who=main", "--signal=SIGHUP", _daemon.SERVICE)
        else:
            self._start()
        missing = self._wait()
        if missing is None:
            self.settle()
            return "The last good state is back and the daemon answers."
        return f"The last good state was put back, but the daemon does not answer: {missing}."
