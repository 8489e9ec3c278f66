# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running daemon takes up its files: by a reload or a (re)start, until it answers and shows what they say.

Every step raises where it fails: DaemonError, or what writing a file or asking the daemon raises.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from .._config import fragments, state
from .._config.options import Config, said_once
from .._config.state import Inputs
from .._engine import daemon, live, planning
from .._system import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Seconds. dockerd reloads within a second, or says why it does not: after 1 + 2 + 4 + 8 seconds where it looks for an
# authorization plugin (moby, pkg/plugins).
_RELOAD_TIME = 25.0


class DaemonError(Exception):
    """The daemon did not do what it should; the message says what."""


class DaemonChange:
    """One way of the daemon, from what it has read to the files as they are.

    ``action`` is "nothing", "reload", "start" or "restart". ``applied`` and ``effective`` are as in
    ``planning.Observed``. Each wait lasts ``timeout`` seconds at most. ``while_stopped`` is done
    between the end of the old daemon and the start of the new one. ``has_begun`` tells that the daemon may have read
    something else by now.
    """

    def __init__(
        self,
        action: str,
        applied: Inputs | None,
        effective: Inputs,
        timeout: float,
        while_stopped: Callable[[], None] | None = None,
    ) -> None:
        self.action = action
        self.applied = applied
        self.effective = effective
        self.timeout = timeout
        self.while_stopped = while_stopped
        self.has_begun = False

    @property
    def _config(self) -> Config:
        config: Config = self.effective["config"]
        return config

    def execute(self, has_survivors: bool) -> None:
        """Carry ``action`` out, and wait until the daemon shows what the files say.

        ``has_survivors`` tells that containers run which are to survive a restart.
        """
        if self.action == "reload":
            self._reload((self.applied or self.effective)["config"])
        elif self.action != "nothing":
            self._restart(has_survivors)
        self._wait()

    def _reload(self, before: Config) -> None:
        """Have the daemon, which has read ``before``, read daemon.json."""
        gone = said_once(before, self._config)
        if gone:
            self._reload_with({**self._config, **gone})
        self._sighup_and_wait()

    def _restart(self, has_survivors: bool) -> None:
        """(Re)start the daemon; containers that are to survive that do, whatever both configurations say."""
        if not has_survivors:
            self._restart_units()
            return
        # The daemon that goes decides whether its containers stay.
        if self.applied is not None and not self.applied["config"].get("live-restore"):
            try:
                self._reload_with({**self.applied["config"], "live-restore": True})
            except DaemonError as error:
                raise DaemonError(f"live-restore could not be switched on before the restart: {error}") from error
        if self._config.get("live-restore"):
            self._restart_units()
            return
        # On the way back from a configuration with live-restore to one without.
        keep = {**self._config, "live-restore": True}
        with self._holding(keep):
            self._restart_units()
            # The next run needs it where this one is killed before the reload is recorded.
            with contextlib.suppress(OSError):
                daemon.record_applied(commands.unit_properties(daemon.SERVICE), {**self.effective, "config": keep})
        self._reload(keep)

    def _restart_units(self) -> None:
        """(Re)start the service, and the socket where that changed."""
        self.has_begun = True
        # Whether these worked shows when the service starts.
        commands.run("systemctl", "daemon-reload")
        commands.run("systemctl", "reset-failed", daemon.SERVICE, daemon.SOCKET)
        is_other_socket = self.applied is None or self.applied["socket"] != self.effective["socket"]
        if self.action == "start" or is_other_socket or self.while_stopped:
            # A socket unit cannot be restarted under its running service, systemd.socket(5).
            commands.run("systemctl", "stop", daemon.SERVICE, daemon.SOCKET, timeout=self.timeout)
            if self.while_stopped:
                if planning.is_active(commands.unit_properties(daemon.SERVICE)):
                    raise DaemonError("the daemon does not stop")
                self.while_stopped()
            commands.run("systemctl", "start", daemon.SOCKET, timeout=self.timeout)
        done = commands.run("systemctl", "restart", daemon.SERVICE, timeout=self.timeout)
        if done.returncode != 0:
            raise DaemonError(commands.complaint(done).splitlines()[0])

    @contextlib.contextmanager
    def _holding(self, config: Config) -> Iterator[None]:
        """Let daemon.json hold ``config`` meanwhile. An interrupted run leaves a file that the next one repairs."""
        text = state.read(state.DAEMON_JSON)
        mode = state.mode_of(state.DAEMON_JSON)
        state.write(state.DAEMON_JSON, fragments.render(config), mode)
        try:
            yield
        finally:
            state.write(state.DAEMON_JSON, text, mode)

    def _reload_with(self, config: Config) -> None:
        """Have the daemon read ``config`` once."""
        with self._holding(config):
            self._sighup_and_wait()

    def _sighup_and_wait(self) -> None:
        """Send SIGHUP, and wait for the daemon's own word on it."""
        moment = time.time()
        pid = int(commands.unit_properties(daemon.SERVICE).get("MainPID", "0") or 0)
        if pid <= 1:
            raise DaemonError("the daemon is not running")
        self.has_begun = True
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            raise DaemonError("the daemon ended before it could be told to reload") from None
        deadline = time.monotonic() + min(self.timeout, _RELOAD_TIME)
        has_ended = False
        while time.monotonic() < deadline and not has_ended:
            time.sleep(0.1)
            # Its last words are in the journal by the time that this is known.
            has_ended = daemon.instance(pid) is None
            if live.reload_event(self._config, moment) is not None:
                return
            refusal = daemon.reload_error_since(moment)
            if refusal:
                raise DaemonError(refusal)
        if has_ended:
            raise DaemonError("the daemon ended when it was told to reload")
        raise DaemonError("the daemon sent no word of a reload")

    def _wait(self) -> None:
        """Wait until all declared endpoints answer and the settings show."""
        deadline = time.monotonic() + self.timeout
        while True:
            silent = live.unanswered(self._config)
            if not silent:
                break
            unit = commands.unit_properties(daemon.SERVICE)
            if time.monotonic() > deadline or unit.get("ActiveState") == "failed":
                raise DaemonError("; ".join(silent))
            time.sleep(0.2)
        ignored = live.drift(self._config)
        unit = commands.unit_properties(daemon.SERVICE)
        # One that is gone shows nothing that would be wrong.
        if not planning.is_active(unit):
            raise DaemonError("the daemon answered and ended at once")
        if self.action == "reload":
            ignored.update(live.not_reloaded(self._config, planning.last_reload(unit, self._config)))
        if ignored:
            raise DaemonError("dockerd ignored " + "; ".join(ignored.values()))
