"""A host in a temporary directory, with a daemon, containers and a systemd that are Python objects."""

from __future__ import annotations

import errno
import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._apply import (
    composition,
    connection_guard,
    daemon_change,
    drain,
    revert_timer,
    transaction,
)
from ansible_collections.mooring.docker.plugins.module_utils._config import fragments, pending, state, untested
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS
from ansible_collections.mooring.docker.plugins.module_utils._engine import (
    canary_image,
    containers,
    daemon,
    data_root,
    live,
    planning,
)
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables
from ansible_collections.mooring.docker.plugins.module_utils._system import commands, session

Config = dict[str, Any]
TIMEOUT = 60.0


class Killed(BaseException):
    """The run was killed: it has no effect any more, whatever it tries."""


class Clock:
    """Time passes only where somebody waits, and a little with each look at it."""

    CLOCK_BOOTTIME = 7

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        self.now += 0.001
        return self.now

    def monotonic(self) -> float:
        return self.time()

    def clock_gettime(self, _clock: int) -> float:
        return self.time() - 1_799_990_000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeHost:
    """``loaded`` is what the running daemon has read. The attributes that hold functions are its faults."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.clock = Clock()
        self.active = False
        self.enabled = True
        self.pid = 0
        self.started = 0.0
        self.loaded: Config = {}
        self.reloaded_at = 0.0
        self.files_changed = 0.0
        self.running: dict[str, bool] = {}
        """Containers by their names, in the order of their first starts."""
        self.starts: list[str] = []
        self.log: list[str] = []
        """Commands and signals, as somebody would type them."""
        self.timeouts: dict[str, float] = {}
        """The seconds that each command had."""
        self.woken = False
        """Whether somebody has asked a daemon that does not run, which starts it by its socket."""
        self.timer: float | None = None
        # Faults.
        self.refuses: Callable[[Config], str | None] = lambda _config: None
        """What systemctl says of a start with a configuration that the daemon refuses, None where it takes it."""
        self.last_words: str | None = None
        self.dies: Callable[[Config], bool] = lambda _config: False
        self.silent: Callable[[Config], list[str]] = lambda _config: []
        self.ignores: Callable[[str], bool] = lambda _key: False
        self.refuses_reload: Callable[[Config], str | None] = lambda _config: None
        self.is_mute = False
        self.vanishes = False
        """Whether the daemon ends just before its signal."""
        self.ends_of_reload: Callable[[Config], float | None] = lambda _config: None
        """After how many seconds systemd starts the daemon again that ended of reloading a configuration."""
        self.starts_again_at: float | None = None
        self.lingers = False
        """Whether its process is still there until then, as one that hangs is, and takes signals without a word."""
        self.runs_no_container: Callable[[Config], ApiError | None] = lambda _config: None
        """What a daemon that has read a configuration says of the start of a canary."""
        self.tests = 0
        """How many canaries have run."""
        self.canaries: list[str] = []
        """What is there of canaries: containers and images."""
        self.unwell: Callable[[str], str | None] = lambda _name: None
        self.health: Callable[[str], str | None] = lambda _name: None
        """The state of a container's healthcheck; None where it has none."""
        self.policy = "no"
        """The restart policy of all containers."""
        self.fails: Callable[[str], str | None] = lambda _line: None
        """What a command, written as a line, says when it fails; None where it works."""
        self.is_full: Callable[[int, Path], bool] = lambda _number, _path: False
        """Whether the disk has no room for the write of that number."""
        self.writes = 0
        self.effects = 0
        self.kill_at: int | None = None
        self.is_killed = False
        self.refusal: tuple[float, str] | None = None
        self._install(patch)

    # The host's parts in the places of the real ones --------------------------------------------------

    def _install(self, patch: pytest.MonkeyPatch) -> None:
        for module in (state, pending, containers, untested, data_root):
            for name, value in list(vars(module).items()):
                if isinstance(value, Path):
                    patch.setattr(module, name, self.root / str(value).lstrip("/"))
        patch.setattr(data_root, "DEFAULT", str(self.root / "var/lib/docker"))
        at_boot = tuple(self.root / str(path).lstrip("/") for path in connection_guard._AT_BOOT)
        patch.setattr(connection_guard, "_AT_BOOT", at_boot)
        for module in (transaction, daemon_change, drain, revert_timer, planning):
            patch.setattr(module, "time", self.clock)
        self.unit = self.root / "usr/lib/systemd/system/docker.service"
        self.unit.parent.mkdir(parents=True)
        self.unit.write_text("[Service]\nExecStart=/usr/bin/dockerd\n")
        patch.setattr(commands, "run", self.run)
        patch.setattr(daemon_change.os, "kill", self.kill)
        patch.setattr(daemon, "instance", self.instance)
        patch.setattr(daemon, "installed_version", lambda: (28, 5))
        patch.setattr(daemon, "_newest_change", lambda _unit, _config: self.files_changed)
        patch.setattr(daemon, "error_since", lambda _moment: self.last_words)
        patch.setattr(daemon, "reload_error_since", self.reload_error_since)
        patch.setattr(daemon, "socket_paths", lambda drop_in=None: re.findall("(?<==)/.*", drop_in or ""))
        patch.setattr(nftables, "obstacle", lambda: None)
        patch.setattr(session, "current", lambda: None)
        patch.setattr(containers.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
        patch.setattr(canary_image, "static_program", lambda: self.unit)
        patch.setattr(live, "unanswered", self.unanswered)
        patch.setattr(live, "drift", self.drift)
        patch.setattr(live, "not_reloaded", lambda _config, _attributes: {})
        patch.setattr(live, "reload_event", lambda _config, since: {} if self.reloaded_at > since else None)
        patch.setattr(live, "containers", self.containers)
        patch.setattr(live, "shims", lambda: [f"id-{name}" for name in self.names()])
        patch.setattr(live, "live_restore", lambda _config: bool(self.loaded.get("live-restore")))
        patch.setattr(live, "shown", lambda config: sorted(set(config) - set(self.drift(config))))
        patch.setattr(live, "local_sockets", lambda _config: ["/run/docker.sock"])
        patch.setattr(live, "local_socket", self.local_socket)
        patch.setattr(live, "local_api", self.local_api)
        # No power fails here.
        patch.setattr(state.os, "fsync", lambda _descriptor: None)
        stage, write, replace = state._stage, state.write, Path.replace

        def staged(path: Path, text: str, mode: int) -> Path:
            self.writes += 1
            if self.is_full(self.writes, path):
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            return stage(path, text, mode)

        def written(path: Path, text: str | None, mode: int = 0o644) -> None:
            if text is None and path.exists():
                self.effect(f"rm {path.name}")
            write(path, text, mode)

        def replaced(path: Path, target: Path) -> Path:
            self.effect(f"write {target.name}")
            if state.STATE not in target.parents:
                self.files_changed = self.clock.time()
            return replace(path, target)

        patch.setattr(state, "_stage", staged)
        patch.setattr(state, "write", written)
        patch.setattr(Path, "replace", replaced)

    def effect(self, line: str) -> None:
        """Something of the host is about to change."""
        self.effects += 1
        if self.is_killed or self.effects == self.kill_at:
            self.is_killed = True
            raise Killed(line)

    # What a test does -------------------------------------------------------------------------------

    def declare(self, config: Config) -> None:
        """What the composition does: note what the daemon has read, and write daemon.json."""
        existing = state.daemon_json()
        if existing != config:
            composition._remember(commands.unit_properties(daemon.SERVICE), existing)
            state.write(state.DAEMON_JSON, fragments.render(config))

    def observe(self, may_drain: bool = False) -> planning.Observed:
        return planning.observe(may_drain)

    def apply(self, may_drain: bool = False) -> str:
        """One run of the module, which may stop no container for good; the action that it took. Raises ApplyError."""
        observed = planning.observe(may_drain)
        assert observed.plan.refusal("only_without_containers") is None
        transaction.Transaction(observed, TIMEOUT).execute()
        return str(observed.plan.action)

    def settle(self, config: Config, *names: str) -> None:
        """A daemon that Mooring has brought to ``config``, and containers of these names."""
        self.declare(config)
        self.apply()
        for name in names:
            self.running[name] = True
        self.log.clear()
        self.starts.clear()
        self.writes = self.effects = 0

    def revive(self) -> None:
        """The killed run is over; another may begin."""
        self.is_killed, self.kill_at = False, None

    def good(self) -> Config | None:
        """The last good configuration."""
        kept = state.read_state(state.GOOD)
        return None if kept is None else json.loads(kept[str(state.DAEMON_JSON)] or "{}")

    def names(self) -> list[str]:
        return [name for name, runs in self.running.items() if runs]

    # systemd, and the daemon under it ---------------------------------------------------------------

    def run(self, *words: str, timeout: float = 30.0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        line = " ".join(words)
        if words[:2] == ("systemctl", "show"):
            return self.done(words, 0, self.properties() if words[2] == "docker.service" else "")
        if words[0] == "ip":
            return self.done(words, 0, json.dumps([{"addr_info": [{"local": "172.17.0.1", "prefixlen": 16}]}]))
        self.effect(line)
        self.log.append(line)
        self.timeouts[line] = timeout
        failure = self.fails(line)
        if failure is not None:
            return self.done(words, 1, "", failure)
        if words[0] == "cp":
            return subprocess.run(words, capture_output=True, text=True, check=False)
        if words[0] == "docker":
            return self.docker(words)
        if words[0] == "/bin/sh":
            return self.revert(words)
        if words[0] == "systemd-run":
            self.timer = self.clock.time()
        elif words[1:] == ("stop", revert_timer.TIMER):
            self.timer = None
        elif words[1] == "stop" and daemon.SERVICE in words:
            self.stop()
        elif words[1:] == ("restart", daemon.SERVICE):
            return self.done(words, *self.restart())
        elif words[1] == "enable":
            self.enabled = True
        return self.done(words, 0)

    @staticmethod
    def done(words: Any, status: int, stdout: str = "", stderr: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, status, stdout, stderr)

    def _start_again(self) -> None:
        """What systemd does by itself."""
        if self.starts_again_at is not None and self.clock.now >= self.starts_again_at:
            self.starts_again_at = None
            self.restart()

    def properties(self) -> str:
        self._start_again()
        if self.active and self.dies(self.loaded):
            self.active = False
        return "\n".join(
            [
                "LoadState=loaded",
                f"ActiveState={'active' if self.active else 'failed'}",
                f"UnitFileState={'enabled' if self.enabled else 'disabled'}",
                f"MainPID={self.pid if self.active else 0}",
                f"FragmentPath={self.unit}",
            ]
        )

    def instance(self, pid: int) -> dict[str, Any] | None:
        self._start_again()
        if not self.active or pid != self.pid:
            return None
        return {"pid": pid, "ticks": pid, "boot": "boot", "started": self.started}

    def stop(self) -> None:
        if self.active and not self.loaded.get("live-restore"):
            self.running = dict.fromkeys(self.running, False)
        self.active = False

    def restart(self) -> tuple[int, str, str]:
        self.stop()
        config = state.daemon_json() or {}
        refusal = self.refuses(config)
        if refusal is not None:
            return 1, "", refusal
        both = {*config, *self.loaded}
        held = {key for key in both if OPTIONS[key].needs_no_containers and self.names()}
        kept = held | {key for key in config if self.ignores(key)}
        self.loaded = {
            **{key: value for key, value in config.items() if key not in kept},
            **{key: value for key, value in self.loaded.items() if key in kept},
        }
        self.active, self.pid, self.started = True, self.pid + 100, self.clock.time()
        self.starts_again_at = None
        if not self.loaded.get("live-restore"):
            # It ends what it finds running.
            self.running = dict.fromkeys(self.running, False)
        return 0, "", ""

    def kill(self, pid: int, number: int) -> None:
        assert number == signal.SIGHUP
        self.effect("SIGHUP")
        self.log.append("SIGHUP")
        if self.vanishes:
            self.active = False
        if not self.active or pid != self.pid:
            raise ProcessLookupError
        if self.starts_again_at is not None:
            return
        config = state.daemon_json() or {}
        delay = self.ends_of_reload(config)
        if delay is not None:
            self.active, self.starts_again_at = self.lingers, self.clock.now + delay
            return
        if self.is_mute:
            return
        refusal = self.refuses_reload(config)
        if refusal:
            self.refusal = self.clock.time(), refusal
            return
        said = {key: value for key, value in config.items() if OPTIONS[key].reload and not self.ignores(key)}
        # An empty list is the default of every list.
        self.loaded = {key: value for key, value in {**self.loaded, **said}.items() if value != []}
        self.reloaded_at = self.clock.time()

    def reload_error_since(self, moment: float) -> str | None:
        return self.refusal[1] if self.refusal and self.refusal[0] > moment else None

    # The API ----------------------------------------------------------------------------------------

    def unanswered(self, config: Config) -> list[str]:
        if not self.active:
            return ["unix:///run/docker.sock does not answer"]
        return self.silent(config)

    def drift(self, config: Config) -> dict[str, str]:
        if not self.active:
            return {}
        return {
            key: f"{key} is {self.loaded.get(key)}, declared {value}"
            for key, value in config.items()
            if self.loaded.get(key, []) != value
        }

    def containers(self, _config: Config) -> list[str]:
        self.woken = self.woken or not self.active
        return sorted(self.names())

    def local_socket(self, _config: Config, timeout: float = 10.0) -> str:
        if not self.active:
            self.woken = True
            raise ApiError("nothing listens")
        return "/run/docker.sock"

    def local_api(self, config: Config, timeout: float = 10.0) -> FakeHost:
        self.local_socket(config)
        return self

    def get(self, path: str) -> Any:
        """``GET path``, as of ``api.Api``."""
        if path == "/containers/json":
            return [{"Id": f"id-{name}"} for name in self.names()]
        if "io.mooring.canary" in path:
            kind = path.split("/")[1]
            left = [one for one in self.canaries if one.startswith(kind)]
            names = [one.partition(" ")[2] for one in left]
            return [{"Id": name, "Names": [f"/{name}"], "RepoTags": [f"mooring-canary:{name}"]} for name in names]
        if path.startswith("/containers/mooring-canary-"):
            return {"State": {"Error": ""}}
        name = path.split("/")[2][len("id-") :]
        if name not in self.running:
            raise ApiError("no such container", 404)
        problem = self.unwell(name)
        if problem is not None:
            self.running[name] = False
        return {
            "Id": f"id-{name}",
            "Name": f"/{name}",
            "State": {
                "Running": self.running[name],
                "ExitCode": problem,
                "StartedAt": f"2026-01-01T00:00:{list(self.running).index(name):02d}Z",
                "Health": {"Status": self.health(name)},
            },
            "HostConfig": {"RestartPolicy": {"Name": self.policy}},
            "Config": {},
        }

    def post(self, path: str, content: Any) -> Any:
        """``POST path``, as of ``api.Api``: what a canary needs."""
        self.effect(path)
        verb = path.partition("?")[0].split("/")[-1]
        if path.startswith("/images/create"):
            assert isinstance(content, bytes)
            self.canaries.append(f"images {re.findall('tag=([^&]*)', path)[0]}")
            return {"status": "sha256:0"}
        if verb == "create":
            name = path.partition("name=")[2]
            self.canaries.append(f"containers {name}")
            return {"Id": name}
        problem = self.runs_no_container(self.loaded)
        if verb == "start" and problem is not None:
            raise problem
        if verb == "wait":
            self.tests += 1
            return {"StatusCode": 0}
        return ""

    def delete(self, path: str) -> Any:
        """``DELETE path``, as of ``api.Api``: a canary goes."""
        self.effect(path)
        kind, name = path.partition("?")[0].lstrip("/").split("/")
        self.canaries.remove(f"{kind} {name.rpartition(':')[2]}")

    def docker(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        self.local_socket({})
        verb, name = words[3], words[4][len("id-") :]
        self.running[name] = verb == "start"
        if verb == "start":
            self.starts.append(name)
        return self.done(words, 0)

    # The script -------------------------------------------------------------------------------------

    def revert(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        """Run the script as /bin/sh does, in the temporary directory and with programs that do nothing."""
        return run_script(self.root, Path(words[1]).read_text(), *words[2:])


PROGRAM = """\
#!/bin/sh
echo "${0##*/} $*" >> ROOT/log
[ ! -e ROOT/fails ] || ! echo "${0##*/} $*" | grep -q -f ROOT/fails || exit 1
case "${0##*/} $*" in
    *docker*version) case "$*" in *ROOT*|*run*) exit 0 ;; esac; exit 1 ;;
    *docker*" ps --quiet --no-trunc") cat ROOT/running ;;
    *docker*" ps --all --quiet"*) cat ROOT/exists ;;
    "ip -oneline address"*) cat ROOT/addresses ;;
    nft*) cat >> ROOT/log ;;
esac
"""


def run_script(root: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a revert script whose absolute paths lead into ``root``, with programs that write down what they are told.

    ``root`` may have ``fails`` (patterns of what fails), ``running``, ``exists`` and ``addresses`` (what is answered).
    """
    programs = root / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("systemctl", "ip", "nft", "docker"):
        (programs / name).write_text(PROGRAM.replace("ROOT", str(root)))
        (programs / name).chmod(0o755)
    for name in ("running", "exists", "addresses", "log"):
        (root / name).touch()
    (root / "run").mkdir(exist_ok=True)
    text = text.replace(str(root), "@ROOT@")
    text = re.sub(r"(?<![\w@$}*.-])/(?=(var/lib/mooring|etc|run|sys|proc)/)", "@ROOT@/", text)
    text = text.replace("@ROOT@", str(root)).replace("PATH=", f"PATH={programs}:")
    return subprocess.run(["/bin/sh", "-s", *words], input=text, capture_output=True, text=True, check=False)
