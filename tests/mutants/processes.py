"""Commands that end with this program, whatever ends it but SIGKILL."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LIMIT = 1800.0
"""Seconds that one command may take. A fault can let a test wait for ever."""

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()
_is_ending = False


@dataclass(frozen=True)
class Done:
    """``status`` is None where the command took too long. ``output`` is all that it printed."""

    status: int | None
    output: str


def run(words: Sequence[str], directory: Path, variables: Mapping[str, str]) -> Done:
    """Run a command in a process group of its own."""
    with _lock:
        if _is_ending:
            raise KeyboardInterrupt
        process = subprocess.Popen(
            words,
            cwd=directory,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        _running.add(process)
    try:
        output, _none = process.communicate(timeout=_LIMIT)
        return Done(process.returncode, output)
    except subprocess.TimeoutExpired:
        return Done(None, "")
    finally:
        _end(process)
        with _lock:
            _running.discard(process)


def end_all() -> None:
    """End whatever still runs, and start nothing any more."""
    global _is_ending
    with _lock:
        _is_ending = True
        left = list(_running)
    for process in left:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End the command with all that it has started and left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
