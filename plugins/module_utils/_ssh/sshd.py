# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account by which clients reach the daemon over SSH, as the host has it, and what sshd would make of it.

The account is known by its home, which nobody else has and which root alone may write: no client can add a key. What
its keys are bound to, a drop-in says once more for every way in that sshd may know (``_sshd_config``).
"""

from __future__ import annotations

import contextlib
import getopt
import glob
import grp
import os
import pwd
import re
import tempfile
from pathlib import Path

from .._config import state
from .._system import commands, files, observed, processes
from . import keys as ssh_keys
from . import sshd_config

HOME = Path("/var/lib/mooring-ssh")
KEYS = HOME / ".ssh" / "authorized_keys"
PENDING = state.STATE / "ssh.json"
"""There while a run changes the SSH side: accounts whose sessions are to end, name to user id."""


def observe(user: str, client: str | None, socket: str | None = None) -> observed.Ssh:
    """Mooring's accounts, the keys that get in, its drop-in, sshd's settings for ``user`` from the address ``client``.

    With ``socket``, the daemon's, ``trial`` has the settings as they would be with the drop-in that keeps the account
    to it; None where that is there.
    """
    found, error = settings(user, client)
    listening = listeners()
    text = files.text(sshd_config.DROP_IN)
    trial: observed.SshTrial | None = None
    if socket and text != drop_in(user, socket, found):
        tried, why = _trial(drop_in(user, socket, found), user, client)
        trial = {"settings": tried, "error": why}
    return {
        "accounts": {entry.pw_name: _account(entry) for entry in accounts()},
        "authorized_keys": state.file_digest(str(KEYS)),
        "clients": clients(),
        "has_home": os.path.lexists(HOME),
        "guarded": is_guarded(),
        "drop_in": text,
        "loaded": _is_loaded(started(found, listening)),
        "pending": PENDING.exists(),
        "configuration": sshd_config.survey(files.text, _found),
        "listeners": [_title(process) for process in listening],
        "settings": found,
        "error": error,
        "trial": trial,
        "host_keys": _host_keys(found.get("hostkey", [])),
    }


def _found(pattern: str) -> list[str]:
    """The files that a pattern leads to, as glob(3) finds them, which sshd asks."""
    return sorted(glob.glob(pattern))  # noqa: PTH207


def clients() -> list[str] | None:
    """The clients whose keys get in; None where nobody knows, for the file cannot be read."""
    try:
        return ssh_keys.names(KEYS.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return []
    except OSError:
        return None


def accounts() -> list[pwd.struct_passwd]:
    """The accounts that Mooring has made."""
    return [entry for entry in pwd.getpwall() if entry.pw_dir == str(HOME)]


def values(socket: str, settings: dict[str, list[str]]) -> dict[str, str]:
    """What sshd must be set to for the account, where ``settings`` are what it says of itself."""
    found: dict[str, str] = sshd_config.settings(ssh_keys.command(socket), KEYS, list(settings))
    return found


def drop_in(user: str, socket: str, settings: dict[str, list[str]]) -> str:
    """The drop-in that sets them."""
    text: str = sshd_config.block(user, values(socket, settings))
    return text


def listeners() -> list[processes.Process]:
    """The sshd that wait for connections, without what they are just about to start for one."""
    found = {process.pid: process for process in processes.running() if "[listener]" in _title(process)}
    return [process for process in found.values() if process.parent not in found]


def is_nameless(process: processes.Process) -> bool:
    """Whether it is sshd's for a connection that has not said yet whose it is."""
    return _NAMELESS.match(_title(process)) is not None


def is_session(process: processes.Process, user: str) -> bool:
    """Whether it is sshd's own for a session of ``user``, or for a connection that logs in as that."""
    return re.match(rf"sshd(-session|-auth)?: {re.escape(user)}( \[|@|$)", _title(process)) is not None


def is_sshd(process: processes.Process) -> bool:
    """Whether it is one of sshd's that act as root, or as the user that parses what clients send.

    Nobody else can make such a process, and what its title says is sshd's word.
    """
    return processes.program(process) in ("sshd", "sshd-session", "sshd-auth") and (
        process.users == {0} or {files.owner_name(uid) for uid in process.users} == {"sshd"}
    )


_NAMELESS = re.compile(r"(?!sshd(-session|-auth)?: ).|sshd(-session|-auth)?: \[")
"""The title of a connection's process: its command line at the very first."""


def _title(process: processes.Process) -> str:
    """What one of sshd's processes says of itself; empty for others."""
    title: str = processes.title(process) if is_sshd(process) else ""
    return title


def _host_keys(paths: list[str]) -> list[str]:
    """The public halves of sshd's keys, of those types that clients are told; certificates and others are left out."""
    found = []
    for path in paths:
        with contextlib.suppress(ValueError):
            found.append(ssh_keys.whole_key((state.read(Path(f"{path}.pub")) or "").rstrip("\n")))
    return found


def _account(entry: pwd.struct_passwd) -> observed.SshAccount:
    shadow = (state.read(Path("/etc/shadow")) or "").splitlines()
    # shadow(5): the password is the second field, the day on which the account expires the eighth.
    fields = next((line.split(":") for line in shadow if line.startswith(f"{entry.pw_name}:")), [""] * 9)
    member_of = {group.gr_name for group in grp.getgrall() if entry.pw_name in group.gr_mem}
    return {
        "groups": sorted({grp.getgrgid(entry.pw_gid).gr_name} | member_of),
        "shell": entry.pw_shell,
        # No password is a hash of "*"; "!" in front would do as well, but sshd without PAM refuses keys too then.
        "password": fields[1] != "*",
        "expires": fields[7] != "",
    }


def is_guarded() -> bool:
    """Whether the account's home has the keys and nothing else, root alone may change them, and sshd may read them."""
    try:
        found = {path: path.lstat() for path in (HOME, KEYS.parent, KEYS)}
    except OSError:
        return False
    return [*HOME.iterdir(), *KEYS.parent.iterdir()] == [KEYS.parent, KEYS] and all(
        (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o644 if path == KEYS else 0o755)
        for path, status in found.items()
    )


def started(settings: dict[str, list[str]], listening: list[processes.Process]) -> int | None:
    """When, in nanoseconds since the epoch, the sshd that listens last read its configuration, or None.

    It writes its pid file at each start, and whenever it reads its configuration again.
    """
    path = Path(" ".join(settings.get("pidfile", ["none"])))
    pid = (files.text(path) or "").strip()
    with contextlib.suppress(OSError):
        if pid in {str(process.pid) for process in listening}:
            return path.stat().st_mtime_ns
    return None


def _is_loaded(moment: int | None) -> bool | None:
    """Whether the sshd that listens has read the drop-in; None where there is none, or where that cannot be told."""
    try:
        return None if moment is None else moment > sshd_config.DROP_IN.stat().st_ctime_ns
    except OSError:
        return None


def settings(user: str, client: str | None, main: Path = sshd_config.MAIN) -> tuple[dict[str, list[str]], str | None]:
    """sshd's settings by the file ``main``, name in small letters to words, and its error where it gives none."""
    client = client or "127.0.0.1"
    where = f"user={user},host={client},addr={client},laddr=127.0.0.1,lport=22,rdomain="
    done = commands.run("sshd", "-T", "-f", str(main), "-C", where)
    if done.returncode != 0:
        return {}, done.stderr.strip() or f"sshd -T ended with status {done.returncode}"
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, *words = line.split()
        # Settings that may be given several times have a line each, and the same line may come again.
        known = found.setdefault(name.lower(), [])
        known += [word for word in words if word not in known] if known else words
    return found, None


def _trial(text: str, user: str, client: str | None) -> tuple[dict[str, list[str]], str | None]:
    """sshd's settings as they would be with a drop-in of this text before all else."""
    with tempfile.TemporaryDirectory() as directory:
        block, main = Path(directory, "block.conf"), Path(directory, "sshd_config")
        block.write_text(text, encoding="utf-8")
        main.write_text(f"Include {block}\nInclude {sshd_config.MAIN}\n", encoding="utf-8")
        return settings(user, client, main)


def obstacles(seen: observed.Ssh, user: str, group: str, socket: str, types: list[str]) -> list[str]:
    """What in sshd, as ``observe`` saw it, keeps ``user``, a member of ``group`` alone, with keys of ``types`` out.

    And what would let it do more than reach ``socket``. Each with what to say in sshd_config instead; the files but
    Mooring's drop-in are the operator's.
    """
    tried = seen["trial"] or seen
    if tried["error"]:
        return [f"sshd does not tell its settings: {tried['error']}"]
    settings, wanted = tried["settings"], values(socket, seen["settings"])
    found: list[str] = [
        f"{title} reads another configuration: let it read {sshd_config.MAIN} (without -f)"
        for title in seen["listeners"]
        if _configuration(title) != str(sshd_config.MAIN)
    ]
    found += sshd_config.problems(seen["configuration"], user, group, wanted)
    found += sshd_config.differing(wanted, settings)
    if settings.get("refuseconnection", ["no"]) != ["no"]:
        found.append("RefuseConnection yes: say no for the account")
    for name, subject in (("denyusers", user), ("denygroups", group)):
        # A pattern of a user at an address keeps out some addresses, which is the operator's to want.
        if sshd_config.listed(subject, settings.get(name, [])):
            found.append(f"{_SPELLED[name]} {' '.join(settings[name])}: it names {subject}")
    for name, subject in (("allowusers", user), ("allowgroups", group)):
        allowed = [pattern.partition("@")[0] for pattern in settings.get(name, [])]
        if allowed and not sshd_config.listed(subject, allowed):
            found.append(f"{_SPELLED[name]} {' '.join(settings[name])}: add {subject}")
    # A key of type ssh-rsa signs by SHA-2.
    accepted = ",".join(settings.get("pubkeyacceptedalgorithms", settings.get("pubkeyacceptedkeytypes", []))).split(",")
    refused = {kind for kind in types if not {kind, {"ssh-rsa": "rsa-sha2-512"}.get(kind)} & set(accepted)}
    if refused:
        found.append(f"PubkeyAcceptedAlgorithms lacks {', '.join(sorted(refused))}, the type of a client's key")
    return found


def _configuration(title: str) -> str:
    """The file that a listening sshd reads, by its title, which has its command line in it (sshd.c: main)."""
    line = title.partition(": ")[2].partition(" [listener]")[0]
    try:
        options, _rest = getopt.getopt(line.split()[1:], "C:E:b:c:f:g:h:k:o:p:u:46DGQRTdeiqrtV")
    except getopt.GetoptError:
        return ""
    return dict(options).get("-f", str(sshd_config.MAIN))


_SPELLED = {
    "denyusers": "DenyUsers",
    "denygroups": "DenyGroups",
    "allowusers": "AllowUsers",
    "allowgroups": "AllowGroups",
}
