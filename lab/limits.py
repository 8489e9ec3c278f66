"""What many hosts need more of than a machine grants by default: all of them share one kernel."""

from __future__ import annotations

from pathlib import Path

from lab import locks
from lab.identity import STATE
from lab.shell import write

# A host takes about 8 of root's instances (systemd, containerd, getty); the kernel's default of 128 ends at 16 hosts,
# and then PID 1 of the next does not start ("Failed to create control group inotify object").
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_NEEDED = 1024
_WERE = STATE / "inotify-instances-were"
_LOCK = STATE / "inotify.lock"


def ensure() -> None:
    """Grant enough for a hundred hosts."""
    with locks.held(_LOCK):
        granted = _INSTANCES.read_text().strip()
        if int(granted) < _NEEDED:
            write(_WERE, granted)
            _INSTANCES.write_text(str(_NEEDED))


def restore() -> None:
    """Grant what was granted before, if no lab is left."""
    with locks.held(_LOCK):
        if not any(entry.is_dir() for entry in STATE.iterdir()):
            if _WERE.exists():
                _INSTANCES.write_text(_WERE.read_text())
                _WERE.unlink()
            _LOCK.unlink()
