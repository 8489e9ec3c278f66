# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The group of the daemon's socket: whoever is in it is root on the host, and so is a process that still holds it.

A process gets its groups when its session begins and keeps them: who is taken out stays root until it has ended.
"""

from __future__ import annotations

import grp
import pwd
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._config import state
from .._ssh import sshd
from .._system import commands, files, observed, processes

_GSHADOW = Path("/etc/gshadow")


class GroupError(Exception):
    """What is declared cannot be, or could not be brought about; the message is for the operator."""


@dataclass(frozen=True)
class Declaration:
    """Who is to be in the group ``name``: ``users``, with ``exclusive`` nobody else, and none of those ``absent``."""

    name: str
    users: list[str]
    exclusive: bool = False
    absent: list[str] = field(default_factory=list)

    def unwanted(self, user: str, own: list[str]) -> bool:
        """Whether ``user`` must not be in it. Root and Mooring's ``own`` accounts are left as they are."""
        undeclared = self.exclusive and user not in self.users
        return (user in self.absent or undeclared) and user not in ("root", *own)


@dataclass(frozen=True)
class Plan:
    """Who is added and removed, and who administers the group no more, names; whether its password goes; the ids of
    processes to end; and why it cannot be, one sentence each.
    """

    add: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    demote: list[str] = field(default_factory=list)
    lock: bool = False
    end: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def observe(name: str) -> observed.Group | None:
    """A group, or None where there is none.

    ``members`` are those that group(5) lists, ``primary`` the users whose primary group it is, ``own`` the accounts
    that Mooring made for clients over SSH. ``administrators`` may put anybody into it, themselves included, and with a
    ``password`` anybody who knows it comes in for a session (gshadow(5), newgrp(1)). ``holders`` are processes that
    hold the group, each with its ``pid``, ``name`` and ``user``, or the user's number where nobody has it; root's are
    left out, who needs no group.
    """
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return None
    users = pwd.getpwall()
    lines = [line.split(":") for line in (state.read(_GSHADOW) or "").splitlines()]
    password, administrators = next((fields[1:3] for fields in lines if fields[0] == name), ["!", ""])
    return {
        "gid": group.gr_gid,
        "members": sorted(group.gr_mem),
        "primary": sorted(user.pw_name for user in users if user.pw_gid == group.gr_gid),
        "own": sorted(user.pw_name for user in users if user.pw_dir == str(sshd.HOME)),
        "administrators": sorted(filter(None, administrators.split(","))),
        "password": password != "" and password[0] not in "!*",
        "holders": [
            {"pid": process.pid, "name": process.name, "user": files.owner_name(uid)}
            for process in processes.running()
            if group.gr_gid in process.groups
            for uid in sorted(process.users - {0})
        ],
    }


EMPTY: observed.Group = {
    "gid": None,
    "members": [],
    "primary": [],
    "own": [],
    "administrators": [],
    "password": False,
    "holders": [],
}


def plan(declared: Declaration, seen: observed.Group | None) -> Plan:
    """What brings the group, as ``observe`` saw it, to what is declared."""
    name = declared.name
    if seen is None:
        return Plan(problems=[f"there is no group {name}: install the engine, or make it (groupadd --system {name})"])
    members = [*seen["members"], *seen["primary"]]
    problems = [
        f"{user} cannot be in group {name} and absent from it: declare one of both"
        for user in declared.users
        if user in declared.absent
    ]
    problems += [
        f"{name} is the primary group of {user}, who cannot be taken out of it: give that user another "
        f"(usermod --gid GROUP {user}), or declare the user"
        for user in seen["primary"]
        if declared.unwanted(user, seen["own"])
    ]
    return Plan(
        add=[user for user in dict.fromkeys(declared.users) if user not in members],
        remove=[user for user in seen["members"] if declared.unwanted(user, seen["own"])],
        demote=[user for user in seen["administrators"] if declared.unwanted(user, seen["own"])],
        lock=declared.exclusive and seen["password"],
        end=sorted({one["pid"] for one in seen["holders"] if declared.unwanted(one["user"], seen["own"])}),
        problems=problems,
    )


def due(seen: observed.Group | None, name: str, users: list[str], exclusive: bool) -> bool:
    """Whether the group, as ``host_info`` saw it, is not as declared. One that is to come has nobody in it."""
    return plan(Declaration(name, users, exclusive), seen or EMPTY) != Plan()


def problems(seen: observed.Group | None, name: str, users: list[str], exclusive: bool) -> list[str]:
    """Why the group, as ``host_info`` saw it, cannot be as declared, one sentence each."""
    return plan(Declaration(name, users, exclusive), seen or EMPTY).problems


def ensure(declared: Declaration, check_mode: bool) -> dict[str, Any]:
    """Bring the group to its declaration; returns what the module does. Raises GroupError and EndError."""
    seen = observe(declared.name)
    if seen is None and check_mode:
        # It comes with the engine.
        seen = EMPTY
    todo = plan(declared, seen)
    missing = [user for user in todo.add if not check_mode and not _exists(user)]
    problems = todo.problems + [f"there is no user {user}" for user in missing]
    if seen is None or problems:
        raise GroupError("; ".join(problems))
    after = sorted({*seen["members"], *todo.add} - set(todo.remove))
    # To end the connection of this very run would end the run.
    ours = processes.ancestors().intersection(todo.end)
    ended = len(todo.end) - len(ours)
    if not check_mode:
        # First of all, so that nobody comes in again.
        if todo.demote:
            kept = [user for user in seen["administrators"] if user not in todo.demote]
            _change("--administrators", ",".join(kept), declared.name)
        if todo.lock:
            _change("--restrict", declared.name)
        for option, chosen in (("--add", todo.add), ("--delete", todo.remove)):
            for user in chosen:
                _change(option, user, declared.name)
        gid = _settled(declared.name, after)
        ended = processes.end(
            lambda process: (
                gid in process.groups
                and process.pid not in ours
                and any(declared.unwanted(files.owner_name(uid), seen["own"]) for uid in process.users - {0})
            )
        )
    return {
        "changed": bool(todo.add or todo.remove or todo.demote or todo.lock or ended or ours),
        "added": todo.add,
        "removed": todo.remove,
        "ended": ended,
        "reconnect": bool(ours),
        "diff": {"before": _lines(seen["members"]), "after": _lines(after)},
    }


def _change(*words: str) -> None:
    done = commands.run("gpasswd", *words)
    if done.returncode != 0:
        raise GroupError(f"gpasswd {' '.join(words)}: {done.stderr.strip()}")


def _settled(name: str, members: list[str]) -> int:
    """The number of a group that has exactly these members by now."""
    group = grp.getgrnam(name)
    if sorted(group.gr_mem) != members:
        raise GroupError(
            f"group {name} should have {', '.join(members) or 'nobody'} by now and has "
            f"{', '.join(sorted(group.gr_mem)) or 'nobody'}: where a directory service names its members "
            f"(/etc/nsswitch.conf), change it there"
        )
    return group.gr_gid


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _lines(members: list[str]) -> str:
    return "".join(f"{member}\n" for member in members)
