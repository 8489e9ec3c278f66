# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's files on a host, and Mooring's own state beside them.

``/var/lib/mooring`` (root only, for proxies may carry passwords) keeps what the running daemon has read, the
last state that was seen good, what an operator had written before, and that daemon.json is composed by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, TypedDict

from . import proxy_environment
from .fragments import ConfigError, parse, render
from .options import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

DAEMON_JSON = Path("/etc/docker/daemon.json")
FRAGMENTS = Path("/etc/docker/daemon.d")
PROXIES = Path("/etc/docker/proxies.env")
"""The daemon's proxies, for an engine whose daemon.json has none."""
SERVICE_DROP_IN = Path("/etc/systemd/system/docker.service.d/50-mooring.conf")
SOCKET_DROP_IN = Path("/etc/systemd/system/docker.socket.d/50-mooring.conf")
FILTER_DROP_INS = SERVICE_DROP_IN.parent / "60-mooring-*.conf"
"""By which docker.service starts with packet filters in force, one for each. dockerd reads nothing of them."""
STATE = Path("/var/lib/mooring")
APPLIED = STATE / "applied.json"
GOOD = STATE / "good.json"
COMPOSED = STATE / "composed.json"
INSTALLING = STATE / "installing.json"
"""There from before Mooring installs packages until it has."""
BACKUPS = STATE / "backups"
LOCK = Path("/run/mooring-docker.lock")

Snapshot = dict[str, Optional[str]]
"""The texts of files by path; None for a file that is absent. The content of ``good.json``."""


class Inputs(TypedDict):
    """All that a daemon reads when it starts, so that two moments can be compared."""

    config: Config
    command: list[list[str]]
    """The words of each ExecStart line of docker.service, variables replaced."""
    socket: str
    """Mooring's drop-in of docker.socket; empty where there is none."""
    tls: dict[str, str | None]
    """SHA-256 of the TLS files by option; None for one that cannot be read."""


class Instance(TypedDict):
    """What tells one life of the daemon from another (proc(5))."""

    pid: int
    ticks: int
    """The start of the process in clock ticks since boot."""
    boot: str
    """The kernel's identifier of the boot."""


class Applied(TypedDict):
    """The content of ``applied.json``: what one life of the daemon has read."""

    instance: Instance
    inputs: Inputs


@contextlib.contextmanager
def locked(timeout: float = 180.0) -> Iterator[None]:
    """Keep other runs away from this host's engine meanwhile, and what has begun from being cut.

    A lost connection or controller ends in SIGHUP, SIGTERM or SIGPIPE here; the transaction goes on to its end. Raises
    TimeoutError when another run holds the lock longer than ``timeout`` seconds.
    """
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"another run holds {LOCK} for more than {timeout:.0f} s; try again later"
                    ) from None
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)


def read(path: Path) -> str | None:
    """The text of a file, or None where there is none. Raises ConfigError for what is no file, or no text."""
    # Another end of a pipe might never come.
    if path.is_dir() or path.is_fifo():
        raise ConfigError(f"{path} is no file; move it away, nothing was changed")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text; mend it or move it away, nothing was changed") from error


def write(path: Path, text: str | None, mode: int = 0o644) -> None:
    """Make ``path`` hold ``text``, or be absent for None; at any moment it holds the old or the new whole."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return
    staged = _stage(path, text, mode)
    try:
        staged.replace(path)
    except BaseException:
        staged.unlink()
        raise


def _stage(path: Path, text: str, mode: int) -> Path:
    """A file beside ``path`` that can take its place. Raises OSError, which names ``path``, and leaves none then."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=str(path.parent))
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    return Path(name)


def mode_of(path: Path) -> int:
    """The mode of a file that Mooring writes: what may carry a proxy's password is root's alone."""
    return 0o600 if path in (DAEMON_JSON, PROXIES) or path.parent == FRAGMENTS else 0o644


def write_state(path: Path, data: Any) -> None:
    """Write ``data`` as JSON into Mooring's own state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    STATE.chmod(0o700)
    write(path, json.dumps(data, indent=1, sort_keys=True) + "\n", 0o600)


def read_state(path: Path) -> Any:
    """What ``write_state`` wrote, or None where there is no file, or only a part of one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def fragments() -> dict[str, Config]:
    """All fragments, name (without .json) to content. Raises ConfigError for a broken one."""
    found = {}
    for path in sorted(FRAGMENTS.glob("*.json")):
        found[path.stem] = parse(read(path) or "", str(path))
    return found


def daemon_json() -> Config | None:
    """The effective configuration, or None. Raises ConfigError where it is broken.

    Proxies that are in the daemon's environment are part of it.
    """
    return _configuration(read(DAEMON_JSON), read(PROXIES))


def recorded_config(recorded: Snapshot) -> Config:
    """The effective configuration that ``snapshot`` saw. Raises ConfigError where it is broken."""
    return _configuration(recorded.get(str(DAEMON_JSON)), recorded.get(str(PROXIES))) or {}


def _configuration(text: str | None, environment: str | None) -> Config | None:
    config = None if text is None else parse(text, str(DAEMON_JSON))
    if environment is None:
        return config
    return proxy_environment.completed(config or {}, environment) or config


def write_daemon_json(config: Config) -> None:
    """Have daemon.json say ``config``, but for what the daemon's environment says already."""
    text = render(proxy_environment.without(config, read(PROXIES)))
    write(DAEMON_JSON, text, mode_of(DAEMON_JSON))


def file_digest(path: str) -> str | None:
    """SHA-256 of a file's content, or None where it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def backup(path: Path) -> Path | None:
    """Keep a dated copy of ``path`` before it is replaced; returns where."""
    if not path.exists():
        return None
    BACKUPS.mkdir(parents=True, exist_ok=True)
    STATE.chmod(0o700)
    kept = BACKUPS / f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}"
    number = 1
    while kept.exists():
        kept = kept.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}.{number}")
        number += 1
    shutil.copy2(path, kept)
    return kept


def snapshot() -> Snapshot:
    """The texts of all files that Mooring writes for the engine, path to text (None: absent)."""
    paths = [DAEMON_JSON, SERVICE_DROP_IN, SOCKET_DROP_IN, *sorted(FRAGMENTS.glob("*.json"))]
    # Few hosts have it, and states that were recorded before there was one stay as they are.
    paths += [PROXIES] if PROXIES.exists() else []
    return {str(path): read(path) for path in paths}


def snapshot_files(good: Snapshot) -> dict[Path, str | None]:
    """The files as ``snapshot`` saw them; a fragment it did not see is absent.

    Where it saw none at all, daemon.json was an operator's, and is to be adopted again.
    """
    files: dict[Path, str | None] = dict.fromkeys([*FRAGMENTS.glob("*.json"), PROXIES])
    files.update({Path(name): text for name, text in good.items()})
    if not any(path.parent == FRAGMENTS and text is not None for path, text in files.items()):
        files[COMPOSED] = None
    return files


def restore(good: Snapshot) -> None:
    """Put the files back as ``snapshot`` saw them: all of them, or none where there is no room for one."""
    files = snapshot_files(good)
    staged: dict[Path, Path] = {}
    try:
        for path, text in files.items():
            if text is not None:
                staged[path] = _stage(path, text, mode_of(path))
        for path in files:
            if path in staged:
                staged.pop(path).replace(path)
            else:
                write(path, None)
    finally:
        for temporary in staged.values():
            temporary.unlink()
