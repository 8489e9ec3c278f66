# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop containers while their bridge changes, and start them again as they were.

Who is to run is written down before the first is stopped, and until the last is seen well again. What a run that was
interrupted has stopped, the next one starts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from .._config import state
from .._config.options import Config
from .._engine import containers, live
from .._engine.containers import Container
from .._system import commands

# Seconds. What ends at once after its start is seen within them.
_FIRST_STEPS = 2.0


class DrainError(Exception):
    """A container could not be stopped or started, or is not as before; the message says which and why."""


def stop(config: Config, to_run: Sequence[Container]) -> None:
    """Note who is ``to_run`` again, and stop them, who was started last first, each within its own time.

    Raises DrainError, ApiError, or OSError where nothing can be noted; some may be stopped by then.
    """
    state.write_state(containers.RECORD, containers.fields(to_run))
    for container in reversed(to_run):
        if containers.runs(containers.inspect(config, container)):
            _docker(config, "stop", container, container.stop + 30)


def start(config: Config, to_run: Sequence[Container], timeout: float) -> None:
    """Start those that do not run, one after the other, and see that all are as before.

    Those that were removed in the meantime are passed over. Health has ``timeout`` seconds and its check's own. Raises
    DrainError, or ApiError where nobody answers.
    """
    present = [container for container in to_run if containers.inspect(config, container)]
    for container in present:
        if not containers.runs(containers.inspect(config, container)):
            _docker(config, "start", container, timeout)
    time.sleep(_FIRST_STEPS if present else 0)
    deadline = time.monotonic() + timeout
    for container in present:
        _await(config, container, deadline + (container.healthy or 0))
    state.write(containers.RECORD, None)


def _await(config: Config, container: Container, deadline: float) -> None:
    """Wait until a container is as before. Raises DrainError when it is not, and will not be, or not in time."""
    while True:
        details = containers.inspect(config, container)
        problem = containers.unwell(details, container)
        if problem is None:
            return
        if not containers.may_recover(details) or time.monotonic() > deadline:
            raise DrainError(f"{container.name} {problem}")
        time.sleep(0.5)


def _docker(config: Config, verb: str, container: Container, timeout: float) -> None:
    """``docker stop`` or ``docker start``. Raises DrainError where it fails."""
    address = f"unix://{live.local_socket(config)}"
    done = commands.run("docker", "--host", address, verb, container.id, timeout=timeout)
    if done.returncode != 0:
        raise DrainError(f"docker {verb} {container.name}: {commands.complaint(done)}")
