# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files beside the daemon's configuration are written or removed, and whether the timer is started.

Pure functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._files import prune

if TYPE_CHECKING:
    from .._system.observed import Host
    from .declaration import Declaration, EngineDeclaration
    from .observation import Observation
    from .steps import Step


def refusals(_engine: EngineDeclaration, host: Host) -> list[str]:
    """Why the host does not take what is declared."""
    problem = host["host_files"]["schedule"]
    return [f"docker_engine_prune schedule {problem}"] if problem else []


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Write what differs, remove what is no longer declared, and start the timer."""
    seen = observation.host["host_files"]
    if declaration["engine"] is None:
        return None
    timer = seen["prune"]
    is_stopped = timer is not None and (timer["active"], timer["enabled"]) != ("active", "enabled")
    if not (seen["differing"] or seen["leftover"] or is_stopped):
        return None
    phrases = [f"write {', '.join(seen['differing'])}"] if seen["differing"] else []
    phrases += [f"remove {', '.join(seen['leftover'])}"] if seen["leftover"] else []
    phrases += [f"start {prune.TIMER}"] if is_stopped else []
    reasons = [f"{path} differs" for path in seen["differing"]]
    reasons += [f"{path} is no longer declared" for path in seen["leftover"]]
    reasons += [f"{prune.TIMER} is not active and enabled"] if is_stopped else []
    return {
        "name": "host_files",
        "role": "docker_engine",
        "summary": "; ".join(phrases),
        "reasons": reasons,
        "effects": [],
        "parameters": {"write": seen["differing"], "remove": seen["leftover"], "prune": timer is not None},
        "diff": seen["diff"],
    }
