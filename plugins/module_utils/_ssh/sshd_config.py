# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd's configuration as sshd reads it, file by file, and the block in it that holds for Mooring's account alone.

sshd takes the first value of a setting. What a Match block says goes before what is said for everybody, wherever that
stands, and among Match blocks the first that holds counts (sshd_config(5); servconf.c: parse_server_match_config,
copy_set_server_options). So a block that no other can precede settles what it names, for every client address.
AcceptEnv alone is a list: the blocks that hold are added up, and replace what is said for everybody.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Callable

from .._system import observed

MAIN = Path("/etc/ssh/sshd_config")
DROP_IN = Path("/etc/ssh/sshd_config.d/00-mooring.conf")

_DEPTH = 16
"""Files within files that sshd reads (servconf.c: SERVCONF_MAX_DEPTH)."""

_SETTINGS = (
    "DisableForwarding yes",
    "AllowAgentForwarding no",
    "AllowStreamLocalForwarding no",
    "AllowTcpForwarding no",
    "GatewayPorts no",
    "PermitListen none",
    "PermitOpen none",
    "PermitTunnel no",
    "X11Forwarding no",
    "PermitTTY no",
    "PermitUserRC no",
    # A list that has nothing but this name, which stands for itself, replaces what is said for everybody.
    "AcceptEnv none",
    "ChrootDirectory none",
    "ExposeAuthInfo no",
    "AuthenticationMethods publickey",
    "PubkeyAuthentication yes",
    "AuthorizedKeysCommand none",
    "AuthorizedPrincipalsCommand none",
    "AuthorizedPrincipalsFile none",
    "TrustedUserCAKeys none",
    "HostbasedAuthentication no",
    "KbdInteractiveAuthentication no",
    "PasswordAuthentication no",
    "PermitEmptyPasswords no",
)
_OF_SOME_BUILDS = ("GSSAPIAuthentication no", "KerberosAuthentication no")
"""Settings that an sshd without them does not know."""


def settings(command: str, keys: Path, known: list[str]) -> dict[str, str]:
    """What holds for the account: each setting with its value.

    ``command`` is all that it runs, ``keys`` the file with the keys that get in, ``known`` are settings that this sshd
    has, in small letters.
    """
    chosen = [*_SETTINGS, *(line for line in _OF_SOME_BUILDS if line.split()[0].lower() in known)]
    return {"ForceCommand": command, "AuthorizedKeysFile": str(keys), **dict(line.split(" ", 1) for line in chosen)}


def block(user: str, values: dict[str, str]) -> str:
    """The drop-in for the account with its ``settings``."""
    lines = [f"    {name} {value}\n" for name, value in values.items()]
    return "".join(["# Mooring: docker_engine_ssh_clients\n", f"Match User {user}\n", *lines])


def differing(values: dict[str, str], effective: dict[str, list[str]]) -> list[str]:
    """Which of the account's ``settings`` are not in force, where ``effective`` is what sshd says, name to words."""
    return [
        f"{name} is {' '.join(effective.get(name.lower(), [])) or 'not set'}, not {value}"
        for name, value in values.items()
        if effective.get(name.lower()) != value.split()
    ]


def survey(
    read: Callable[[Path], str | None], find: Callable[[str], list[str]], main: Path = MAIN
) -> observed.SshConfiguration:
    """The Match blocks of a configuration in the order in which sshd reads them, but Mooring's own.

    ``read`` gives the text of a file, None where there is none, ``find`` the files that a pattern leads to, sorted.

    ``before`` and ``after`` are the blocks around the place of Mooring's, each with ``where`` it begins, its
    ``criteria``, those of blocks around it included, and the names of the ``settings`` in it. ``is_included`` tells
    whether sshd reads what stands at that place, and reads it for everybody.
    """
    found: observed.SshConfiguration = {"before": [], "after": [], "is_included": False}

    def begin(where: str, criteria: list[str]) -> observed.Match:
        one: observed.Match = {"where": where, "criteria": criteria, "settings": []}
        found["after" if found["is_included"] else "before"].append(one)
        return one

    def follow(path: Path, around: list[str], depth: int) -> None:
        here = begin(str(path), around) if around else None
        for number, line in enumerate((read(path) or "").split("\n"), 1):
            name, words = _parsed(line)
            if name == "match":
                here = begin(f"{path} line {number}", [*around, " ".join(words)])
            elif name == "include":
                for pattern in words if depth < _DEPTH else []:
                    include(str(main.parent / pattern), here["criteria"] if here else [], depth + 1)
            elif name and here:
                here["settings"].append(name)

    def include(pattern: str, around: list[str], depth: int) -> None:
        paths = set(find(pattern))
        if DROP_IN.match(pattern):
            paths.add(str(DROP_IN))
        for path in sorted(paths):
            if path != str(DROP_IN):
                follow(Path(path), around, depth)
            elif not around:
                found["is_included"] = True

    follow(main, [], 0)
    return found


def problems(seen: observed.SshConfiguration, user: str, group: str, values: dict[str, str]) -> list[str]:
    """Why a configuration, as ``survey`` saw it, does not keep ``user``, a member of ``group`` alone, to the block."""
    if not seen["is_included"]:
        return [f"sshd does not read {DROP_IN}: begin {MAIN} with the line Include {DROP_IN.parent}/*.conf"]
    names = {name.lower() for name in values}
    found = []
    for one in seen["before"]:
        overlap = sorted(names.intersection(one["settings"]))
        if overlap and _may_hold(one["criteria"], user, group):
            found.append(
                f"Match {' '.join(one['criteria'])} ({one['where']}) may hold for {user}, sets {', '.join(overlap)}, "
                f"and comes before {DROP_IN}: move it behind that, or exclude the account (Match User *,!{user} ...)"
            )
    for one in seen["after"]:
        if "acceptenv" in one["settings"] and _may_hold(one["criteria"], user, group):
            found.append(
                f"Match {' '.join(one['criteria'])} ({one['where']}) may hold for {user}, and its AcceptEnv is added "
                f"to what the account may send: exclude the account (Match User *,!{user} ...)"
            )
    return found


def _parsed(line: str) -> tuple[str, list[str]]:
    """The name of a setting in small letters and its words; nothing for a line without one.

    As sshd splits lines (misc.c: strdelim for the name, argv_split for the words).
    """
    match = re.match(r'\s*=?\s*"?([A-Za-z0-9]+)(?:"\s*=?|\s*=|\s)\s*(.*)', line)
    if not match:
        return "", []
    words = []
    for word in re.findall(r"""(?:\\.|"[^"]*"|'[^']*'|[^\s"'\\])+""", match[2]):
        if word.startswith("#"):
            break
        words.append(re.sub(r"""\\(.)|["']""", r"\1", word))
    return match[1].lower(), words


def _may_hold(criteria: list[str], user: str, group: str) -> bool:
    """Whether a block can hold for a connection of ``user``: what is said of users and groups alone can rule it out."""
    for line in criteria:
        words = iter(line.replace("=", " ").split())
        for name in map(str.lower, words):
            value = "" if name in ("all", "invalid-user") else next(words, "")
            subject = {"user": user, "group": group}.get(name)
            if subject and not listed(subject, value.split(",")):
                return False
    return True


def listed(subject: str, patterns: list[str]) -> bool:
    """Whether sshd finds ``subject`` in a list of patterns (PATTERNS in ssh_config(5)); one with "!" takes it out."""
    plain = [pattern.replace("[", "[[]") for pattern in patterns]
    if any(pattern.startswith("!") and fnmatch.fnmatchcase(subject, pattern[1:]) for pattern in plain):
        return False
    return any(fnmatch.fnmatchcase(subject, pattern) for pattern in plain)
