# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the running daemon to its files, as a transaction: all of it takes effect, or the last good state is back.

The steps raise. ``Transaction.execute`` alone catches, whatever it is, and rolls back. Only what ends the process
passes by it (KeyboardInterrupt, SystemExit), and leaves what the next run finishes.
"""

from __future__ import annotations

import contextlib
import functools
import stat
import time
from pathlib import Path

from .._config import classification, fragments, state, untested
from .._config.fragments import ConfigError
from .._config.options import Config
from .._config.state import Inputs, Snapshot
from .._engine import containers, daemon, data_root, planning
from .._engine.api import ApiError
from .._engine.canary import CanaryError
from .._engine.planning import Observed
from .._firewall import nftables
from .._system import commands
from . import data_move, drain
from .container_test import ContainerTest
from .daemon_change import DaemonChange, DaemonError
from .data_move import MoveError
from .drain import DrainError


class ApplyError(Exception):
    """The daemon could not be brought to the configuration; the message says why and what holds now.

    ``is_undone`` tells whether the daemon and its containers are on the last good state again.
    """

    def __init__(self, message: str, is_undone: bool = False) -> None:
        super().__init__(message)
        self.is_undone = is_undone


class Transaction:
    """Carries out the plan of what was ``observed``. Each wait lasts ``timeout`` seconds at most.

    ``warnings`` are what the operator should know of a change that was made, a sentence each.
    """

    def __init__(self, observed: Observed, timeout: float) -> None:
        self.observed = observed
        self.timeout = timeout
        self._test = ContainerTest(observed, timeout)
        self._is_drained = False

    @property
    def warnings(self) -> list[str]:
        """See the class."""
        return self._test.warnings

    def execute(self) -> None:
        """Carry the plan out, have the daemon start at boot, and start what an interrupted run has left stopped.

        A container must run then, where one ran before.

        Raises ApplyError. The last good state is back then, or the message says why not.
        """
        plan = self.observed.plan
        if plan.action == "nothing" and not self.observed.is_untested:
            self._execute_nothing()
            return
        # A daemon that is stopped for it must be able to start again, the last good one too.
        obstacle = None if plan.action == "reload" else nftables.obstacle()
        if obstacle:
            raise ApplyError(f"{plan.sentence()} was not begun, for dockerd would not start: {obstacle}")
        begun = time.time()
        self._stay_on_data_root()
        move = self.observed.move
        change = DaemonChange(
            plan.action,
            self.observed.applied,
            self.observed.effective,
            self.timeout,
            functools.partial(data_move.copy, move) if move else None,
        )
        try:
            self._enable()
            self._test.before()
            self._drain()
            change.execute(self._has_survivors)
            self._start_containers(self.observed.config)
            # After those that run again, so that it takes no address which one of them had.
            self._test.after(self.observed.config)
            _remove_stale_sockets(self.observed.applied)
            record_success(self.observed.config)
        except Exception as error:
            problem = _daemons_own_words(change, begun, error) or _sentence(error)
            tried = "the test of what an interrupted run has applied" if plan.action == "nothing" else plan.sentence()
            outcome, is_undone = self._roll_back(change)
            raise ApplyError(f"{tried} failed: {problem.rstrip('.')}. {outcome}", is_undone) from error

    def start_interrupted(self) -> list[str]:
        """Start what an interrupted run has left stopped, where nothing else is done; their names.

        Raises ApplyError.
        """
        stopped = containers.interrupted()
        try:
            if stopped:
                drain.start(self.observed.config, stopped, self.timeout)
        except Exception as error:
            raise ApplyError(
                f"an earlier run was interrupted, and what it had stopped does not run again: {_sentence(error)}"
            ) from error
        return [container.name for container in stopped]

    def _execute_nothing(self) -> None:
        """There is nothing to apply, so nothing to roll back either."""
        self.start_interrupted()
        try:
            self._enable()
            record_success(self.observed.config)
        except Exception as error:
            raise ApplyError(f"the daemon has read its configuration, but: {_sentence(error)}") from error

    # Steps -----------------------------------------------------------------------------------------

    def _stay_on_data_root(self) -> None:
        """Let no way lead back to an old data root once a daemon has had the new one: what it has there would be lost.

        That is where a run was interrupted after the data had been moved, before it could say that all was well.
        """
        record, good = data_root.record(), state.read_state(state.GOOD)
        if record and good and self.observed.move is None and data_root.kept(self.observed.config):
            with contextlib.suppress(ConfigError):
                text = good.get(str(state.DAEMON_JSON)) or "{}"
                if data_root.root_of(fragments.parse(text, "")) == record["old"]:
                    state.write_state(state.GOOD, state.snapshot())

    def _enable(self) -> None:
        """Have the daemon start at boot."""
        if self.observed.is_enabled:
            return
        done = commands.run("systemctl", "enable", daemon.SERVICE, daemon.SOCKET)
        if done.returncode != 0:
            raise DaemonError(f"systemctl enable {daemon.SERVICE}: {commands.complaint(done)}")

    def _drain(self) -> None:
        """Stop the containers that keep the daemon from changing its bridge."""
        if self.observed.plan.drained:
            drain.stop(self.observed.config, self.observed.to_run)
            self._is_drained = True

    @property
    def _has_survivors(self) -> bool:
        """Whether containers run that are to survive a restart."""
        plan = self.observed.plan
        return plan.survives and bool(plan.containers) and not self._is_drained

    def _start_containers(self, config: Config) -> None:
        """Start those that were stopped, by this run or by an interrupted one."""
        if self.observed.to_run:
            drain.start(config, self.observed.to_run, self.timeout)

    # The way back ----------------------------------------------------------------------------------

    def _roll_back(self, tried: DaemonChange) -> tuple[str, bool]:
        """Bring the last good state back; says how that went, and whether it is back."""
        try:
            good: Snapshot | None = state.read_state(state.GOOD)
            config = None if good is None else self._return_to(good, tried)
        except Exception as error:
            problems = [_sentence(error), *(self._start_what_is_left() if not isinstance(error, DrainError) else [])]
            return f"The last good state could not be brought back: {'; '.join(problems)}.", False
        if config is None:
            problems = ["There is no earlier good state on this host to go back to", *self._start_what_is_left()]
            return f"{'; '.join(problems)}.", False
        tested = self._test_good(config)
        try:
            record_success(config)
        except OSError as error:
            unrecorded = f"but that is not recorded: {_sentence(error)}"
            return f"The last good state is back and the daemon answers, {unrecorded}.", False
        return f"The last good state is back and the daemon answers{tested}{self._give_move_up(config)}.", True

    def _give_move_up(self, config: Config) -> str:
        """Leave nothing of a move of the daemon's data, which are where they were; what is to be said of it."""
        move = self.observed.move
        if move is None or data_root.root_of(config) == move["new"]:
            return ""
        try:
            data_move.give_up()
        except OSError as error:
            return f"; what was copied to {move['new']} could not be removed: {_sentence(error)}"
        return ""

    def _test_good(self, config: Config) -> str:
        """What is to be said of containers on the last good state, which is back."""
        try:
            problem = self._test.after_return(config)
        except Exception as error:
            problem = _sentence(error)
        if problem is None:
            return ""
        return (
            f", but no container runs with it either: {problem}. So the change is not the reason "
            "(see `journalctl -u docker -u containerd`), and the next run makes it whether one runs or not"
        )

    def _start_what_is_left(self) -> list[str]:
        """Start the containers on the daemon as it is; why they do not run, if so."""
        try:
            # To ask a daemon that is gone would wake it.
            if _is_active():
                self._start_containers(self.observed.config)
        except Exception as error:
            return [_sentence(error)]
        return []

    def _return_to(self, good: Snapshot, tried: DaemonChange) -> Config:
        """The files of the last good state, the daemon with them, and the containers; its configuration."""
        if tried.has_begun and _is_active():
            # Those that were started meanwhile hold the bridge that was tried. Whether it changes back shows below.
            with contextlib.suppress(Exception):
                self._drain()
        state.restore(good)
        restored = time.time()
        config: Config = state.daemon_json() or {}
        unit = commands.unit_properties(daemon.SERVICE)
        life = _life(unit)
        effective = daemon.inputs(config, unit)
        if tried.has_begun:
            # The daemon may have read what was tried.
            applied: Inputs | None = tried.effective
            action = tried.action
        else:
            applied = tried.applied
            version = daemon.installed_version() or (0, 0)
            action = classification.decide(planning.is_active(unit), applied, effective, version).action
        try:
            DaemonChange(action, applied, effective, self.timeout).execute(self._has_survivors)
        except DaemonError:
            # dockerd ends when it cannot reload its authorization plugins (moby, cmd/dockerd/daemon.go), and systemd
            # starts it again at any moment.
            now = _life(commands.unit_properties(daemon.SERVICE))
            if action != "reload" or (now and life and now["ticks"] == life["ticks"]):
                raise
            has_read_good = now is not None and now["started"] > restored
            again = "nothing" if has_read_good else "restart"
            DaemonChange(again, applied, effective, self.timeout).execute(self._has_survivors)
        self._start_containers(config)
        _remove_stale_sockets(tried.effective)
        return config


def record_success(config: Config) -> None:
    """Keep what now runs as applied and as the last good state. Raises OSError."""
    unit = commands.unit_properties(daemon.SERVICE)
    daemon.record_applied(unit, daemon.inputs(config, unit))
    snapshot = state.snapshot()
    if state.read_state(state.GOOD) != snapshot:
        state.write_state(state.GOOD, snapshot)
    state.write(untested.RECORD, None)


def _life(unit: dict[str, str]) -> daemon.Life | None:
    """The life of the daemon whose service has these properties, None where none runs."""
    return daemon.instance(int(unit.get("MainPID", "0") or 0))


def _is_active() -> bool:
    return planning.is_active(commands.unit_properties(daemon.SERVICE))


def _remove_stale_sockets(before: Inputs | None) -> None:
    """Remove sockets that nobody listens on any more: systemd leaves them, dockerd does not know them."""
    if before is None:
        return
    for path in set(daemon.socket_paths(before["socket"])) - set(daemon.socket_paths()):
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(Path(path).stat().st_mode):
                Path(path).unlink()


def _daemons_own_words(change: DaemonChange, begun: float, error: Exception) -> str | None:
    """What dockerd has said since ``begun`` where it died of a (re)start; None where it did not, or said nothing."""
    if isinstance(error, OSError) or change.action == "reload" or not change.has_begun:
        return None
    # Whatever goes wrong here must not keep the rollback from being made.
    with contextlib.suppress(Exception):
        if not _is_active():
            return daemon.error_since(begun)
    return None


def _sentence(error: Exception) -> str:
    """An exception in words that are never empty."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, (DaemonError, DrainError, ApiError, CanaryError, ConfigError, MoveError)) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"
