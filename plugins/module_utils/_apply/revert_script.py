# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All shell that a host runs to take a change back.

A host may have such a script pending from an older version of Mooring, so the files that it names keep their names.
The pieces of this file are functions from what was observed to text. They change nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from .._config import pending, state
from .._engine import containers, daemon
from .._firewall import docker_proxy, nftables, published

_HEAD = f"""\
#!/bin/sh
# Take back what Mooring changed and nobody confirmed.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
cd {pending.DIRECTORY} || exit 1
read -r boot until seconds < {pending.DEADLINE.name}
live=yes
if [ "${{1-}}" = now ]; then
    why="the change failed"
else
    # A run that is still at work holds the lock, and may confirm or prolong.
    exec 9>> {state.LOCK}
    flock 9
    [ -e {pending.SCRIPT.name} ] || exit 0
    read -r boot until seconds < {pending.DEADLINE.name}
    read -r uptime idle < /proc/uptime
    if [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
        why="the host was started anew before the change was confirmed"
        live=no
    elif [ "${{uptime%.*}}" -lt "$until" ]; then
        exit 0
    else
        why="nobody confirmed the change within $seconds s"
    fi
fi
failed=
try() {{ "$@" || failed="; not all of it worked, journalctl -u {pending.UNIT.name} says what"; }}
back() {{ mkdir -p "${{2%/*}}" && cp -a "$1" "$2.mooring" && mv -fT "$2.mooring" "$2"; }}
"""

_TAIL = f"""\
echo "$(date --utc +%FT%TZ) $why$failed" > {pending.REVERTED.name}
rm -f {pending.SCRIPT.name} {pending.RECORD.name} {pending.DEADLINE.name} old-* {pending.AT_BOOT} {pending.UNIT}
[ -z "$failed" ]
"""

# At a boot the files are enough: what they configure is not started yet.
_ONLY_LIVE = "[ $live = yes ] || return 0"


def script(files: Mapping[str, str | None], undo: Mapping[str, str]) -> str:
    """The whole script: old files back, each at once, then the running system.

    ``files`` are paths, with the name of the copy that goes there, None for a file that is removed. ``undo`` has the
    part of each owner of a change, which is the body of a function.
    """
    lines = [
        f"try rm -f {shlex.quote(path)}" if name is None else f"try back {name} {shlex.quote(path)}"
        for path, name in files.items()
    ]
    if any(path.startswith(f"{pending.SYSTEM}/") for path in files):
        lines.append("try systemctl daemon-reload")
    for text in undo.values():
        lines.append(f"undo() {{\n{text.rstrip()}\n}}\ntry undo")
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


# The daemon ----------------------------------------------------------------------------------------

_STOP = f"systemctl stop {daemon.SERVICE} {daemon.SOCKET}"
# The unit that runs this comes before the daemon; a start that waited for it would wait for ever.
_START = f"""\
systemctl reset-failed {daemon.SERVICE} {daemon.SOCKET}
systemctl start --job-mode=ignore-dependencies {daemon.SOCKET} &&
    systemctl start --job-mode=ignore-dependencies {daemon.SERVICE}"""


def restart_daemon(bridge: list[str] | None, sockets: Iterable[str], drained: Sequence[str]) -> str:
    """Have the daemon read the old files, with docker0 as it was.

    ``bridge`` is as in ``restore_bridge``. ``drained`` are the ids of containers that were stopped for the change: they
    run afterwards, and whoever runs now is stopped for the way back. The daemon listens on one of ``sockets``.
    """
    stopping, starting = (_stop_containers(sockets), _start_containers(drained)) if drained else ("", "")
    return f"{_ONLY_LIVE}\n{stopping}\n{_STOP}\n{restore_bridge(bridge)}\n{_START} || return 1\n{starting}"


def stop_daemon(bridge: list[str] | None) -> str:
    """Stop a daemon that was not there before the change."""
    return f"{_STOP}\n{restore_bridge(bridge)}"


def restore_bridge(addresses: list[str] | None) -> str:
    """Give docker0 these addresses, or remove it (None): dockerd keeps what it finds where it is told nothing."""
    if addresses is None:
        return "[ ! -e /sys/class/net/docker0 ] || ip link delete docker0"
    words = " ".join(addresses)
    return f"""\
if [ -e /sys/class/net/docker0 ]; then
    ip -oneline address show dev docker0 scope global | while read -r number name family address more; do
        case " {words} " in *" $address "*) ;; *) ip address delete "$address" dev docker0 ;; esac
    done
    for address in {words}; do ip address replace "$address" dev docker0; done
fi"""


def _stop_containers(sockets: Iterable[str]) -> str:
    """Stop whoever runs, and remember them in ``$others``."""
    return f"""\
engine() {{
    for socket in {" ".join(map(shlex.quote, sockets))}; do
        docker --host "unix://$socket" version > /dev/null 2>&1 || continue
        docker --host "unix://$socket" "$@"
        return
    done
    return 1
}}
others=
if systemctl is-active --quiet {daemon.SERVICE}; then
    others=$(engine ps --quiet --no-trunc)
    [ -z "$others" ] || engine stop $others
fi"""


def _start_containers(ids: Sequence[str]) -> str:
    """Start the containers ``ids``, then ``$others``. Where one does not start, the record of them stays."""
    return f"""\
for container in {" ".join(ids)} $others; do
    engine start "$container" || [ -z "$(engine ps --all --quiet --filter "id=$container")" ] || return 1
done
rm -f {containers.RECORD}"""


# Packet filters ------------------------------------------------------------------------------------

# As nft lists the rule that tells of the engine; the group is a number there once it is gone.
_ENGINE_RULE = re.compile(r"socket cgroupv2 level \d+ \S+ goto outside")
_FORGET_ENGINE = f"rm -f {docker_proxy.RULE}; rmdir {docker_proxy.RULE.parent} 2>&-\n"


def restore_table(table: nftables.Table) -> str:
    """Put a table in force as it is now, with its counters, or take it away where there is none."""
    if isinstance(table, docker_proxy.Filter):
        return f"{_ONLY_LIVE}\n{_restore_published(table)}"
    return f"{_ONLY_LIVE}\n{_restore_table(table)}"


def _restore_table(table: nftables.Table) -> str:
    # Files are back by then; directories that were made for them are empty.
    directories = " ".join(sorted({str(path.parent) for path in table.files}))
    text = nftables.script(table.name, None) + (nftables.live(table.name) or "")
    return f"rmdir {directories} 2>&-\nnft -f - <<'END'\n{text}END"


def _restore_published(table: docker_proxy.Filter) -> str:
    """For the engine as it runs then: nft refuses a control group that is gone."""
    text = _ENGINE_RULE.sub(lambda _rule: published.INCLUDE, _restore_table(table))
    return f"{docker_proxy.WRITE_RULE if table.present or docker_proxy.RULE.exists() else _FORGET_ENGINE}{text}"
