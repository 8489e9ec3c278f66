# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out steps one after the other, in one process.

The caller holds the lock (``_config.state.locked``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Callable

    Validate = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


class Step(Protocol):
    """A module of this package. ``OPTIONS`` is the argument spec of its parameters."""

    OPTIONS: dict[str, Any]

    def execute(self, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
        """Carry the step out; returns what its module returns. Raises StepError."""


def execute(steps: Iterable[Mapping[str, Any]], validate: Validate) -> list[dict[str, Any]]:
    """Carry out ``steps``, each with the keys name and parameters, up to the first that fails.

    ``validate`` takes an argument spec and parameters, and returns the parameters with defaults, or raises StepError.
    Returns for each step its name and what its module returns; for one that failed its name, failed, and msg.
    """
    outcomes: list[dict[str, Any]] = []
    for step in steps:
        name = step["name"]
        try:
            module = _step(name)
            outcomes.append({"name": name, **module.execute(validate(module.OPTIONS, step["parameters"]), False)})
        except StepError as error:
            return [*outcomes, {"name": name, "failed": True, "msg": str(error)}]
    return outcomes


def _step(name: str) -> Step:
    """The module of a step. Raises StepError for an unknown one.

    Modules are imported late: a trip compiles only what it needs, and what an earlier step has installed is found. Each
    has an import of its own, for Ansible sends a host only what it finds in one.
    """
    step: Step
    if name == "packages":
        from . import packages as step
    elif name == "key":
        from . import key as step
    elif name == "certificate":
        from . import certificate as step
    elif name == "configuration":
        from . import configuration as step
    elif name == "socket_group":
        from . import socket_group as step
    elif name == "apply":
        from . import apply as step
    elif name == "confirm":
        from . import confirm as step
    elif name == "networks":
        from . import networks as step
    else:
        raise StepError(f"there is no step {name!r}")
    return step
