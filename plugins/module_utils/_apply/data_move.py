# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move the daemon's data to another data root, so that at no moment a daemon could start without them.

1. ``begin``, before daemon.json names the new root: the new root is a link to the old one. A daemon that starts from
   now on, by a boot for example, has its data.
2. ``copy``, while the daemon is stopped: a whole copy lies beside the link, compared file by file, and takes its place
   in one step of the kernel's. The old root stays as it was.
3. ``give_up``, where the change is taken back: the copy goes, or the link.

``_engine.data_root`` has the record, from which the next run knows where an interrupted one was.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import state
from .._engine import data_root
from .._system import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._config.options import Config

_TIME = 7 * 24 * 3600.0
"""Seconds for the copy. Who waits longer than that should copy it himself."""
# renameat2(2), linux/fs.h, fcntl.h
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


class MoveError(Exception):
    """The data could not be moved; the message says why."""


def begin(old: str, new: str) -> None:
    """Let ``new`` lead to ``old``, and note that it is to be more than that. Raises OSError."""
    forget()
    data_root.note(old, new)
    place = Path(new)
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(os.path.realpath(old))


def forget_other(config: Config) -> None:
    """Take away what ``begin`` has made of another root than that of ``config``, which is declared no more."""
    record = data_root.record()
    if record is not None and data_root.is_link(record) and record["new"] != data_root.root_of(config):
        forget()


def forget() -> None:
    """Take away what ``begin`` has made, where the data are still where they were."""
    record = data_root.record()
    if record is None:
        return
    if data_root.is_link(record):
        Path(record["new"]).unlink()
    _remove(_part(record["new"]))
    state.write(data_root.RECORD, None)


def copy(record: data_root.Record) -> None:
    """Put a copy of the old root in the place of the link. The daemon is stopped. Raises MoveError or OSError."""
    old, new = Path(os.path.realpath(record["old"])), Path(record["new"])
    part = _part(record["new"])
    _remove(part)
    mounted = data_root.mounts_below(old)
    if mounted:
        raise MoveError(f"{mounted[0]} is a file system of its own, and would be left behind: unmount it first")
    done = commands.run("cp", "--archive", "--one-file-system", f"{old}/.", str(part), timeout=_TIME)
    if done.returncode != 0:
        raise MoveError(f"copying {old} to {part} failed: {commands.complaint(done).splitlines()[0]}")
    compare(old, part)
    os.sync()
    _exchange(part, new)
    part.unlink()
    os.sync()


def give_up() -> None:
    """Remove the copy, or the link, after the daemon is back on the old root. Raises OSError."""
    record = data_root.record()
    if record is not None and not data_root.is_link(record):
        _remove(Path(record["new"]))
    forget()


def compare(one: Path, other: Path) -> None:
    """Compare two directories: names, kinds, owners, modes, times, sizes, links and extended attributes.

    Raises MoveError, which names the first that differs.
    """
    for name in _names(one, other):
        first, second = _described(one / name), _described(other / name)
        if first != second:
            different = [what for what in {**first, **second} if first.get(what) != second.get(what)]
            raise MoveError(f"the copy of {one / name} differs ({', '.join(different)})")


def _names(one: Path, other: Path) -> Iterator[str]:
    """The paths of all in ``one``, relative to it. Raises MoveError where ``other`` has others."""
    yield "."
    for directory, _directories, _files in os.walk(one, onerror=_raise):
        relative = os.path.relpath(directory, one)
        listed, copied = (sorted(path.name for path in (base / relative).iterdir()) for base in (one, other))
        if listed != copied:
            raise MoveError(f"the copy of {directory} has {len(copied)} entries instead of {len(listed)}")
        yield from (str(Path(relative, name)) for name in listed)


def _raise(error: OSError) -> None:
    raise error


def _described(path: Path) -> dict[str, object]:
    """What a copy must have of a file. Directories have sizes of their file system's, sockets times of their own."""
    seen = path.lstat()
    is_file, is_link = stat.S_ISREG(seen.st_mode), stat.S_ISLNK(seen.st_mode)
    return {
        "mode": seen.st_mode,
        "owner": seen.st_uid,
        "group": seen.st_gid,
        "device": seen.st_rdev,
        "size": seen.st_size if is_file else None,
        "time": seen.st_mtime_ns if is_file else None,
        "hard links": seen.st_nlink if is_file else None,
        "link": str(path.readlink()) if is_link else None,
        "attributes": {
            name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
        },
    }


def _exchange(one: Path, other: Path) -> None:
    """Let two names of one file system lead to each other's files in one step. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    words = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if libc.renameat2(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot exchange it with {other}: {os.strerror(number)}", str(one))


def _part(new: str) -> Path:
    """Where the copy lies until it is whole."""
    return Path(f"{new.rstrip('/')}.mooring-part")


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
