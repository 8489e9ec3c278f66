# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH connection by which this very module reached the host."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Session:
    """One SSH connection: the ``client``'s address, and when it ``began``, in seconds since the host's boot."""

    client: str
    began: float


def current() -> Session | None:
    """The connection of this process, or None where it was not reached by SSH.

    sudo drops SSH_CONNECTION, so parents are asked too. The first one above the variable is the server's process for
    this connection, however many sessions share it.
    """
    pid, client = os.getpid(), ""
    while pid > 1:
        # The program's name, in brackets, may have spaces; proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        here = _variable(pid, "SSH_CONNECTION")
        if here:
            client = here.split()[0]
        elif client:
            return Session(client, int(fields[19]) / os.sysconf("SC_CLK_TCK"))
        pid = int(fields[1])
    return None


def _variable(pid: int, name: str) -> str:
    """An environment variable of a process, or nothing where that process is somebody else's."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    return next((text.partition("=")[2] for text in variables if text.startswith(f"{name}=")), "")
