# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a container before a change of the daemon and after it.

A change after which none runs is no success. Where none ran before either, the change is not the reason, and to take it
back would mend nothing: it stays, with a warning.
"""

from __future__ import annotations

from .._config import state, untested
from .._config.options import Config
from .._engine import canary, daemon, planning
from .._engine.api import ApiError
from .._engine.canary import CanaryError
from .._engine.planning import Observed
from .._system import commands

# Seconds. What hangs before a change must not keep it from being made for long.
_TIME_BEFORE = 15.0


class ContainerTest:
    """The test of one change. ``warnings`` are what the operator should know of it, a sentence each."""

    def __init__(self, observed: Observed, timeout: float) -> None:
        self.observed = observed
        self.timeout = timeout
        self.worked: bool | None = None
        """Whether a container ran before the change; None where nobody knows."""
        self.warnings: list[str] = []

    def before(self) -> None:
        """See whether a container runs now, and note that a change begins. Raises OSError."""
        if self.observed.is_untested:
            # What runs now is itself a change that was not tested.
            earlier = untested.record()
            self.worked = earlier["worked"] if earlier else None
        elif self.observed.plan.action in ("reload", "restart"):
            # Who is cut from here on leaves a canary.
            state.write_state(untested.RECORD, {"worked": None})
            self.worked = self._works_now()
        state.write_state(untested.RECORD, {"worked": self.worked})

    def after(self, config: Config) -> None:
        """Run a container on the daemon, which has read ``config``.

        Raises CanaryError where none runs though one may have run before, ApiError where the daemon does not answer.
        """
        try:
            self._run(config)
        except CanaryError as error:
            if self.worked is not False:
                raise
            self.warnings.append(
                f"no container runs on this host ({error}). That was so before this change too, so the change stays. "
                "See `journalctl -u docker -u containerd`; playbooks/verify.yml -e verify_active=true tells whether it "
                "is mended"
            )

    def after_return(self, config: Config) -> str | None:
        """Why no container runs on the last good state either, None where one does, or where that is known already.

        Raises ApiError where the daemon does not answer.
        """
        if self.worked is False:
            return None
        try:
            self._run(config)
        except CanaryError as error:
            return str(error)
        return None

    def _works_now(self) -> bool | None:
        if not planning.is_active(commands.unit_properties(daemon.SERVICE)):
            return None  # To ask would wake it.
        listening = (self.observed.applied or self.observed.effective)["config"]
        try:
            return True if canary.run(listening, min(self.timeout, _TIME_BEFORE)) is None else None
        except CanaryError:
            return False
        except ApiError:
            return None

    def _run(self, config: Config) -> None:
        obstacle = canary.run(config, self.timeout)
        if obstacle:
            self.warnings.append(f"the daemon answers, but whether it can run containers was not tested: {obstacle}")
