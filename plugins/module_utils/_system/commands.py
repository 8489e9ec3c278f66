# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs on the host, and ask systemd about units."""

from __future__ import annotations

import os
import subprocess

from .asking import once


def run(*words: str, timeout: float = 30.0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with a deadline and the C locale; never raises for its exit status.

    A command that is missing or misses its deadline is reported as exit status 127 or 124. One with input is run each
    time, also within ``asking_once``.
    """
    if stdin is not None:
        return _run(words, timeout, stdin)
    return once(words, lambda: _run(words, timeout, stdin))


def _run(words: tuple[str, ...], timeout: float, stdin: str | None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        return subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            text=True,
            # What others have written into a file that is shown need not be UTF-8.
            errors="replace",
            timeout=timeout,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, "", f"{words[0]}: not found")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"{' '.join(words)}: no end after {timeout:.0f} s")


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Why a command that ``run`` ran has failed, in words that are never empty."""
    words = done.stderr.strip() or done.stdout.strip()
    return words or f"{' '.join(done.args)}: exit status {done.returncode}, without a word"


def unit_properties(unit: str) -> dict[str, str]:
    """What systemd knows of ``unit``, from ``systemctl show``."""
    names = (
        "LoadState,ActiveState,SubState,UnitFileState,MainPID,FragmentPath,DropInPaths,EnvironmentFiles,"
        "NeedDaemonReload,Result"
    )
    output = run("systemctl", "show", unit, "-p", names).stdout
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
