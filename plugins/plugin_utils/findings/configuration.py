# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift between the declaration, the fragments, daemon.json and the running daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAEMON_JSON = "/etc/docker/daemon.json"


def configuration(host: dict[str, Any], tried: dict[str, Any]) -> Iterator[Finding]:
    """Findings on the engine's files. ``tried`` is what ``daemon_config`` says of the declaration in a dry run.

    Each step is only looked at where those before it are right, for what follows from a wrong one mends itself.
    """
    seen = host["configuration"]
    if seen["error"]:
        yield Finding("configuration.broken", ERROR, "daemon.json and its fragments can be read", seen["error"], APPLY)
        return
    if "files" not in tried:
        yield Finding("configuration.refused", ERROR, "the declaration fits the host", tried["msg"], "as it says")
        return
    if seen["edited"]:
        yield Finding(
            "configuration.edited",
            ERROR,
            f"{_DAEMON_JSON} is what the fragments make of it",
            f"it was edited: {', '.join(seen['edited'])}",
            f"declare the change, then {APPLY}: the edited file is kept in /var/lib/mooring/backups",
        )
    differing = [path for path in tried["files"] if not (seen["edited"] and path == _DAEMON_JSON)]
    if differing:
        yield Finding(
            "configuration.differs", ERROR, "the engine's files are as declared", f"not {', '.join(differing)}", APPLY
        )
    if seen["stopped"]:
        yield Finding(
            "configuration.drained",
            ERROR,
            f"{', '.join(seen['stopped'])} run as before the last change of the bridge",
            "a run that was cut has stopped them, and no later one has seen them well again",
            APPLY,
        )
    if seen["untested"]:
        yield Finding(
            "configuration.untested",
            ERROR,
            "a container has run since the last change of the daemon",
            "a run that was cut has changed it, and no later one has tested it",
            APPLY,
        )
    if seen["old_data_root"]:
        yield Finding(
            "configuration.old_data_root",
            WARNING,
            "the data root has all that the engine keeps",
            f"{seen['old_data_root']['path']}, from before its move, is still there{_size(seen['old_data_root'])}",
            f"rm -r {seen['old_data_root']['path']} when you do not need it any more: it is what was there at the move",
        )
    pending = seen["pending"]
    if (
        pending
        and pending["action"] not in ("nothing", "start")
        and not (seen["edited"] or differing or _seen(pending))
    ):
        yield Finding(
            "configuration.pending",
            ERROR,
            "the daemon runs with its configuration",
            f"waits for a {pending['action']}: {'; '.join(pending['reasons'])}",
            APPLY,
        )


def _size(left: dict[str, Any]) -> str:
    return "" if left["size"] is None else f", {left['size'] // 2**20} MiB"


def _seen(pending: dict[str, Any]) -> bool:
    """Whether nothing waits but docker0, which somebody changed under the daemon: that is a finding on the bridge."""
    return bool(pending["keys"]) and all(reason.startswith(("bip is ", "bip6 is ")) for reason in pending["reasons"])
