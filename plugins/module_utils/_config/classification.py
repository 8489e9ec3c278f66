# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from what the daemon has read to what the files say, and whether it may be gone now.

Pure functions: the way follows from two states, never from what some task changed, so a run that was cut is
finished by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .options import OPTIONS, changed_keys, needs_restart


@dataclass(frozen=True)
class ApplyPlan:
    """``action`` is "nothing", "reload", "start" or "restart"; ``keys`` the options that change by it.

    For a (re)start, ``containers`` are those that run, ``outlive`` tells whether live-restore keeps them, and ``shown``
    are options that the running daemon shows as declared before anything is done. ``drained`` are containers that are
    stopped for a restart and started again after it, ``lost`` those of them that would not come back, with the reason.
    """

    action: str
    keys: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    outlive: bool = False
    shown: list[str] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def held(self) -> list[str]:
        """The options that dockerd would leave as they are at a restart that finds containers running."""
        keys = sorted(key for key in self.keys if key in OPTIONS and OPTIONS[key].held and key not in self.shown)
        return keys if self.action == "restart" and self.containers else []

    def sentence(self) -> str:
        """The plan in one line."""
        drain = [f"stops {', '.join(self.drained)} before, starts them again after"] if self.drained else []
        return self.action + (f" ({'; '.join(self.reasons + drain)})" if self.reasons or drain else "")

    def refusal(self, policy: str) -> str | None:
        """Why ``policy`` (docker_engine_restart) does not let this way be gone now, or None.

        A way that would not lead there is refused whatever the policy: dockerd leaves the default bridge as it is
        when it starts and finds containers running.
        """
        if self.action == "restart" and policy == "never":
            return f"{self.sentence()} is pending, since docker_engine_restart is never"
        names = ", ".join(self.containers)
        if self.lost:
            return f"{self.sentence()} would not leave all as they are: {'; '.join(self.lost)}; stop them first"
        if self.drained:
            return None
        if self.outlive and self.held():
            return (
                f"{self.sentence()} would not do: live-restore keeps {names} running, and dockerd leaves "
                f"{', '.join(self.held())} as it is while containers run; stop them first, or have them stopped and "
                "started again with docker_network_containers: drain"
            )
        if policy == "only_without_containers" and names and not self.outlive:
            return (
                f"{self.sentence()} would stop {names}, since live-restore is off; stop them first, or allow it "
                "with docker_engine_restart: when_needed"
            )
        return None


def decide(running: bool, read: dict[str, Any] | None, wanted: dict[str, Any], version: tuple[int, int]) -> ApplyPlan:
    """The least that brings a daemon which has ``read`` (shape of ``_engine.daemon.inputs``) to ``wanted``.

    ``version`` is the engine's (major, minor). ``read`` is None where nobody can know it.
    """
    if not running:
        return ApplyPlan("start", sorted(wanted["config"]), ["the daemon is not running"])
    if read is None:
        return ApplyPlan("restart", [], ["files changed after the daemon's start, unseen by Mooring"])
    keys = changed_keys(read["config"], wanted["config"])
    reasons = []
    restart = needs_restart(read["config"], wanted["config"], version)
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
        return ApplyPlan("restart", sorted(keys), reasons)
    if keys:
        return ApplyPlan("reload", sorted(keys), ["changed: " + ", ".join(sorted(keys))])
    return ApplyPlan("nothing")
