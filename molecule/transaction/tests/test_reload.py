"""Every option that the classification calls reloadable is applied by SIGHUP alone, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS
from conftest import Daemon, converge

VERSIONS = {"bookworm": (20, 10), "trixie": (26, 1), "forky": (28, 5)}

# A plugin that lets everything pass, for an option that names one.
PLUGIN = """
import http.server, json, os, socketserver
class Plugin(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        open("/run/porter.seen", "w").close()
        body = json.dumps({"Implements": ["authz"], "Allow": True}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return "dockerd"
os.makedirs("/run/docker/plugins", exist_ok=True)
socketserver.ThreadingUnixStreamServer("/run/docker/plugins/porter.sock", Plugin).serve_forever()
"""

Shown = Callable[[Daemon], Any]


def _event(name: str) -> Shown:
    return lambda daemon: daemon.reloaded()[name]


def _mirrors(daemon: Daemon) -> Any:
    return daemon.info()["RegistryConfig"]["Mirrors"] or []


def _insecure(daemon: Daemon) -> Any:
    return sorted(name for name, one in daemon.info()["RegistryConfig"]["IndexConfigs"].items() if not one["Secure"])


def _diagnostic(daemon: Daemon) -> Any:
    return bool(daemon.host.socket("tcp://127.0.0.1:5099").is_listening)


def _asked(daemon: Daemon) -> Any:
    """Whether the plugin is asked; engine 20.10 does not show its name after a reload."""
    daemon.host.run_expect([0], "rm -f /run/porter.seen")
    daemon.info()
    return daemon.host.file("/run/porter.seen").exists


# Option: (declared value, how the running daemon shows it, what it shows then, what it shows when it is gone again).
TABLE: dict[str, tuple[Any, Shown, Any, Any]] = {
    "authorization-plugins": (["porter"], _asked, True, False),
    "debug": (True, lambda daemon: daemon.info()["Debug"], True, False),
    "default-cgroupns-mode": ("host", lambda daemon: daemon.created()["CgroupnsMode"], "host", None),
    "default-ipc-mode": ("shareable", lambda daemon: daemon.created()["IpcMode"], "shareable", "private"),
    "default-runtime": ("other", lambda daemon: daemon.info()["DefaultRuntime"], "other", "runc"),
    "default-shm-size": ("32M", lambda daemon: daemon.created()["ShmSize"], 32 * 2**20, 64 * 2**20),
    "features": ({"buildkit": True}, _event("features"), "map[buildkit:true]", "map[]"),
    "insecure-registries": (["registry.example:5000"], _insecure, ["registry.example:5000"], []),
    "labels": (["tier=front"], lambda daemon: daemon.info()["Labels"], ["tier=front"], []),
    "live-restore": (False, lambda daemon: daemon.info()["LiveRestoreEnabled"], False, True),
    "max-concurrent-downloads": (7, _event("max-concurrent-downloads"), "7", "3"),
    "max-concurrent-uploads": (8, _event("max-concurrent-uploads"), "8", "5"),
    "max-download-attempts": (9, _event("max-download-attempts"), "9", "5"),
    "network-diagnostic-port": (5099, _diagnostic, True, False),
    "registry-mirrors": (["https://mirror.example"], _mirrors, ["https://mirror.example/"], []),
    "runtimes": (
        {"other": {"path": "/usr/sbin/runc"}}, lambda daemon: "other" in daemon.info()["Runtimes"], True, False,
    ),
    "shutdown-timeout": (21, _event("shutdown-timeout"), "21", "15"),
}  # fmt: skip

# A host's own default, so that no SIGHUP can bring it back: it stays until the test of restarts takes it away.
STAYS = {"default-cgroupns-mode": "host"}


def test_table_has_every_reloadable_option_that_all_engines_have() -> None:
    reloadable = {key: option for key, option in OPTIONS.items() if option.reload}
    assert set(TABLE) == {
        key
        for key, option in reloadable.items()
        if all(option.since <= one < option.until for one in VERSIONS.values())
    }


@pytest.fixture(scope="module")
def pids(daemons: list[Daemon]) -> Iterator[dict[str, int]]:
    """Each daemon's life before anything changed, with the plugin beside it."""
    converge()
    for daemon in daemons:
        daemon.host.run_expect([0], f"cat > /run/porter.py <<'EOF'{PLUGIN}EOF")
        daemon.host.run_expect([0], "systemd-run --unit porter python3 /run/porter.py")
    yield {daemon.name: daemon.pid for daemon in daemons}
    converge()
    for daemon in daemons:
        daemon.host.run_expect([0], "systemctl stop porter; rm /run/porter.* /run/docker/plugins/porter.sock")


@pytest.fixture(scope="module")
def declared(pids: dict[str, int]) -> reach.Run:
    """A run that declares them all."""
    options = {key: value for key, (value, *_rest) in TABLE.items() if key != "live-restore"}
    return converge(docker_engine_options=options, docker_engine_live_restore=False)


@pytest.fixture(scope="module")
def gone(declared: reach.Run) -> reach.Run:
    """A run in which they are gone again."""
    return converge(docker_engine_options=STAYS)


def test_declaring_them_all_needs_no_restart(declared: reach.Run, pids: dict[str, int], daemon: Daemon) -> None:
    assert declared.changed[daemon.name] > 0
    assert daemon.pid == pids[daemon.name]


@pytest.mark.parametrize("option", sorted(TABLE))
def test_daemon_shows_it(declared: reach.Run, daemon: Daemon, option: str) -> None:
    _value, shown, wanted, _default = TABLE[option]
    assert shown(daemon) == wanted


def test_taking_them_away_needs_no_restart(gone: reach.Run, pids: dict[str, int], daemon: Daemon) -> None:
    assert gone.changed[daemon.name] > 0
    assert daemon.pid == pids[daemon.name]


@pytest.mark.parametrize("option", sorted(set(TABLE) - set(STAYS)))
def test_daemon_is_back_at_its_default(gone: reach.Run, daemon: Daemon, option: str) -> None:
    _value, shown, _wanted, default = TABLE[option]
    assert shown(daemon) == default
