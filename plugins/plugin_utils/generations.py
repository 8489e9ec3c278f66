# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the generations of the authorities, and keep the files of their keys as ``keys`` wants them.

Everything here is decided from the files, so that what was killed is finished by whoever comes next. Who changes
something holds the lock of the directory meanwhile: the hosts of a run come here all at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ..module_utils._config import state
from . import authorities, keys, signing

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = ".lock"
_OWN = {"authorities", "authorities.json", "issued", "passphrase"}


def due(directory: str, kind: str | None = None, number: int | None = None) -> list[str]:
    """What a run with the passphrase has to do to the authorities in use before all else; mostly nothing.

    With ``kind`` and ``number`` a generation to come is among them.
    """
    ignored = _ignored(Path(directory))
    found = [] if ignored.exists() else [_sentence_on(ignored)]
    recorded = authorities.load(directory)
    signers = [(one, recorded[one]["signer"]) for one in authorities.KINDS]
    for of, one_number in dict.fromkeys([*_in_use(recorded), *([(kind, number)] if kind and number else [])]):
        one = authorities.generation(directory, of, one_number)
        weak = keys.weakness(Path(one["key"]))
        if one["key_id"] is None and (of, one_number) in [*signers, (kind, number)]:
            found.append(f"make {one['name']}")
        elif weak:
            found.append(_sentence_anew(Path(one["key"]), weak))
    return found


def make(directory: str, kind: str, number: int, passphrase: str, days: int, authority_days: int) -> list[str]:
    """Make a generation where it is missing, and what ``protect`` does; returns what was done.

    It is valid for ``authority_days``. The one before it, where there is one of servers, vouches for it for ``days``.
    Raises keys.KeyFileError: a key that is there and cannot be read is never a reason to make another.
    """
    one = authorities.generation(directory, kind, number)
    before = authorities.generation(directory, kind, number - 1)
    with lock(directory):
        done = _protect(directory, passphrase)
        certificate, cross, path = (Path(one[name]) for name in ("certificate", "cross", "key"))
        if certificate.exists():
            return done
        if path.exists():
            key = keys.load(path, passphrase)
        else:
            # It is read back from its file when it is written.
            key = ec.generate_private_key(ec.SECP384R1())
            _write(path, key, passphrase)
        if kind == "server" and before["key_id"] and not cross.exists():
            issuer = x509.load_pem_x509_certificate(Path(before["certificate"]).read_bytes())
            signer = keys.load(Path(before["key"]), passphrase)
            state.write(cross, signing.sign_authority(key, one["name"], days, issuer, signer))
        # Last: who has a certificate is complete.
        state.write(certificate, signing.sign_authority(key, one["name"], authority_days))
        return [*done, f"make {one['name']}"]


def protect(directory: str, passphrase: str) -> list[str]:
    """Encrypt anew what is encrypted too weakly, and keep git away; returns what was done. Raises keys.KeyFileError."""
    with lock(directory):
        return _protect(directory, passphrase)


def change_passphrase(directory: str, old: str, new: str, dry: bool = False) -> list[str]:
    """Encrypt the keys of all generations by another passphrase; returns the names of the files that it changed.

    Those that are encrypted by ``new`` already stay as they are, so a change that was killed can be done again. All of
    them are opened before the first is written; ``dry`` stops there. Raises keys.KeyFileError.
    """
    if problem := keys.passphrase_problem(new, "the new passphrase"):
        raise keys.KeyFileError(problem)
    paths = _key_files(directory)
    if not paths:
        raise keys.KeyFileError(f"{directory} has no authorities: there is no passphrase to change")
    with lock(directory):
        opened, locked = {}, []
        for path in paths:
            with contextlib.suppress(keys.KeyFileError):
                keys.load(path, new)
                continue
            try:
                opened[path] = keys.load(path, old)
            except keys.KeyFileError:
                locked.append(str(path))
        if locked:
            raise keys.KeyFileError(
                f"neither the passphrase nor the new one opens {', '.join(locked)}: nothing was changed. Give the one "
                "that they are encrypted by, or move away what belongs to no authority of this fleet"
            )
        for path, key in opened.items():
            if not dry:
                keys.write(path, key, new)
    return [path.name for path in opened]


def _protect(directory: str, passphrase: str) -> list[str]:
    done = []
    base = Path(directory)
    for place in ("authorities", "issued", "issued/servers", "issued/clients"):
        (base / place).mkdir(mode=0o700, exist_ok=True)
    ignored = _ignored(base)
    if not ignored.exists():
        state.write(ignored, "# Private keys. Git is not the place to keep a copy.\n*\n")
        done.append(_sentence_on(ignored))
    in_use = [authorities.generation(directory, *one)["key"] for one in _in_use(authorities.load(directory))]
    for path in _key_files(directory):
        weak = keys.weakness(path)
        if not weak:
            continue
        try:
            key = keys.load(path, passphrase)
        except keys.KeyFileError:
            # One that nobody trusts any more may have had another passphrase.
            if str(path) in in_use:
                raise
            continue
        _write(path, key, passphrase)
        done.append(_sentence_anew(path, weak))
    return done


def _in_use(recorded: authorities.State) -> list[tuple[str, int]]:
    """Kind and number of the generations that sign or are trusted."""
    return [
        (kind, number)
        for kind in authorities.KINDS
        for number in dict.fromkeys([recorded[kind]["signer"], *recorded[kind]["trusted"]])
    ]


def _sentence_on(ignored: Path) -> str:
    return f"keep git away from {ignored.parent}"


def _sentence_anew(path: Path, weak: str) -> str:
    return f"encrypt {path.name} anew, which {weak} protects"


def _write(path: Path, key: Any, passphrase: str) -> None:
    if problem := keys.passphrase_problem(passphrase, "the passphrase"):
        raise keys.KeyFileError(problem)
    keys.write(path, key, passphrase)


def _key_files(directory: str) -> list[Path]:
    return sorted((Path(directory) / "authorities").glob("*-key.pem"))


def _ignored(base: Path) -> Path:
    """The file that keeps git away: from the whole directory, unless that has what may be an operator's to commit."""
    found = {path.name for path in base.iterdir()} if base.exists() else set()
    whole = all(name in _OWN or name.startswith(".") for name in found)
    return (base if whole else base / "authorities") / ".gitignore"


@contextlib.contextmanager
def lock(directory: str) -> Iterator[None]:
    """Hold the lock of a directory, which is made where it is missing. It ends with its holder."""
    base = Path(directory)
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(base / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
