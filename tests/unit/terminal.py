"""A terminal for a command's standard error."""

from __future__ import annotations

import os
import pty
import subprocess


def run(words: list[str], environment: dict[str, str]) -> tuple[str, bytes]:
    """Run a command; what it wrote to its standard output, and what it showed on the terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        stdout = process.communicate()[0]
    os.close(ours)
    return stdout, shown


def _read(terminal: int) -> bytes:
    """What is on the terminal; nothing once nobody writes to it any more, which Linux reports as an error."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""
