# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the running daemon gets from the applied to the effective configuration, and whether it may do so now.

Pure functions: the plan follows from two states, never from what some task changed, so the next run finishes what a
run that was interrupted has begun.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .options import OPTIONS, changed_keys, needs_restart
from .state import Inputs

UNSEEN_CHANGES = "files changed after the daemon's start, unseen by Mooring"
COMMAND_CHANGED = "the unit's command changed"
"""Reasons for a restart after which the daemon may be told anything."""

_BACKEND = "firewall-backend"


@dataclass(frozen=True)
class ApplyPlan:
    """``action`` is "nothing", "reload", "start" or "restart"; ``keys`` are the options that it changes.

    For a (re)start, ``containers`` are those that run, ``resolving`` those of them for which the daemon resolves names,
    ``survives`` tells whether live-restore keeps them running, and ``shown`` are options that the running daemon shows
    as declared before anything is done. ``drained`` are containers
    that are stopped for a restart and started again after it, ``not_restartable`` those of them that would not come
    back, with the reason.
    """

    action: str
    keys: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    survives: bool = False
    shown: list[str] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    not_restartable: list[str] = field(default_factory=list)
    resolving: list[str] = field(default_factory=list)

    def reply(self) -> dict[str, Any]:
        """The plan as modules return it."""
        return {
            "action": self.action,
            "keys": self.keys,
            "reasons": self.reasons,
            "containers": self.containers,
            "outlive": self.survives,
            "shown": self.shown,
            "drained": self.drained,
            "lost": self.not_restartable,
            "sentence": self.sentence(),
        }

    def ignored_keys(self) -> list[str]:
        """The options that dockerd would leave as they are at a restart that finds containers running."""
        keys = [key for key in self.keys if key in OPTIONS and OPTIONS[key].needs_no_containers]
        return sorted(set(keys) - set(self.shown)) if self.action == "restart" and self.containers else []

    def unresolving(self) -> list[str]:
        """The containers in which names would no longer be resolved.

        dockerd leads their queries to itself by rules in their own network namespace. One that starts with another
        packet filter makes new rules there, and leaves the old ones, which lead to ports that nobody listens on
        (observed with 29.7; moby, libnetwork/resolver_unix.go).
        """
        is_changed = _BACKEND in self.keys and _BACKEND not in self.shown
        return self.resolving if self.action == "restart" and self.survives and is_changed else []

    def sentence(self) -> str:
        """The plan in one line."""
        drain = [f"stops {', '.join(self.drained)} before, starts them again after"] if self.drained else []
        return self.action + (f" ({'; '.join(self.reasons + drain)})" if self.reasons or drain else "")

    def refusal(self, policy: str) -> str | None:
        """Why ``policy`` (docker_engine_restart) does not allow the action now, or None.

        An action that would not lead to the effective configuration is refused whatever the policy: dockerd leaves the
        default bridge as it is when it starts and finds containers running.
        """
        if self.action == "restart" and policy == "never":
            return f"{self.sentence()} is pending, since docker_engine_restart is never"
        names = ", ".join(self.containers)
        if self.not_restartable:
            return (
                f"{self.sentence()} would not leave all as they are: {'; '.join(self.not_restartable)}; stop them first"
            )
        if self.drained:
            return None
        if self.survives and self.ignored_keys():
            return (
                f"{self.sentence()} would not do: live-restore keeps {names} running, and dockerd leaves "
                f"{', '.join(self.ignored_keys())} as it is while containers run; stop them first, or have them "
                "stopped and started again with docker_network_containers: drain"
            )
        if self.unresolving():
            return (
                f"{self.sentence()} would not do: live-restore keeps {', '.join(self.unresolving())} running, and "
                "names of other containers could not be resolved there any more, since dockerd leaves the rules of "
                "the old packet filter in containers; stop them first, or have them stopped and started again with "
                "docker_network_containers: drain"
            )
        if policy == "only_without_containers" and names and not self.survives:
            return (
                f"{self.sentence()} would stop {names}, since live-restore is off; stop them first, or allow it "
                "with docker_engine_restart: when_needed"
            )
        return None


def decide(running: bool, applied: Inputs | None, effective: Inputs, version: tuple[int, int]) -> ApplyPlan:
    """The least that brings a daemon from its ``applied`` inputs to the ``effective`` ones.

    ``version`` is the engine's (major, minor). ``applied`` is None where it is unknown.
    """
    if not running:
        return ApplyPlan("start", sorted(effective["config"]), ["the daemon is not running"])
    if applied is None:
        return ApplyPlan("restart", [], [UNSEEN_CHANGES])
    keys = changed_keys(applied["config"], effective["config"])
    reasons = []
    restart = needs_restart(applied["config"], effective["config"], version)
    if restart:
        reasons.append("changed: " + ", ".join(sorted(restart)))
    if applied["command"] != effective["command"]:
        reasons.append(COMMAND_CHANGED)
    if applied["socket"] != effective["socket"]:
        reasons.append("the socket unit changed")
    tls = sorted(key for key in effective["tls"] if applied["tls"].get(key) not in (None, effective["tls"][key]))
    if tls:
        reasons.append("TLS files changed: " + ", ".join(tls))
    if reasons:
        return ApplyPlan("restart", sorted(keys), reasons)
    if keys:
        return ApplyPlan("reload", sorted(keys), ["changed: " + ", ".join(sorted(keys))])
    return ApplyPlan("nothing")
