# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account by which clients reach the daemon over SSH, as the host has it, and what sshd would make of it.

The account is known by its home, which nobody else has and which root alone may write: no client can add a key.
"""

from __future__ import annotations

import contextlib
import fnmatch
import grp
import pwd
from pathlib import Path
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils import _daemon, _ssh_keys, _store

HOME = Path("/var/lib/mooring-ssh")
KEYS = HOME / ".ssh" / "authorized_keys"


def observe(user: str, client: str | None) -> dict[str, Any]:
    """Mooring's accounts, the keys that get in, sshd's settings for ``user`` from the address ``client``, host keys."""
    settings, error = _settings(user, client or "127.0.0.1")
    return {
        "accounts": {entry.pw_name: _account(entry) for entry in pwd.getpwall() if entry.pw_dir == str(HOME)},
        "authorized_keys": _store.file_digest(str(KEYS)),
        "guarded": all(_is_guarded(path) for path in (HOME, KEYS.parent, KEYS)),
        "settings": settings,
        "error": error,
        "host_keys": _host_keys(settings.get("hostkey", [])),
    }


def _host_keys(paths: list[str]) -> list[str]:
    """The public halves of sshd's keys, of those types that clients are told; certificates and others are left out."""
    found = []
    for path in paths:
        with contextlib.suppress(ValueError):
            found.append(_ssh_keys.whole_key((_store.read(Path(f"{path}.pub")) or "").rstrip("\n")))
    return found


def _account(entry: pwd.struct_passwd) -> dict[str, Any]:
    shadow = (_store.read(Path("/etc/shadow")) or "").splitlines()
    password = next((line.split(":")[1] for line in shadow if line.startswith(f"{entry.pw_name}:")), "")
    member_of = {group.gr_name for group in grp.getgrall() if entry.pw_name in group.gr_mem}
    return {
        "groups": sorted({grp.getgrgid(entry.pw_gid).gr_name} | member_of),
        "shell": entry.pw_shell,
        # No password is a hash of "*"; "!" in front would do as well, but sshd without PAM refuses keys too then.
        "password": password != "*",
    }


def _is_guarded(path: Path) -> bool:
    """Whether nobody but root may change what is at ``path``, and sshd may read it as the account."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return False
    return (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (0, 0, 0o644 if path == KEYS else 0o755)


def _settings(user: str, client: str) -> tuple[dict[str, list[str]], str | None]:
    """sshd's settings, name in small letters to words, and its error where it gives none."""
    where = f"user={user},host={client},addr={client},laddr=127.0.0.1,lport=22"
    done = _daemon.run("sshd", "-T", "-C", where)
    if done.returncode != 0:
        return {}, done.stderr.strip() or f"sshd -T ended with status {done.returncode}"
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, *words = line.split()
        # Settings that may be given several times have a line each.
        found.setdefault(name.lower(), []).extend(words)
    return found, None


def obstacles(settings: dict[str, list[str]], user: str, group: str, types: list[str]) -> list[str]:
    """What in sshd's ``settings`` keeps ``user``, a member of ``group`` alone, with keys of ``types`` out.

    Each with what to say in sshd_config instead; that file is the operator's.
    """
    found = []
    if settings.get("pubkeyauthentication") == ["no"]:
        found.append("PubkeyAuthentication no: say yes")
    places = [_expanded(place, user) for place in settings.get("authorizedkeysfile", [])]
    if KEYS not in places:
        found.append(
            f"AuthorizedKeysFile {' '.join(settings.get('authorizedkeysfile', []))}: say .ssh/authorized_keys as well"
        )
    methods = settings.get("authenticationmethods", ["any"])
    if not {"any", "publickey"} & set(methods):
        found.append(f"AuthenticationMethods {' '.join(methods)}: say publickey")
    for name in ("forcecommand", "chrootdirectory"):
        if settings.get(name, ["none"]) != ["none"]:
            found.append(f"{_SPELLED[name]} {' '.join(settings[name])}: say none")
    for name, subject in (("denyusers", user), ("denygroups", group)):
        # A pattern of a user at an address keeps out some addresses, which is the operator's to want.
        if _listed(subject, settings.get(name, [])):
            found.append(f"{_SPELLED[name]} {' '.join(settings[name])}: it names {subject}")
    for name, subject in (("allowusers", user), ("allowgroups", group)):
        allowed = [pattern.partition("@")[0] for pattern in settings.get(name, [])]
        if allowed and not _listed(subject, allowed):
            found.append(f"{_SPELLED[name]} {' '.join(settings[name])}: add {subject}")
    # A key of type ssh-rsa signs by SHA-2.
    accepted = ",".join(settings.get("pubkeyacceptedalgorithms", settings.get("pubkeyacceptedkeytypes", []))).split(",")
    refused = {kind for kind in types if not {kind, {"ssh-rsa": "rsa-sha2-512"}.get(kind)} & set(accepted)}
    if refused:
        found.append(f"PubkeyAcceptedAlgorithms lacks {', '.join(sorted(refused))}, the type of a client's key")
    return found


_SPELLED = {
    "forcecommand": "ForceCommand",
    "chrootdirectory": "ChrootDirectory",
    "denyusers": "DenyUsers",
    "denygroups": "DenyGroups",
    "allowusers": "AllowUsers",
    "allowgroups": "AllowGroups",
}


def _expanded(place: str, user: str) -> Path:
    """A path of sshd_config, for the account; one that is relative begins at its home."""
    return HOME / place.replace("%h", str(HOME)).replace("%u", user)


def _listed(subject: str, patterns: list[str]) -> bool:
    """Whether sshd finds ``subject`` in a list of patterns (PATTERNS in ssh_config(5)); one with "!" takes it out."""
    plain = [pattern.replace("[", "[[]") for pattern in patterns]
    if any(pattern.startswith("!") and fnmatch.fnmatchcase(subject, pattern[1:]) for pattern in plain):
        return False
    return any(fnmatch.fnmatchcase(subject, pattern) for pattern in plain)
