"""Running other programs, and writing files so that nobody ever reads half of one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

from lab.errors import LabError


def run(*argv: str | Path, stdin: str | None = None, timeout: float | None = None) -> str:
    """Run a program to its end and return what it printed; its own last words become the error.

    The program dies with us (PDEATHSIG): after a killed run nothing keeps writing into a tree that the
    next run is about to clear.
    """
    command = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{error.filename} is missing: run `lab/system-packages lab`") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(map(str, argv))}` did not end within {timeout:g} s") from None
    if done.returncode:
        words = "\n".join(tail(done.stderr or done.stdout, 12)) or f"exit code {done.returncode}"
        raise LabError(f"`{argv[0]}` failed: {words}")
    return done.stdout


def succeeds(*argv: str | Path, timeout: float | None = None) -> bool:
    """Whether a program ends well, for questions and for clean-up of what may be gone already."""
    try:
        run(*argv, timeout=timeout)
    except LabError:
        return False
    return True


def tail(text: str, lines: int) -> list[str]:
    """The last non-empty lines of a program's output or of a console."""
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Put a file in place by rename: a reader sees the old or the new one, and a link is never followed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
    temporary.replace(path)


def remove_tree(path: Path) -> None:
    """Delete a directory tree, but never what another file system has mounted into it."""
    if path.exists():
        run("rm", "-rf", "--one-file-system", "--", path)
