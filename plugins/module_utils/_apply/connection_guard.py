# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of the daemon can do to the line to its host, and how the host takes that back by itself."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import state
from .._config.fragments import parse
from .._config.options import OPTIONS, Config, changed_keys
from .._engine import daemon
from .._system import commands
from . import drain, revert_timer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .drain import Container

OWNER = daemon.SERVICE
_UNITS = Path("/etc/systemd/system")
# A client would wake the daemon by its socket.
_AT_BOOT = (
    _UNITS / "multi-user.target.wants" / daemon.SERVICE,
    _UNITS / "sockets.target.wants" / daemon.SOCKET,
)
_STOP = f"systemctl stop {daemon.SERVICE} {daemon.SOCKET}"
# The unit that runs this comes before the daemon; a start that waited for it would wait for ever.
_START = f"""\
systemctl reset-failed {daemon.SERVICE} {daemon.SOCKET}
systemctl start --job-mode=ignore-dependencies {daemon.SOCKET} &&
    systemctl start --job-mode=ignore-dependencies {daemon.SERVICE}"""


@contextlib.contextmanager
def guarded(seconds: int, action: str, config: Config, drained: list[Container]) -> Iterator[None]:
    """Carry out ``action`` so that the host goes back to its last good state, unless somebody confirms in time.

    The containers ``drained`` are stopped for ``action``, and for the way back; they run afterwards.

    Without any good state there was no engine, and there is none afterwards: the files stay for the next run, and the
    daemon neither runs nor starts at boot. A running daemon whose state nobody knows has nothing to go back to.
    """
    good = state.read_state(state.GOOD)
    old = parse((good or {}).get(str(state.DAEMON_JSON)) or "{}", f"{state.DAEMON_JSON} of before")
    # What a run that was killed has left armed needs a connection that is newer than this run.
    if not (is_armed() or can_cut(action, None if good is None else old, config)):
        seconds = 0
    bridge = "" if seconds == 0 else bridge_back(_bridge_addresses())
    if good:
        away, again = drain.shell(config, drained)
        undo = f"[ $live = yes ] || return 0\n{away}\n{_STOP}\n{bridge}\n{_START} || return 1\n{again}"
    else:
        undo = f"{_STOP}\n{bridge}"
    # The package may have enabled it before.
    written = state.snapshot_files(good) if good else dict.fromkeys(_AT_BOOT)
    if drained:
        # Whoever the way back does not start is left to the next run.
        written[drain.RECORD] = drain.text(drained)
    with revert_timer.guarded(OWNER, seconds, [state.GOOD, state.APPLIED], undo, written):
        yield


def is_armed() -> bool:
    """Whether a change of the daemon waits to be confirmed."""
    return OWNER in revert_timer.observe()["armed"]


def can_cut(action: str, old: Config | None, new: Config) -> bool:
    """Whether ``action`` can cut the line, where ``old`` is the last good configuration, or None."""
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


def bridge_back(addresses: list[str] | None) -> str:
    """Shell that gives docker0 these addresses, or removes it: dockerd keeps what it finds where it is told nothing."""
    if addresses is None:
        return "[ ! -e /sys/class/net/docker0 ] || ip link delete docker0"
    wanted = " ".join(addresses)
    return f"""\
if [ -e /sys/class/net/docker0 ]; then
    ip -oneline address show dev docker0 scope global | while read -r number name family address more; do
        case " {wanted} " in *" $address "*) ;; *) ip address delete "$address" dev docker0 ;; esac
    done
    for address in {wanted}; do ip address replace "$address" dev docker0; done
fi"""
