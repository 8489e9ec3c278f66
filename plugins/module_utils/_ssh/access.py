# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches the daemon over SSH: what brings a host to its declaration, decided from its state and carried out.

sshd reads keys and settings when a connection begins. So whoever loses a key, or came in before all of it was as
declared, is out when the account's processes have ended. Those whose keys stay connect again.

``sshd.PENDING`` is written before anything changes and removed when all is done: a run that was killed in between is
finished by the next.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import pwd
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from .._config import state
from .._system import commands, files, observed, processes
from . import keys as ssh_keys
from . import sshd, sshd_config

_SHELL = "/bin/sh"
"""sshd runs the one command by the account's shell, which must be one that runs commands."""

_STARTERS = ("/var/spool/cron/crontabs/{}", "/var/spool/cron/{}", "/var/lib/systemd/linger/{}")
"""What starts processes of a user without a session: cron's tables, of Debian and of others, and systemd's manager."""

_SPOOLS = ("/var/spool/cron/atjobs", "/var/spool/at")
"""Directories of at(1), whose jobs are their users' files."""

_GRACE = 2.0
"""Seconds in which connections that have begun may come to say whose they are."""


class AccessError(Exception):
    """The host could not be brought to its declaration; the message is for the operator."""


@dataclass(frozen=True)
class Access:
    """What is declared: ``clients``, name to public key, who come in by the account ``user`` of the ``group`` of the
    daemon's ``socket``. Without clients nothing of it is to be there.
    """

    clients: dict[str, str]
    user: str
    group: str
    socket: str

    @property
    def account(self) -> observed.SshAccount:
        """The account as ``sshd.observe`` sees it where it is right."""
        return {"groups": [self.group], "shell": _SHELL, "password": False, "expires": False}

    @property
    def keys(self) -> str:
        """The file of keys."""
        text: str = ssh_keys.authorized_keys(self.clients, self.socket)
        return text

    def drop_in(self, seen: observed.Ssh) -> str | None:
        """sshd's drop-in on a host as ``seen``, None for none."""
        return sshd.drop_in(self.user, self.socket, seen["settings"]) if self.clients else None


def steps(declared: Access, seen: observed.Ssh) -> list[str]:
    """What is to be done on a host as ``sshd.observe`` saw it, in this order; nothing where all is as declared.

    ``sshd``: write or remove the drop-in. ``load``: let sshd read it. ``account`` and ``home``: make them. ``keys``:
    write them. ``remove``: accounts and a home that are not wanted. ``finish``: what a killed run has left.
    """
    wanted = bool(declared.clients)
    text = declared.drop_in(seen)
    other = [name for name in seen["accounts"] if not (wanted and name == declared.user)]
    due = {
        "sshd": seen["drop_in"] != text,
        "load": seen["drop_in"] != text or (wanted and seen["loaded"] is False),
        "account": wanted and seen["accounts"].get(declared.user) != declared.account,
        "home": wanted and not seen["guarded"],
        "keys": wanted and seen["authorized_keys"] != hashlib.sha256(declared.keys.encode()).hexdigest(),
        "remove": bool(other) or (not wanted and seen["has_home"]),
        "finish": seen["pending"],
    }
    return [step for step, is_due in due.items() if is_due]


def due(seen: observed.Ssh, clients: dict[str, str], user: str, group: str, socket: str) -> bool:
    """Whether the host, as ``host_info`` saw it, is not as declared."""
    return bool(steps(Access(clients, user, group, socket), seen))


def problems(seen: observed.Ssh, declared: Access) -> list[str]:
    """Why the host cannot be as declared."""
    types = sorted({key.split()[0] for key in declared.clients.values()})
    found: list[str] = sshd.obstacles(seen, declared.user, declared.group, declared.socket, types)
    return found


def ensure(declared: Access, check_mode: bool) -> dict[str, Any]:
    """Bring the host to the declaration; returns what the module does. Raises AccessError and EndError."""
    seen = sshd.observe(declared.user, None, declared.socket if declared.clients else None)
    todo = steps(declared, seen)
    keys, wanted = files.text(sshd.KEYS), declared.keys if declared.clients else None
    ending = _ending(declared, todo, ssh_keys.grants(keys or "") - ssh_keys.grants(wanted or ""))
    if declared.clients:
        _refuse(declared, seen, check_mode)
    ended = 0
    if todo and not check_mode:
        ended = _grant(declared, seen, todo, ending) if declared.clients else _revoke(todo, ending)
        state.write(sshd.PENDING, None)
    return {
        "changed": bool(todo),
        "steps": todo,
        "ending": sorted(ending),
        "ended": ended,
        "diff": [
            _difference(sshd_config.DROP_IN, seen["drop_in"], declared.drop_in(seen)),
            _difference(sshd.KEYS, keys, wanted),
        ],
    }


def _ending(declared: Access, todo: list[str], lost: set[str]) -> dict[str, int]:
    """The accounts whose sessions are to end, name to user id.

    Those of an account that stays end where it has ``lost`` keys, and where they may have begun when it could do more
    than is declared.
    """
    found: dict[str, int] = state.read_state(sshd.PENDING) or {}
    for entry in sshd.accounts():
        stays = declared.clients and entry.pw_name == declared.user
        if not stays or lost or {"load", "account", "home"}.intersection(todo):
            found[entry.pw_name] = entry.pw_uid
    return found


def _refuse(declared: Access, seen: observed.Ssh, check_mode: bool) -> None:
    """Raise AccessError where it cannot be as declared. In a dry run the group may be to come."""
    found = problems(seen, declared)
    if declared.user not in seen["accounts"] and _exists(pwd.getpwnam, declared.user):
        found.append(f"there is an account {declared.user} that Mooring has not made: name another")
    if not check_mode and not _exists(grp.getgrnam, declared.group):
        found.append(f"there is no group {declared.group}: install the engine, or make it")
    if found:
        raise AccessError("; ".join(found))


def _exists(look_up: Callable[[str], Any], name: str) -> bool:
    try:
        look_up(name)
    except KeyError:
        return False
    return True


def _grant(declared: Access, seen: observed.Ssh, todo: list[str], ending: dict[str, int]) -> int:
    """Let the clients in, and end what is not theirs any more; returns how many processes that were."""
    if "sshd" in todo:
        _install(declared, seen)
    state.write_state(sshd.PENDING, ending)
    # As long as sshd has not read the new drop-in, the one before it keeps an account that goes to its command.
    ended = _remove([entry for entry in sshd.accounts() if entry.pw_name != declared.user])
    if {"load", "finish"}.intersection(todo):
        _load(seen["settings"])
    if "account" in todo:
        _make_account(declared)
    if {"home", "keys"}.intersection(todo):
        _make_home(declared.keys)
    ended += sum(_end(name, uid) for name, uid in ending.items())
    # Some settings are for a group's members ("Match Group"), and show when the account is there.
    found = problems(sshd.observe(declared.user, None, declared.socket), declared)
    if found:
        raise AccessError(f"sshd would keep {declared.user} out: {'; '.join(found)}")
    return ended


def _revoke(todo: list[str], ending: dict[str, int]) -> int:
    """Let nobody in any more; returns how many processes were ended."""
    state.write_state(sshd.PENDING, ending)
    _clear(sshd.HOME)
    ended = _remove(sshd.accounts()) + sum(_end(name, uid) for name, uid in ending.items())
    state.write(sshd_config.DROP_IN, None)
    if sshd.listeners() and {"load", "finish"}.intersection(todo):
        settings, error = sshd.settings("root", None)
        if error:
            raise AccessError(f"the clients are out. sshd was not told to forget {sshd_config.DROP_IN}: {error}")
        _load(settings)
    return ended


def _install(declared: Access, seen: observed.Ssh) -> None:
    """Write the drop-in, and put back what was there where sshd does not do as it says."""
    state.write(sshd_config.DROP_IN, declared.drop_in(seen))
    found = problems(sshd.observe(declared.user, None, declared.socket), declared)
    if found:
        state.write(sshd_config.DROP_IN, seen["drop_in"])
        raise AccessError(f"{sshd_config.DROP_IN} is as it was before: {'; '.join(found)}")


def _load(settings: dict[str, list[str]]) -> None:
    """Let every sshd that listens read its configuration again, and wait until it has.

    Connections that began before that go by the settings of then. They may end by themselves, or come to say whose they
    are; after a moment those that have not are ended.
    """
    listening = sshd.listeners()
    before, told = sshd.started(settings, listening), {process.pid for process in listening}
    for pid in told:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGHUP)

    def has_loaded() -> bool:
        listening = sshd.listeners()
        now = sshd.started(settings, listening)
        return told <= {process.pid for process in listening} and (before is None or now not in (None, before))

    if before is None:
        # No file tells when.
        time.sleep(1)
    if not _comes_true(has_loaded, 10):
        raise AccessError("sshd did not read its configuration again within 10 seconds: see `journalctl -u ssh`")
    # Not before: what began until then has the old settings.
    begun = {process.pid for process in processes.running() if sshd.is_nameless(process)}

    def is_left(process: processes.Process) -> bool:
        return process.pid in begun and sshd.is_nameless(process)

    _comes_true(lambda: not any(map(is_left, processes.running())), _GRACE)
    _end_processes(is_left)


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _make_account(declared: Access) -> None:
    """Make the account, or mend it: no password, one group, and no end."""
    words = ["--gid", declared.group, "--shell", _SHELL, "--password", "*"]
    if _exists(pwd.getpwnam, declared.user):
        _run("usermod", *words, "--groups", "", "--expiredate", "", declared.user)
    else:
        words += ["--system", "--no-create-home", "--home-dir", str(sshd.HOME), "--comment", "Docker over SSH"]
        _run("useradd", *words, declared.user)


def _make_home(keys: str) -> None:
    """Make the account's home with its keys and nothing else, which root alone may change."""
    for directory, only in ((sshd.HOME, sshd.KEYS.parent), (sshd.KEYS.parent, sshd.KEYS)):
        if directory.is_symlink() or not directory.is_dir():
            _clear(directory)
            directory.mkdir()
        os.chown(directory, 0, 0)
        directory.chmod(0o755)
        for path in directory.iterdir():
            if path != only:
                _clear(path)
    if sshd.KEYS.is_dir() and not sshd.KEYS.is_symlink():
        _clear(sshd.KEYS)
    state.write(sshd.KEYS, keys)


def _clear(path: Path) -> None:
    """Remove a file, a link, or a directory with all in it, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        state.write(path, None)


def _remove(entries: list[pwd.struct_passwd]) -> int:
    """Remove accounts, and let their user ids go without a process; returns how many processes were ended."""
    ended = 0
    for entry in entries:
        # Nobody comes in meanwhile.
        _run("usermod", "--expiredate", "1", entry.pw_name)
        ended += _end(entry.pw_name, entry.pw_uid)
        _run("userdel", entry.pw_name)
        ended += _end(entry.pw_name, entry.pw_uid)
    return ended


def _end(name: str, uid: int) -> int:
    """End all that runs as an account, and what would start more of it; returns how many processes that were.

    Also connections that are logging in as it. A user id that has become another's is left alone.
    """
    if files.owner_name(uid) not in (name, str(uid)):
        return 0
    for pattern in _STARTERS:
        state.write(Path(pattern.format(name)), None)
    for job in (job for spool in _SPOOLS for job in Path(spool).glob("*")):
        if job.lstat().st_uid == uid:
            _clear(job)
    return _end_processes(lambda process: uid in process.users or sshd.is_session(process, name))


def _end_processes(chosen: Callable[[processes.Process], bool]) -> int:
    """End processes; returns how many. sshd's own are asked.

    sshd takes a connection that is killed while it logs in for a crash, and shuts its address out for 90 seconds
    (PerSourcePenalties; misc.c: signal_is_crash).
    """
    ended: int = processes.end(chosen, sshd.is_sshd)
    return ended


def _run(*words: str) -> None:
    done = commands.run(*words)
    if done.returncode != 0:
        raise AccessError(f"{' '.join(words)}: {done.stderr.strip()}")


def _difference(path: Path, before: str | None, after: str | None) -> dict[str, str]:
    return {"before_header": str(path), "before": before or "", "after_header": str(path), "after": after or ""}
