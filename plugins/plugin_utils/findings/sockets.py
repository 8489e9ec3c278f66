# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""UNIX sockets: whoever may write to one is root on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def sockets(declared: dict[str, Any], host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on who may use the daemon's sockets."""
    members: set[str] = set()
    for socket in host["sockets"]:
        path = socket["path"]
        for what in ("owner", "group"):
            if socket[what] != declared["socket"][what]:
                yield Finding(
                    f"sockets.{what}", ERROR, f"{path} has {what} {declared['socket'][what]}", socket[what], APPLY
                )
        mode, has_list, _rest = socket["mode"].partition("+")
        if int(mode, 8) != int(declared["socket"]["mode"], 8):
            yield Finding("sockets.mode", ERROR, f"{path} has mode {declared['socket']['mode']}", mode, APPLY)
        if has_list:
            expected = f"{path} is for its owner and its group"
            found = f"an access control list lets in others (getfacl {path})"
            yield Finding("sockets.list", ERROR, expected, found, f"take it away (setfacl --remove-all {path})")
        if socket["group"] == declared["socket"]["group"]:
            members.update(socket["group_members"])
    group = declared["socket"]["group"]
    too_many = sorted(members - {*declared["users"], "root"})
    if too_many:
        yield Finding(
            "sockets.members",
            ERROR,
            f"group {group} has {', '.join(declared['users']) or 'nobody'}",
            f"{', '.join(too_many)} too, and is root by it",
            f"take them out (gpasswd --delete USER {group}), or declare them in docker_engine_users",
        )
    administrators, password = _gates(host, group)
    beyond = sorted({*administrators} - {*declared["users"], "root"})
    if beyond or password:
        yield Finding(
            "sockets.group_open",
            ERROR,
            f"nobody else can come into group {group}",
            " and ".join(
                [f"{', '.join(beyond)} may add anybody (gpasswd --administrators)"] * bool(beyond)
                + ["it has a password (newgrp)"] * password
            ),
            f"take it away (gpasswd --administrators '' {group}, gpasswd --restrict {group}), "
            f"or with docker_engine_users_exclusive {APPLY}",
        )
    # Who is told already need not be told by each process.
    holders = [one for one in _holders(host, group) if one["user"] not in {*declared["users"], *too_many}]
    if holders:
        yield Finding(
            "sockets.holders",
            ERROR,
            f"no process of others holds group {group}",
            f"{', '.join(_process(one) for one in holders[:5])} does, and is root by it",
            f"end it (kill), with docker_engine_users_exclusive {APPLY}; a service may have the group by its unit",
        )
    # The account of clients over SSH has findings of its own.
    missing = sorted({*declared["users"]} - members - {declared["ssh"]["user"]}) if host["sockets"] else []
    if missing:
        yield Finding("sockets.user_missing", ERROR, f"{', '.join(missing)} in group {group}", "not in it", APPLY)


def _holders(host: dict[str, Any], group: str) -> list[dict[str, Any]]:
    """Processes that hold the group, but for root's own, which gives nothing."""
    seen = host["groups"].get(group)
    found: list[dict[str, Any]] = seen["holders"] if seen and seen["gid"] != 0 else []
    return found


def _gates(host: dict[str, Any], group: str) -> tuple[list[str], bool]:
    """Who may put others into the group, and whether it has a password."""
    seen = host["groups"].get(group)
    return (seen["administrators"], seen["password"]) if seen else ([], False)


def _process(one: dict[str, Any]) -> str:
    return f"{one['name']} of {one['user']} (pid {one['pid']})"
