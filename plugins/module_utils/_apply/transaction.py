# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running daemon to the effective configuration, as a transaction."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import classification, fragments, state
from .._config.classification import ApplyPlan
from .._config.options import OPTIONS, Config, said_once
from .._config.state import Inputs
from .._engine import daemon, live
from .._firewall import nftables
from .._system import commands
from . import drain

if TYPE_CHECKING:
    from collections.abc import Iterator


class ApplyError(Exception):
    """The daemon could not be brought to the configuration; the message says why and what holds now."""


def foresee(show: dict[str, str], read: Inputs | None, wanted: Inputs, may_drain: bool) -> ApplyPlan:
    """The way from what the daemon has ``read`` to what is ``wanted``, and whom it meets.

    ``show`` is systemd's word on the service, the others are its inputs. ``drain`` allows to stop
    and start the containers that keep the daemon from changing its bridge.
    """
    running = show.get("ActiveState") == "active"
    plan = classification.decide(running, read, wanted, daemon.installed_version() or (0, 0))
    return _meet(plan, read, wanted, may_drain)


def _meet(plan: ApplyPlan, read: Inputs | None, wanted: Inputs, may_drain: bool) -> ApplyPlan:
    """``plan`` with the containers that a start or restart meets."""
    keeps = wanted["config"].get("live-restore") is True
    if plan.action == "start":
        # To ask would wake the daemon by its socket, with whatever configuration there is.
        plan.containers, plan.survives = live.shims(), keeps
    elif plan.action == "restart":
        # The daemon still listens where its old configuration said.
        plan.containers = live.containers((read or wanted)["config"])
        # Where live-restore is off so far, a reload of what the daemon has read switches it on before.
        plan.survives = keeps and (read is not None or live.live_restore(wanted["config"]))
        if plan.containers:
            plan.shown = live.shown(wanted["config"])
            # Where nobody knows what it has read, it shows what it holds.
            plan.keys = plan.keys if read is not None else sorted(live.drift(wanted["config"]))
        # What a run that was cut has begun is finished, whatever is allowed now.
        if plan.ignored_keys() and (may_drain or drain.left()):
            found, plan.not_restartable = drain.survey((read or wanted)["config"])
            plan.drained = [one.name for one in found]
    return plan


class Transaction:
    """One way from the daemon as it runs to the effective configuration, and back where it fails."""

    def __init__(self, timeout: float, may_drain: bool = False) -> None:
        self.timeout = timeout
        self.drain = may_drain
        self.config = state.daemon_json() or {}
        self.show = commands.unit_properties(daemon.SERVICE)
        self.wanted = daemon.inputs(self.config, self.show)
        running = self.show.get("ActiveState") == "active"
        self.read = daemon.applied(self.show, self.config) if running else None
        self.plan = foresee(self.show, self.read, self.wanted, may_drain)
        if self.plan.action == "nothing":
            self.plan = self._mend()
        # Those that are to run afterwards; those that an earlier run has left stopped are among them.
        self.drained = drain.left()
        if self.plan.drained:
            self.drained = drain.merged(self.drained, drain.survey((self.read or self.wanted)["config"])[0])

    def _mend(self) -> ApplyPlan:
        """The way where the daemon should have read everything: nothing, unless it shows otherwise."""
        silent = live.unanswered(self.config)
        if silent:
            return _meet(ApplyPlan("restart", [], silent), self.read, self.wanted, self.drain)
        # Somebody else may have edited the file, reloaded, and edited it back.
        wrong = {**live.not_reloaded(self.config, self._last_reload()), **live.drift(self.config)}
        if not wrong:
            return ApplyPlan("nothing")
        action = "reload" if all(OPTIONS[key].reload for key in wrong) else "restart"
        return _meet(ApplyPlan(action, sorted(wrong), list(wrong.values())), self.read, self.wanted, self.drain)

    def _last_reload(self) -> dict[str, str]:
        return live.reload_event(self.config, self._started()) or {}

    def _started(self) -> float:
        now = daemon.instance(int(self.show.get("MainPID", "0") or 0))
        return now["started"] if now else time.time()

    @property
    def installed(self) -> bool:
        """Whether there is an engine to start."""
        return self.show.get("LoadState") not in (None, "not-found")

    @property
    def enabled(self) -> bool:
        """Whether the daemon starts at boot."""
        return bool(self.show.get("UnitFileState") == "enabled")

    def enable(self) -> None:
        """Let the daemon start at boot."""
        done = commands.run("systemctl", "enable", daemon.SERVICE, daemon.SOCKET)
        if done.returncode != 0:
            raise ApplyError(f"systemctl enable {daemon.SERVICE}: {done.stderr.strip()}")

    def settle(self) -> None:
        """Keep what now runs as applied and as the last good state."""
        self.show = commands.unit_properties(daemon.SERVICE)
        daemon.record_applied(self.show, daemon.inputs(self.config, self.show))
        snapshot = state.snapshot()
        if state.read_state(state.GOOD) != snapshot:
            state.write_state(state.GOOD, snapshot)

    def act(self) -> None:
        """Carry the plan out. Raises ApplyError after the last good state is back."""
        if self.plan.action == "nothing":
            self.resume()
            self.settle()
            return
        # A daemon that is stopped for it must be able to start again, the last good one too.
        obstacle = None if self.plan.action == "reload" else nftables.obstacle()
        if obstacle:
            raise ApplyError(f"{self.plan.sentence()} was not begun, for dockerd would not start: {obstacle}")
        moment = time.time()
        problem = self._make_way()
        problem = problem or (self._reload() if self.plan.action == "reload" else self._restart())
        problem = problem or self._wait() or self._start_again()
        if problem is None:
            self._remove_stale()
            self.settle()
            return
        # Where dockerd died it has said why itself.
        if commands.unit_properties(daemon.SERVICE).get("ActiveState") != "active" and self.plan.action != "reload":
            problem = daemon.error_since(moment)
        raise ApplyError(f"{self.plan.sentence()} failed: {problem}. {self._roll_back()}")

    def _make_way(self) -> str | None:
        """Stop the containers that hold the bridge; the problem, or None."""
        if not self.plan.drained:
            return None
        problem: str | None = drain.stop(self.config, self.drained)
        if problem is None:
            # Nobody is left whom the restart could meet.
            self.plan.containers = []
        return problem

    def resume(self) -> list[str]:
        """Start those that an earlier run has left stopped, where nothing else is done. Raises ApplyError."""
        left = drain.left()
        problem = drain.start(self.config, left, self.timeout) if left else None
        if problem:
            raise ApplyError(f"an earlier run was cut, and what it had stopped does not run again: {problem}")
        return [one.name for one in left]

    def _start_again(self) -> str | None:
        """Start those that were stopped, now or by a run that was cut; the problem, or None."""
        problem: str | None = drain.start(self.config, self.drained, self.timeout) if self.drained else None
        return problem

    def _restart(self) -> str | None:
        """(Re)start the daemon, and its socket where that changed; the problem, or None."""
        read = self.read["config"] if self.read else None
        if self.plan.survives and self.plan.containers and read is not None and not read.get("live-restore"):
            # The daemon that goes decides whether its containers stay.
            problem = self._say({**read, "live-restore": True})
            if problem:
                return f"live-restore could not be switched on before the restart: {problem}"
        commands.run("systemctl", "daemon-reload")
        commands.run("systemctl", "reset-failed", daemon.SERVICE, daemon.SOCKET)
        seen = self.read["socket"] if self.read else None
        if self.plan.action == "start" or seen != self.wanted["socket"]:
            # A socket unit cannot be restarted under its running service, systemd.socket(5).
            commands.run("systemctl", "stop", daemon.SERVICE, daemon.SOCKET, timeout=self.timeout)
            commands.run("systemctl", "start", daemon.SOCKET, timeout=self.timeout)
        done = commands.run("systemctl", "restart", daemon.SERVICE, timeout=self.timeout)
        return None if done.returncode == 0 else done.stderr.strip().splitlines()[0]

    def _reload(self) -> str | None:
        """Have the daemon read daemon.json; the problem, or None."""
        gone = said_once((self.read or self.wanted)["config"], self.config)
        problem = self._say({**self.config, **gone}) if gone else None
        return problem or self._hang_up()

    @contextlib.contextmanager
    def _holding(self, config: Config) -> Iterator[None]:
        """Let daemon.json hold ``config`` meanwhile. A run that is cut here leaves a file that the next one mends."""
        text = state.read(state.DAEMON_JSON)
        mode = state.mode_of(state.DAEMON_JSON)
        state.write(state.DAEMON_JSON, fragments.render(config), mode)
        try:
            yield
        finally:
            state.write(state.DAEMON_JSON, text, mode)

    def _say(self, config: Config) -> str | None:
        """Have the daemon read ``config`` once; the problem, or None."""
        with self._holding(config):
            return self._hang_up()

    def _hang_up(self) -> str | None:
        """SIGHUP, and wait for the daemon's own word on it; the problem, or None."""
        moment = time.time()
        pid = int(commands.unit_properties(daemon.SERVICE).get("MainPID", "0") or 0)
        if pid <= 1:
            return "the daemon is not running"
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + min(self.timeout, 15)
        while time.monotonic() < deadline:
            time.sleep(0.1)
            if live.reload_event(self.config, moment) is not None:
                return None
            failure: str | None = daemon.reload_error_since(moment)
            if failure:
                return failure
        return "the daemon sent no word of a reload"

    def _wait(self) -> str | None:
        """Wait until all declared endpoints answer and the settings show; the problem, or None."""
        deadline = time.monotonic() + self.timeout
        while True:
            missing = live.unanswered(self.config)
            if not missing:
                break
            active_state = commands.unit_properties(daemon.SERVICE).get("ActiveState")
            if time.monotonic() > deadline or active_state == "failed":
                return "; ".join(missing)
            time.sleep(0.2)
        wrong = live.drift(self.config)
        if self.plan.action == "reload":
            wrong.update(live.not_reloaded(self.config, self._last_reload()))
        return "dockerd ignored " + "; ".join(wrong.values()) if wrong else None

    def _remove_stale(self) -> None:
        """Remove sockets that nobody listens on any more: systemd leaves them, dockerd does not know them."""
        if self.read is None:
            return
        for path in set(daemon.socket_paths(self.read["socket"])) - set(daemon.socket_paths()):
            stale = Path(path)
            if stale.exists() and stat.S_ISSOCK(stale.stat().st_mode):
                stale.unlink()

    def _roll_back(self) -> str:
        """Put the last good state back; says how that went."""
        good = state.read_state(state.GOOD)
        if good is None:
            problem = self._start_again()
            return "There is no earlier good state on this host to go back to" + (f"; {problem}." if problem else ".")
        # Who was started meanwhile holds the bridge that was tried. To ask a daemon that is gone would wake it.
        if commands.unit_properties(daemon.SERVICE).get("ActiveState") == "active":
            self._make_way()
        # The daemon may have read what was tried.
        self.read = self.wanted
        state.restore(good)
        self.config = state.daemon_json() or {}
        self.wanted = daemon.inputs(self.config, self.show)
        problem = self._reload() if self.plan.action == "reload" else self._restart_as_before()
        problem = problem or self._wait() or self._start_again()
        if problem is None:
            self._remove_stale()
            self.settle()
            return "The last good state is back and the daemon answers."
        return f"The last good state was put back, but that failed too: {problem}."

    def _restart_as_before(self) -> str | None:
        """Restart with the good configuration; containers that were to outlive the failed restart outlive this one."""
        if self.config.get("live-restore") or not (self.plan.survives and self.plan.containers):
            return self._restart()
        keep = {**self.config, "live-restore": True}
        with self._holding(keep):
            problem = self._restart()
        self.read = {**self.wanted, "config": keep}
        return problem or self._reload()
