# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages: which are installed and installable, and the installation of those that are missing.

Everything goes through apt-cache, apt-get and dpkg, so a host needs no python3-apt. What an interrupted dpkg has left
is finished first; a dpkg that runs is waited for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from . import observed

LISTS = (Path("/var/lib/apt/lists"), Path("/var/lib/apt/periodic/update-success-stamp"))
"""Their times tell when the package lists were refreshed last."""

FRESH = 24 * 3600.0
"""Seconds for which package lists are trusted without a refresh."""

LOCK_TIMEOUT = 300
"""Seconds to wait for another apt or dpkg to finish."""

LEAST_VERSIONS = {"docker-compose": 2}
"""Optional packages and the major version from which they count: docker-compose 2 is the plugin "docker compose"."""

POLICY = Path("/usr/sbin/policy-rc.d")
"""What invoke-rc.d asks whether it may start a service (/usr/share/doc/init-system-helpers/README.policy-rc.d.gz)."""

KEPT_POLICY = POLICY.with_name("policy-rc.d.mooring-kept")
"""An operator's own, while ours is in its place."""

POLICY_LOCK = Path("/run/mooring-policy-rc.d.lock")
"""Held as long as apt-get runs; without it our policy forbids nothing."""

DPKG = Path("/var/lib/dpkg")

_FINISHED = ("installed", "not-installed", "config-files")
"""States of a package that nothing is left to be done for (dpkg(1)). Triggers are run with the next installation."""

_MARK = "# Written by mooring.docker.install_packages."

_LOCKED = re.compile(r"could not get lock|unable to lock|is another process using it", re.IGNORECASE)
_NOT_DOWNLOADED = re.compile(r"^E: (Failed to fetch|Unable to fetch)", re.MULTILINE)

# An operator's configuration files stay.
_KEEP = ("--force-confdef", "--force-confold")
_OPTIONS = (
    "--yes",
    "--no-install-recommends",
    f"--option=DPkg::Lock::Timeout={LOCK_TIMEOUT}",
    *(f"--option=Dpkg::Options::={option}" for option in _KEEP),
)


class AptError(Exception):
    """Packages could not be installed; the message has apt's own last lines."""


@dataclass(frozen=True)
class Selection:
    """What one call of apt-get installs, and the required packages that no source of the host has."""

    install: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def versions(names: list[str]) -> dict[str, observed.Package]:
    """Installed and installable version of each package; both None where apt knows nothing of one."""
    known: dict[str, observed.Package] = {name: {"installed": None, "candidate": None} for name in names}
    if not names:
        return known
    name = ""
    for line in _run("apt-cache", "policy", *names).stdout.splitlines():
        if line and not line.startswith(" "):
            name = line.rstrip(":")
        match = re.match(r"^\s+(Installed|Candidate): (\S+)", line)
        if match and name in known and match[2] != "(none)":
            if match[1] == "Installed":
                known[name]["installed"] = match[2]
            else:
                known[name]["candidate"] = match[2]
    return known


def unfinished(names: list[str]) -> dict[str, str]:
    """Those of the packages, or of all where none is named, that dpkg has begun and not ended, with their state.

    A run of dpkg that is under way is not told from one that was interrupted.
    """
    known = _run(
        "dpkg-query", "--show", "--showformat=${binary:Package} ${db:Status-Status} ${db:Status-Eflag}\\n", *names
    )
    found = {}
    for line in known.stdout.splitlines():
        name, state, flag = line.split()
        if (state not in _FINISHED and not state.startswith("triggers-")) or flag != "ok":
            found[name.partition(":")[0]] = state
    return found


def finish(required: list[str]) -> list[str]:
    """Finish what an interrupted dpkg has left, without starting a service or removing a package; the packages by name.

    A dpkg that runs is waited for. Raises AptError where one that is ``required`` cannot be finished; of others apt-get
    tells when it has something to install.
    """
    if not (unfinished([]) or _journal()):
        return []
    _await_dpkg()
    left = unfinished([])
    if not (left or _journal()):
        return []
    with services_held_back() as lock:
        done = _run("dpkg", *_KEEP, "--configure", "--pending", keep_open=lock)
        if unfinished([]):
            # What was not unpacked whole, or lacks a dependency.
            done = _run("apt-get", *_OPTIONS, "--no-remove", "--fix-broken", "install", keep_open=lock)
    still = unfinished([])
    stuck = [f"{name} ({still[name]})" for name in required if name in still]
    if stuck:
        raise AptError(f"the interrupted installation of {', '.join(stuck)} cannot be finished: {_last_lines(done)}")
    return sorted(set(left) - set(still))


def _journal() -> bool:
    """Whether dpkg has noted what its database does not have yet: apt does nothing before that is in it."""
    return any(path.name.isdigit() for path in (DPKG / "updates").glob("*"))


def _await_dpkg() -> None:
    """Wait until no other program works with dpkg's database. Raises AptError, which names the one that does."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        holder = _holder(DPKG / "lock-frontend") or _holder(DPKG / "lock")
        if holder is None:
            return
        _wait_for(holder, deadline)


def _wait_for(holder: str, deadline: float) -> None:
    """Wait a little for who installs packages. Raises AptError, which names it, after the deadline (monotonic)."""
    if time.monotonic() > deadline:
        raise AptError(
            f"{holder} has been at the packages of this host for more than {LOCK_TIMEOUT} seconds: see what it does, "
            "let it end, and run again"
        )
    time.sleep(2)


def _holder(path: Path) -> str | None:
    """The program, with its process, that holds a lock on a file (proc(5), /proc/locks); None where none does."""
    try:
        inode = str(path.stat().st_ino)
        locks = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for words in map(str.split, locks):
        # "1: POSIX ADVISORY WRITE 1234 08:01:5678 0 EOF"; "->" stands before who waits.
        if words[1] != "->" and words[5].rpartition(":")[2] == inode:
            try:
                program = Path(f"/proc/{words[4]}/comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:
                continue
            return f"{program} (process {words[4]})"
    return None


def select(required: list[str], optional: list[str], known: dict[str, observed.Package]) -> Selection:
    """What is missing. Optional packages come along with required ones and never cause an installation.

    An optional package that no source has, or only in a version before ``LEAST_VERSIONS``, is left out.
    """
    missing = [name for name in dict.fromkeys(required) if known[name]["installed"] is None]
    if not missing:
        return Selection()
    extras = [
        name
        for name in dict.fromkeys(optional)
        if name not in missing and known[name]["installed"] is None and is_recent(name, known[name]["candidate"])
    ]
    return Selection(missing + extras, [name for name in missing if known[name]["candidate"] is None])


def is_recent(name: str, candidate: str | None) -> bool:
    """Whether there is a candidate of the least version that counts. A version may begin with an epoch, "5:"."""
    match = re.match(r"(?:\d+:)?(\d+)", candidate or "")
    return match is not None and int(match[1]) >= LEAST_VERSIONS.get(name, 0)


def install(required: list[str], optional: list[str], check_mode: bool = False) -> list[str]:
    """Install what is missing without starting a service; returns the packages by name. Raises AptError.

    What an interrupted dpkg has left must be finished. The package lists are refreshed where they are older than
    ``FRESH``, where they lack a required package, and where they name a version that cannot be downloaded any more.
    With ``check_mode`` nothing is refreshed or installed, and the packages are those that the lists of now would give.
    """
    names = [*required, *optional]
    selection = select(required, optional, versions(names))
    if not selection.install or check_mode:
        return selection.install
    complaints = ""
    is_fresh = lists_age() < FRESH and not selection.unknown
    if not is_fresh:
        complaints = _refresh()
        selection = select(required, optional, versions(names))
    done = _install(selection, complaints)
    if done.returncode != 0 and is_fresh and _NOT_DOWNLOADED.search(done.stdout + done.stderr):
        complaints = _refresh()
        selection = select(required, optional, versions(names))
        done = _install(selection, complaints)
    if done.returncode != 0:
        raise AptError(f"apt-get could not install {', '.join(selection.install)}: {_last_lines(done)}")
    return selection.install


def lists_age() -> float:
    """Seconds since the package lists were refreshed; infinite where there are none."""
    times = [path.stat().st_mtime for path in LISTS if path.exists()]
    if not times or not any(LISTS[0].glob("*Packages*")):
        return float("inf")
    return time.time() - max(times)


def _install(selection: Selection, complaints: str) -> subprocess.CompletedProcess[str]:
    if selection.unknown:
        said = f": {complaints}" if complaints else ""
        raise AptError(f"no package source of this host has {', '.join(selection.unknown)}{said}")
    with services_held_back() as lock:
        return _run("apt-get", *_OPTIONS, "install", *selection.install, keep_open=lock)


def _refresh() -> str:
    """Refresh the package lists; returns what apt-get complains about, though it may go on without it."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        done = _run("apt-get", "update")
        # DPkg::Lock::Timeout does not cover the lock of the lists.
        if done.returncode == 0 or not _LOCKED.search(done.stderr) or time.monotonic() > deadline:
            break
        time.sleep(2)
    return _last_lines(done) if re.search(r"^[EW]:", done.stderr, re.MULTILINE) else ""


@contextlib.contextmanager
def services_held_back() -> Iterator[int]:
    """Keep packages from starting services (policy-rc.d, status 101); gives the descriptor of a lock.

    The processes that are to be held back inherit the descriptor. When the last of them has ended, however that was,
    our policy allows everything, or what the operator's own allows; so a run that is killed leaves nothing that
    matters, and the next one takes it away.
    """
    descriptor = os.open(POLICY_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor)
        try:
            _restore_policy()
            if POLICY.exists() or POLICY.is_symlink():
                POLICY.rename(KEPT_POLICY)
            _write_policy()
            yield descriptor
        finally:
            _restore_policy()
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Lock what is open of POLICY_LOCK: what a killed run has started may still go on. Raises AptError."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _wait_for(_holder(POLICY_LOCK) or "another run of Mooring", deadline)
        else:
            return


def _write_policy() -> None:
    lock, kept = shlex.quote(str(POLICY_LOCK)), shlex.quote(str(KEPT_POLICY))
    partial = POLICY.with_name(f".{POLICY.name}.mooring")
    partial.write_text(
        f"""\
#!/bin/sh
{_MARK}
# Packages start no service while that module installs them.
flock --nonblock {lock} true || exit 101
[ ! -x {kept} ] || exec {kept} "$@"
exit 0
""",
        encoding="utf-8",
    )
    partial.chmod(0o755)
    partial.replace(POLICY)


def _restore_policy() -> None:
    """Put the operator's policy back, or none, where ours is there. Also after a run that was killed."""
    try:
        is_ours = _MARK in POLICY.read_text(encoding="utf-8", errors="replace")
    except OSError:
        is_ours = not POLICY.is_symlink()
    if not is_ours:
        return
    if KEPT_POLICY.exists() or KEPT_POLICY.is_symlink():
        KEPT_POLICY.replace(POLICY)
    else:
        with contextlib.suppress(FileNotFoundError):
            POLICY.unlink()


def _last_lines(done: subprocess.CompletedProcess[str]) -> str:
    """apt's own reason: its errors, else the last that it said."""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ") or line.startswith("dpkg: error")]
    return "; ".join((errors or lines)[-5:]) or f"it ended with status {done.returncode}"


def _run(*words: str, keep_open: int | None = None) -> subprocess.CompletedProcess[str]:
    """apt-get or apt-cache, in English and without a question. Its children inherit the descriptor ``keep_open``."""
    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "DEBIAN_FRONTEND": "noninteractive"}
    environment.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    inherited: list[int] = [] if keep_open is None else [keep_open]
    try:
        return subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=inherited,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, "", f"{words[0]}: not found")
