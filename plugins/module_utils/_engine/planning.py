# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done so that the running daemon is as its files say. Reads the host, and changes nothing."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from .._config import classification, state, untested
from .._config.classification import ApplyPlan
from .._config.options import OPTIONS, Config
from .._config.state import Inputs
from .._system import commands
from .._system.asking import asking_once
from . import containers, daemon, data_root, live
from .containers import Container


@dataclass(frozen=True)
class Observed:
    """The daemon and its files at one moment, and the plan that follows.

    ``unit`` are the properties of docker.service. ``applied`` is what the running daemon has read, ``effective`` what
    it would read now, both as ``daemon.inputs``; ``applied`` is None where no daemon runs or nobody can know.
    ``to_run`` are the containers that run once the plan is carried out, of those that it stops or that an interrupted
    run has left stopped. ``is_untested`` tells that an interrupted run has left a daemon on which no container has run.
    ``move`` is where the daemon's data are to be brought while it is stopped.
    """

    config: Config
    unit: dict[str, str]
    applied: Inputs | None
    effective: Inputs
    plan: ApplyPlan
    to_run: tuple[Container, ...]
    is_untested: bool
    move: data_root.Record | None = None

    @property
    def is_installed(self) -> bool:
        """Whether there is an engine to start."""
        return self.unit.get("LoadState") not in (None, "not-found")

    @property
    def is_enabled(self) -> bool:
        """Whether the daemon starts at boot."""
        return self.unit.get("UnitFileState") == "enabled"


@asking_once()
def observe(may_drain: bool = False) -> Observed:
    """The daemon as it runs, its files as they are, and the plan. Raises ConfigError where daemon.json is broken.

    ``may_drain`` allows to stop and start the containers that keep the daemon from changing its bridge.
    """
    config = state.daemon_json() or {}
    unit = commands.unit_properties(daemon.SERVICE)
    effective = daemon.inputs(config, unit)
    applied = daemon.applied(unit, config) if is_active(unit) else None
    plan = plan_apply(unit, applied, effective, may_drain)
    if plan.action == "nothing":
        plan = add_containers(_plan_repair(unit, config), applied, effective, may_drain)
    move = data_root.pending(config)
    if move is not None:
        plan = add_move(plan, applied, effective, move["old"], move["new"])
    to_run = containers.interrupted()
    if plan.drained:
        to_run = containers.merged(to_run, containers.survey((applied or effective)["config"])[0])
    return Observed(config, unit, applied, effective, plan, tuple(to_run), untested.is_left(applied), move)


def is_active(unit: dict[str, str]) -> bool:
    """Whether the service of these properties runs."""
    return unit.get("ActiveState") == "active"


def plan_apply(unit: dict[str, str], applied: Inputs | None, effective: Inputs, may_drain: bool) -> ApplyPlan:
    """The plan that brings the daemon from ``applied`` to ``effective`` inputs, with the containers that it affects.

    The arguments are as in ``Observed`` and ``observe``.
    """
    version = daemon.installed_version() or (0, 0)
    plan = classification.decide(is_active(unit), applied, effective, version)
    return add_containers(plan, applied, effective, may_drain)


def add_containers(plan: ApplyPlan, applied: Inputs | None, effective: Inputs, may_drain: bool) -> ApplyPlan:
    """``plan`` with the containers that a start or restart affects."""
    config = effective["config"]
    keeps = config.get("live-restore") is True
    if plan.action == "start":
        # To ask would wake the daemon by its socket, with whatever configuration there is.
        return dataclasses.replace(plan, containers=live.shims(), survives=keeps)
    if plan.action != "restart":
        return plan
    # The daemon still listens where its old configuration said.
    listening = (applied or effective)["config"]
    # Where live-restore is off so far, a reload of what the daemon has read switches it on before.
    survives = keeps and (applied is not None or live.live_restore(config))
    plan = dataclasses.replace(plan, containers=live.containers(listening), survives=survives)
    if plan.containers:
        # Where its loaded configuration is unknown, the options that it shows tell what changes.
        keys = plan.keys if applied is not None else sorted(live.drift(config))
        plan = dataclasses.replace(plan, shown=live.shown(config), keys=keys, resolving=live.resolving(listening))
    # What an interrupted run has begun is finished, whatever is allowed now.
    if (plan.ignored_keys() or plan.unresolving()) and (may_drain or containers.interrupted()):
        plan = _drained(plan, listening)
    return plan


def add_move(plan: ApplyPlan, applied: Inputs | None, effective: Inputs, old: str, new: str) -> ApplyPlan:
    """``plan`` with the daemon's data moved from ``old`` to ``new``, for which it is stopped with all containers."""
    reasons = [*plan.reasons, f"the data in {old} move to {new}"]
    if plan.action == "start":
        # Nobody who could be asked would stop them.
        lost = [f"{name} runs without a daemon" for name in plan.containers]
        return dataclasses.replace(plan, reasons=reasons, not_restartable=[*plan.not_restartable, *lost])
    moving = add_containers(dataclasses.replace(plan, action="restart", reasons=reasons), applied, effective, False)
    return _drained(moving, (applied or effective)["config"])


def _drained(plan: ApplyPlan, listening: Config) -> ApplyPlan:
    """``plan`` with all running containers stopped before and started again."""
    running, lost = containers.survey(listening)
    return dataclasses.replace(plan, drained=[container.name for container in running], not_restartable=lost)


def _plan_repair(unit: dict[str, str], config: Config) -> ApplyPlan:
    """The plan where the daemon should have read everything: nothing, unless it shows otherwise."""
    silent = live.unanswered(config)
    if silent:
        return ApplyPlan("restart", [], silent)
    # Somebody else may have edited the file, reloaded, and edited it back.
    wrong = {**live.not_reloaded(config, last_reload(unit, config)), **live.drift(config)}
    if not wrong:
        return ApplyPlan("nothing")
    action = "reload" if all(OPTIONS[key].reload for key in wrong) else "restart"
    return ApplyPlan(action, sorted(wrong), list(wrong.values()))


def last_reload(unit: dict[str, str], config: Config) -> dict[str, str]:
    """The attributes of the last reload of the daemon that runs; nothing where it has not reloaded."""
    life = daemon.instance(int(unit.get("MainPID", "0") or 0))
    return live.reload_event(config, life["started"] if life else time.time()) or {}
