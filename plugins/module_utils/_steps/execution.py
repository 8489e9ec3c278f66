# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out steps one after the other, in one process.

Each module here is a step: ``OPTIONS`` is the argument spec of its parameters, and ``execute`` carries it out, returns
what its module returns, and raises StepError. The caller holds the lock (``_config.state.locked``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Callable

    Execute = Callable[[Mapping[str, Any], bool], dict[str, Any]]
    Validate = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


def execute(steps: Iterable[Mapping[str, Any]], validate: Validate) -> list[dict[str, Any]]:
    """Carry out ``steps``, each with the keys name and parameters, up to the first that fails.

    ``validate`` takes an argument spec and parameters, and returns the parameters with defaults, or raises StepError.
    Returns for each step its name and what its module returns; for one that failed its name, failed, and msg.
    """
    outcomes: list[dict[str, Any]] = []
    for step in steps:
        name = step["name"]
        try:
            options, run = _step(name)
            outcomes.append({"name": name, **run(validate(options, step["parameters"]), False)})
        except StepError as error:
            return [*outcomes, {"name": name, "failed": True, "msg": str(error)}]
    return outcomes


def _step(name: str) -> tuple[Mapping[str, Any], Execute]:
    """The argument spec of a step, and what carries it out. Raises StepError for an unknown one.

    Modules are imported late: a trip compiles only what it needs, and what an earlier step has installed is found.
    """
    if name == "host_files":
        from . import host_files

        return host_files.OPTIONS, host_files.execute
    if name == "packages":
        from . import packages

        return packages.OPTIONS, packages.execute
    if name == "key":
        from . import key

        return key.OPTIONS, key.execute
    if name == "certificate":
        from . import certificate

        return certificate.OPTIONS, certificate.execute
    if name == "configuration":
        from . import configuration

        return configuration.OPTIONS, configuration.execute
    if name == "socket_group":
        from . import socket_group

        return socket_group.OPTIONS, socket_group.execute
    if name == "apply":
        from . import apply

        return apply.OPTIONS, apply.execute
    if name == "confirm":
        from . import confirm

        return confirm.OPTIONS, confirm.execute
    if name == "networks":
        from . import networks

        return networks.OPTIONS, networks.execute
    raise StepError(f"there is no step {name!r}")
