"""Every option that the classification calls reloadable is applied by SIGHUP alone, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import reach
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS
from conftest import Daemon, converge

USER = "operator1"
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


@dataclass
class Shown:
    """What a running daemon shows at one moment."""

    info: dict[str, Any]
    event: dict[str, str]
    """The attributes of its last reload."""
    container: dict[str, Any]
    """The HostConfig that a new container gets."""
    diagnoses: bool
    """Whether something listens on the port of its network diagnosis."""
    asks: bool
    """Whether it asks the plugin; engine 20.10 does not show its name after a reload."""

    @property
    def registries(self) -> dict[str, Any]:
        found: dict[str, Any] = self.info["RegistryConfig"]
        return found

    @property
    def insecure(self) -> list[str]:
        return sorted(name for name, one in self.registries["IndexConfigs"].items() if not one["Secure"])


def _show(daemon: Daemon) -> Shown:
    daemon.host.run_expect([0], "rm -f /run/porter.seen")
    return Shown(
        daemon.info(),
        daemon.reloaded(),
        daemon.created(),
        daemon.host.socket("tcp://127.0.0.1:5099").is_listening,
        daemon.host.file("/run/porter.seen").exists,
    )


# Option: (declared value, how the running daemon shows it, what it shows then, what it shows when it is gone again).
TABLE: dict[str, tuple[Any, Callable[[Shown], Any], Any, Any]] = {
    "authorization-plugins": (["porter"], lambda seen: seen.asks, True, False),
    "debug": (True, lambda seen: seen.info["Debug"], True, False),
    "default-cgroupns-mode": ("host", lambda seen: seen.container["CgroupnsMode"], "host", None),
    "default-ipc-mode": ("shareable", lambda seen: seen.container["IpcMode"], "shareable", "private"),
    "default-runtime": ("other", lambda seen: seen.info["DefaultRuntime"], "other", "runc"),
    "default-shm-size": ("32M", lambda seen: seen.container["ShmSize"], 32 * 2**20, 64 * 2**20),
    "features": ({"buildkit": True}, lambda seen: seen.event["features"], "map[buildkit:true]", "map[]"),
    "insecure-registries": (["registry.example:5000"], lambda seen: seen.insecure, ["registry.example:5000"], []),
    "labels": (["tier=front"], lambda seen: seen.info["Labels"] or [], ["tier=front"], []),
    "live-restore": (False, lambda seen: seen.info["LiveRestoreEnabled"], False, True),
    "max-concurrent-downloads": (7, lambda seen: seen.event["max-concurrent-downloads"], "7", "3"),
    "max-concurrent-uploads": (8, lambda seen: seen.event["max-concurrent-uploads"], "8", "5"),
    "max-download-attempts": (9, lambda seen: seen.event["max-download-attempts"], "9", "5"),
    "network-diagnostic-port": (5099, lambda seen: seen.diagnoses, True, False),
    "registry-mirrors": (
        ["https://mirror.example"], lambda seen: seen.registries["Mirrors"] or [], ["https://mirror.example/"], [],
    ),
    "runtimes": ({"other": {"path": "/usr/sbin/runc"}}, lambda seen: "other" in seen.info["Runtimes"], True, False),
    "shutdown-timeout": (21, lambda seen: seen.event["shutdown-timeout"], "21", "15"),
}  # fmt: skip

# A host's own default, so that no SIGHUP can bring it back: it stays until a restart takes it away.
STAYS = {"default-cgroupns-mode": "host"}


def test_table_has_every_reloadable_option_that_all_engines_have() -> None:
    reloadable = {key: option for key, option in OPTIONS.items() if option.reload}
    assert set(TABLE) == {
        key
        for key, option in reloadable.items()
        if all(option.since <= one < option.until for one in VERSIONS.values())
    }


@pytest.fixture(scope="module")
def pids(inventory: None, daemons: list[Daemon]) -> Iterator[dict[str, int]]:
    """Each daemon's life before anything changed, with the plugin beside it, and a user of another group."""
    for daemon in daemons:
        daemon.host.run_expect([0], f"cat > /run/porter.py <<'EOF'{PLUGIN}EOF")
        daemon.host.run_expect([0], "systemd-run --unit porter python3 /run/porter.py")
        daemon.host.run_expect([0], f"useradd --no-create-home --groups sudo {USER}")
    yield {daemon.name: daemon.pid for daemon in daemons}
    # Before the plugin goes that a daemon may ask.
    converge()
    for daemon in daemons:
        daemon.host.run_expect([0], "systemctl stop porter; rm /run/porter.* /run/docker/plugins/porter.sock")
        daemon.host.run_expect([0], f"userdel {USER}")


@dataclass
class Step:
    """A run, and for each host what its daemon shows after it, and the groups of the user."""

    run: reach.Run
    shown: dict[str, Shown]
    groups: dict[str, set[str]]


def _step(daemons: list[Daemon], **variables: Any) -> Step:
    done = converge(**variables)
    groups = {daemon.name: set(daemon.host.check_output(f"id -nG {USER}").split()) for daemon in daemons}
    return Step(done, {daemon.name: _show(daemon) for daemon in daemons}, groups)


@pytest.fixture(scope="module")
def declared(pids: dict[str, int], daemons: list[Daemon]) -> Step:
    """A run that declares them all."""
    options = {key: value for key, (value, *_rest) in TABLE.items() if key != "live-restore"}
    return _step(daemons, docker_engine_options=options, docker_engine_live_restore=False, docker_engine_users=[USER])


@pytest.fixture(scope="module")
def gone(declared: Step, daemons: list[Daemon]) -> Step:
    """A run in which they are gone again."""
    return _step(daemons, docker_engine_options=STAYS, docker_engine_users_exclusive=True)


def test_declaring_them_all_needs_no_restart(declared: Step, pids: dict[str, int], daemon: Daemon) -> None:
    assert declared.run.changed[daemon.name] > 0
    assert daemon.pid == pids[daemon.name]


@pytest.mark.parametrize("option", sorted(TABLE))
def test_daemon_shows_it(declared: Step, daemon: Daemon, option: str) -> None:
    _value, show, wanted, _default = TABLE[option]
    assert show(declared.shown[daemon.name]) == wanted


def test_user_of_the_socket_keeps_the_other_groups(declared: Step, daemon: Daemon) -> None:
    assert declared.groups[daemon.name] == {USER, "sudo", "docker"}


def test_taking_them_away_needs_no_restart(gone: Step, pids: dict[str, int], daemon: Daemon) -> None:
    assert gone.run.changed[daemon.name] > 0
    assert daemon.pid == pids[daemon.name]


@pytest.mark.parametrize("option", sorted(set(TABLE) - set(STAYS)))
def test_daemon_is_back_at_its_default(gone: Step, daemon: Daemon, option: str) -> None:
    _value, show, _wanted, default = TABLE[option]
    assert show(gone.shown[daemon.name]) == default


def test_user_who_is_taken_out_keeps_the_other_groups(gone: Step, daemon: Daemon) -> None:
    assert gone.groups[daemon.name] == {USER, "sudo"}
