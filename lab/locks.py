"""Locks that a killed process cannot leave behind, and that leave no file behind either."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def held(path: Path, *, shared: bool = False, announce: str = "") -> Iterator[None]:
    """Hold a lock on a path; print `announce` if somebody else has it.

    The holder may delete the file (`path.unlink()`): whoever waited for the deleted one notices and takes
    the lock on its successor.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # the directory went away between the two lines
        try:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if announce:
                    print(announce, flush=True)
                fcntl.flock(descriptor, kind)
            if _is(path, descriptor):
                yield
                return
        finally:
            os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
