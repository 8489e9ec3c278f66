# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces of processes.

The namespace of a thread is its own (setns(2)), so a thread that is made for this and ends with it enters one after the
other; the process itself stays where it is. A socket stays in the namespace in which it was made.
"""

from __future__ import annotations

import ctypes
import os

# setns(2), sched.h
_CLONE_NEWNET = 0x40000000


def enter_network(pid: int) -> None:
    """Move this thread to the network namespace of a process. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12.
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(namespace, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter its network namespace: {os.strerror(number)}")
    finally:
        os.close(namespace)
