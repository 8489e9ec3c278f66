# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change on which no container has run yet, as the host keeps it in ``/var/lib/mooring/untested.json``.

The file is there from before a change until a container has run, so a run that was cut leaves it to the next one.
``_apply.container_test`` writes it.
"""

from __future__ import annotations

import contextlib
from typing import TypedDict

from . import state
from .fragments import ConfigError
from .state import Inputs, Snapshot

RECORD = state.STATE / "untested.json"


class Record(TypedDict):
    """The content of ``untested.json``."""

    worked: bool | None
    """Whether a container ran before the change; None where nobody knows."""


def record() -> Record | None:
    """What is known of the change, None where there is none."""
    found: Record | None = state.read_state(RECORD)
    return found


def is_left(applied: Inputs | None) -> bool:
    """Whether an earlier run ended before a container had run on what the daemon has read, which is ``applied``.

    A host that restarts between the change of daemon.json and its application starts the daemon with it.
    """
    if RECORD.exists():
        return True
    good: Snapshot | None = state.read_state(state.GOOD)
    if good is None or applied is None:
        return False
    with contextlib.suppress(ConfigError):
        return bool(state.recorded_config(good) != applied["config"])
    return False
