# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which starts of the daemon can lose the connection to the host, and how the host reverts them by itself."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from .._config import pending, state, untested
from .._config.fragments import parse
from .._config.options import OPTIONS, Config, changed_keys
from .._engine import containers, daemon, live
from .._system import commands
from . import revert_script, revert_timer
from .transaction import ApplyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OWNER = daemon.SERVICE
# A client would wake the daemon by its socket.
_AT_BOOT = (
    pending.SYSTEM / "multi-user.target.wants" / daemon.SERVICE,
    pending.SYSTEM / "sockets.target.wants" / daemon.SOCKET,
)


@contextlib.contextmanager
def guarded(seconds: int, action: str, config: Config, drained: Sequence[containers.Container]) -> Iterator[None]:
    """Carry out ``action`` so that the host goes back to its last good state, unless somebody confirms in time.

    The containers ``drained`` are stopped for ``action``, and for the way back; they run afterwards.

    Without any good state there was no engine, and there is none afterwards: the files stay for the next run, and the
    daemon neither runs nor starts at boot. A running daemon whose state nobody knows has nothing to go back to.
    """
    good = state.read_state(state.GOOD)
    old = parse((good or {}).get(str(state.DAEMON_JSON)) or "{}", f"{state.DAEMON_JSON} of before")
    # What a run that was killed has left pending needs a connection that is newer than this run.
    if seconds == 0 or not (is_pending() or affects_connectivity(action, None if good is None else old, config)):
        yield
        return
    bridge = _bridge_addresses()
    if good:
        sockets = live.local_sockets(config) if drained else []
        undo = revert_script.restart_daemon(bridge, sockets, [container.id for container in drained])
        written = state.snapshot_files(good)
    else:
        undo = revert_script.stop_daemon(bridge)
        # The package may have enabled it before.
        written = dict.fromkeys(_AT_BOOT)
    if drained:
        # Whoever the way back does not start is left to the next run.
        written[containers.RECORD] = containers.text(drained)

    def is_undone(error: Exception) -> bool:
        # dockerd keeps the addresses of docker0 where the good state names none.
        return isinstance(error, ApplyError) and error.is_undone and _bridge_addresses() == bridge

    files = [state.GOOD, state.APPLIED, untested.RECORD]
    with revert_timer.guarded(OWNER, seconds, files, undo, written, is_undone):
        yield


def is_pending() -> bool:
    """Whether a change of the daemon waits to be confirmed."""
    return OWNER in pending.observe()["armed"]


def affects_connectivity(action: str, old: Config | None, new: Config) -> bool:
    """Whether ``action`` can lose the connection, where ``old`` is the last good configuration, or None."""
    if old is None:
        # It makes docker0.
        return action == "start"
    changed = changed_keys(old, new)
    return action in ("start", "restart") and any(
        OPTIONS[key].affects_connectivity for key in changed if key in OPTIONS
    )


def _bridge_addresses() -> list[str] | None:
    """docker0's addresses with their lengths, or None where it is not there."""
    shown = commands.run("ip", "-json", "address", "show", "dev", "docker0", "scope", "global")
    if shown.returncode != 0:
        return None
    # What the scope leaves out is an empty entry: docker0's link-local address, once a container is attached.
    return [
        f"{address['local']}/{address['prefixlen']}"
        for link in json.loads(shown.stdout)
        for address in link.get("addr_info", [])
        if address
    ]
