# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns the engine's files and who may write or read them, which takes no look at their content; and plain texts."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from . import observed

_MOST = 1000
"""Entries of a directory tree that are looked at; more are no configuration."""

_KINDS = (
    (stat.S_ISLNK, "link"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISREG, "file"),
    (stat.S_ISSOCK, "socket"),
)


def text(path: Path) -> str | None:
    """The text of a file, which need not be UTF-8; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def describe(paths: Iterable[Path]) -> dict[str, observed.FileStatus]:
    """Kind, owner, group, mode and, of a link, where it leads in the end; paths that are not there are left out."""
    found: dict[str, observed.FileStatus] = {}
    for path in paths:
        try:
            status = path.lstat()
        except OSError:
            continue
        found[str(path)] = {
            "kind": next((kind for is_kind, kind in _KINDS if is_kind(status.st_mode)), "other"),
            "owner": owner_name(status.st_uid),
            "group": group_name(status.st_gid),
            "mode": format(stat.S_IMODE(status.st_mode), "04o"),
            "leads_to": os.path.realpath(path) if stat.S_ISLNK(status.st_mode) else None,
        }
    return found


def below(directory: Path) -> list[Path]:
    """A directory and all in it, links not followed."""
    found = [directory]
    for parent, directories, files in os.walk(directory):
        found += [Path(parent, name) for name in (*directories, *files)]
        if len(found) > _MOST:
            break
    return found[:_MOST]


def socket(path: str) -> observed.Socket:
    """Who may use a UNIX socket. Raises OSError where there is none.

    ``group_members`` are the users who are in the group by group(5) or by their primary group. As with ls(1), a plus
    behind the ``mode`` tells of an access control list: others may use it too.
    """
    status = Path(path).stat()
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError("is no socket")
    members = {user.pw_name for user in pwd.getpwall() if user.pw_gid == status.st_gid}
    with contextlib.suppress(KeyError):
        members.update(grp.getgrgid(status.st_gid).gr_mem)
    has_list = False
    with contextlib.suppress(OSError):  # A file system without attributes.
        has_list = "system.posix_acl_access" in os.listxattr(path)
    return {
        "path": path,
        "owner": owner_name(status.st_uid),
        "group": group_name(status.st_gid),
        "mode": format(stat.S_IMODE(status.st_mode), "04o") + "+" * has_list,
        "group_members": sorted(members),
    }


def owner_name(uid: int) -> str:
    """The user's name, or the number where nobody has it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The group's name, or the number where there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
