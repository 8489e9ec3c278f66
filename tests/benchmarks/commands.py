"""A command run once, and what it cost the machine that runs it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("ssh", "sftp", "scp")
"""What Ansible reaches hosts by."""
# `ssh -o ControlPersist`, by which Ansible asks what its ssh can do, reaches nobody.
_COUNTING = """\
#!/bin/sh
[ $# -le 2 ] || echo >> "$BENCH_TRIPS"
exec {program} "$@"
"""
_PAUSE = 0.25
"""Seconds between two looks at the memory."""


class BenchmarkError(Exception):
    """Why there are no figures; its text is for the person who started the benchmark."""


@dataclass(frozen=True)
class Sample:
    """What a command cost once."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """Seconds of the processors, user and system, of the command and all that it started and waited for. SSH's shared
    connections outlive it and are not in it."""
    trips: int
    """How often it ran one of PROGRAMS."""


class Runner:
    """Runs commands, with programs in ``directory`` that count the trips to hosts, and keeps their output there."""

    def __init__(self, directory: Path, environment: Mapping[str, str], limit: float) -> None:
        """``limit`` is how many seconds a command may take."""
        self._trips = directory / "trips"
        self._log = directory / "output"
        self._limit = limit
        self.programs = {program: directory / f"counting-{program}" for program in PROGRAMS}
        for program, file in self.programs.items():
            file.write_text(_COUNTING.format(program=f"/usr/bin/{program}"), encoding="utf-8")
            file.chmod(0o755)
        counted = {f"ANSIBLE_{program.upper()}_EXECUTABLE": str(file) for program, file in self.programs.items()}
        self._environment = {**environment, **counted, "BENCH_TRIPS": str(self._trips)}

    def run(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> Sample:
        """Run the command to its end. Raises BenchmarkError where it fails or takes too long."""
        return self._run(words, environment or {}, None)

    def peak_memory(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Run the command, and return the most bytes that its processes had at a time.

        Pages that processes share are counted once (PSS, proc_pid_smaps(5)). To look at them takes time, so that this
        run is not to be timed.
        """
        sampler = _Sampler()
        self._run(words, environment or {}, sampler)
        return sampler.peak

    def _run(self, words: Sequence[str], environment: Mapping[str, str], sampler: _Sampler | None) -> Sample:
        self._trips.write_text("", encoding="utf-8")
        # What was written before is not to be paid by this command.
        os.sync()
        with self._log.open("w", encoding="utf-8") as log:
            began = time.monotonic()
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environment, **environment},
                start_new_session=True,
            )
            timer = threading.Timer(self._limit, _end, (process.pid,))
            timer.start()
            try:
                with sampler.watching(process.pid) if sampler else contextlib.nullcontext():
                    _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                _end(process.pid)
                raise
            finally:
                timer.cancel()
            wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            why = f"took more than {self._limit:g} s" if wall >= self._limit else f"ended with {process.returncode}"
            output = self._log.read_text(encoding="utf-8", errors="replace")
            raise BenchmarkError(f"`{' '.join(words)}` {why}:\n{output[-3000:]}")
        return Sample(wall, usage.ru_utime + usage.ru_stime, self._trips.stat().st_size)


class _Sampler:
    """Looks at the memory of a process and its descendants while it runs."""

    def __init__(self) -> None:
        self.peak = 0
        self._over = threading.Event()

    @contextlib.contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Look until the end of the context."""
        thread = threading.Thread(target=self._watch, args=(pid,))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _watch(self, pid: int) -> None:
        while not self._over.wait(_PAUSE):
            self.peak = max(self.peak, sum(map(_memory, _tree(pid))))


def _tree(root: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # proc_pid_stat(5): the parent is the second field after the name, which is in parentheses.
                parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    processes = [root]
    for pid in processes:
        processes += children.get(pid, [])
    return processes


def _memory(pid: int) -> int:
    """Bytes of a process, of shared pages its share; 0 once it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _end(pid: int) -> None:
    """End a command and what it started: its session, and the sessions that Ansible's workers have of their own."""
    for process in _tree(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
