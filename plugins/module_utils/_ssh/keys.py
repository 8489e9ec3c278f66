# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys as OpenSSH writes them, and the lines that let their holders reach the daemon and nothing else.

A public key is a type, base64 and a comment. What the base64 holds is a row of byte strings, each with its length in
four bytes in front, the first of which is the type again (RFC 4253, 6.6).
"""

from __future__ import annotations

import base64
import re
import shlex

ACCOUNT = r"^[a-z_][a-z0-9_-]{0,30}$"
"""What an account may be called."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_TYPE = re.compile(r"(ssh|ecdsa|sk)-[A-Za-z0-9@.-]{1,60}")


def problems(clients: object) -> list[str]:
    """What is wrong with declared clients, name to public key. Repeats no key, for it may be a private one."""
    if not isinstance(clients, dict):
        return ["must be names with a public key each, such as {alice: ssh-ed25519 AAAA...}"]
    found: list[str] = []
    owners: dict[str, str] = {}
    for name, key in clients.items():
        if not _NAME.fullmatch(str(name)):
            found.append(f"{str(name)!r} may have letters, digits and ._@- only, at most 64")
            continue
        problem = _key_problem(key)
        if problem:
            found.append(f"{name}: {problem}")
            continue
        other = owners.setdefault(key.split()[1], name)
        if other != name:
            found.append(f"{name} has the key of {other}: without one of them the other would still come in")
    return found


def _key_problem(key: object) -> str | None:
    if not isinstance(key, str):
        return "must be the one line of a file such as id_ed25519.pub"
    if "PRIVATE KEY" in key:
        return (
            "that is a private key. Take it out of the inventory, count it as lost and make another; "
            "what belongs here is the one line of its file .pub"
        )
    words = key.split()
    if len(key.strip().splitlines()) != 1 or len(words) < 2:
        return "must be the one line of a file such as id_ed25519.pub: a type, the key and a comment"
    if not _TYPE.fullmatch(words[0]):
        if any(_TYPE.fullmatch(word) for word in words):
            return "has options before the key: leave them out, Mooring sets those that are safe"
        return "does not begin with the type of a key, such as ssh-ed25519"
    if "-cert-" in words[0]:
        return "is a certificate, which sshd trusts by its authority: name the key that it is for"
    fields = _fields(words[1])
    if fields[:1] != [words[0].encode()]:
        return f"is cut short or changed: it says {words[0]}, and what follows is no whole key of that type"
    return _weakness(fields)


_RSA_BITS = 3072


def _weakness(fields: list[bytes]) -> str | None:
    """Why a key may be forged. An RSA key is its type, exponent and modulus (RFC 4253, 6.6)."""
    bits = int.from_bytes(fields[2], "big").bit_length() if len(fields) > 2 else 0
    if fields[0] == b"ssh-dss":
        return "is a DSA key, which sshd refuses for its weakness: make another (ssh-keygen -t ed25519)"
    if fields[0] == b"ssh-rsa" and bits < _RSA_BITS:
        return f"is an RSA key of {bits} bits and must have at least {_RSA_BITS}: make another (ssh-keygen -t ed25519)"
    return None


def _fields(text: str) -> list[bytes]:
    """The byte strings of a key; none where one is cut short or there are fewer than two."""
    try:
        rest = base64.b64decode(text, validate=True)
    except ValueError:  # also for what is no ASCII
        return []
    fields = []
    while rest:
        length = int.from_bytes(rest[:4], "big")
        field, rest = rest[4 : 4 + length], rest[4 + length :]
        if not field or len(field) != length:
            return []
        fields.append(field)
    return fields if len(fields) > 1 else []


_ED25519, _P256, _P384, _P521 = (rb".{32}", *(rb"\x04.{%d}" % size for size in (64, 96, 132)))
_NUMBER = rb"(?=[\x01-\x7f]|\0[\x80-\xff]).{%d,2049}"
_APPLICATION = rb"[!-~]{1,255}"
_FORMS = {
    kind: [re.compile(form, re.DOTALL) for form in forms]
    for kind, forms in {
        # RFC 8709; RFC 4253, 6.6, from OpenSSH's least of 1024 bits to its most of 16384; RFC 5656, 3.1
        "ssh-ed25519": [_ED25519],
        "ssh-rsa": [_NUMBER % 1, _NUMBER % 128],
        "ecdsa-sha2-nistp256": [b"nistp256", _P256],
        "ecdsa-sha2-nistp384": [b"nistp384", _P384],
        "ecdsa-sha2-nistp521": [b"nistp521", _P521],
        # OpenSSH, PROTOCOL.u2f
        "sk-ssh-ed25519@openssh.com": [_ED25519, _APPLICATION],
        "sk-ecdsa-sha2-nistp256@openssh.com": [b"nistp256", _P256, _APPLICATION],
    }.items()
}
"""What the byte strings behind the type are, for each type of key that OpenSSH has and that is no certificate."""

_MOST_HOST_KEYS = 16


def whole_key(text: object) -> str:
    """The type and the base64 of the one public key in ``text``, a line as in a file .pub.

    Raises ValueError where it is not exactly that: a whole key, of a type in _FORMS, with nothing but a comment around.
    """
    words = text.split() if isinstance(text, str) and len(text.splitlines()) == 1 else []
    if len(words) < 2:
        raise ValueError(f"{str(text)[:80]!r} is no public key: it must be one line with a type and base64")
    kind, blob = words[:2]
    if kind not in _FORMS:
        raise ValueError(f"{kind[:80]!r} is no type of a public key: it must be one of {', '.join(_FORMS)}")
    fields = _fields(blob)
    forms = _FORMS[kind]
    is_whole = fields[:1] == [kind.encode()] and len(fields) == len(forms) + 1
    # There are several ways to write the last bits in base64.
    if not is_whole or base64.b64encode(base64.b64decode(blob)).decode() != blob:
        raise ValueError(f"{kind} {blob[:40]!r} is no whole key of that type")
    if not all(form.fullmatch(field) for form, field in zip(forms, fields[1:])):
        raise ValueError(f"{kind} {blob[:40]!r} is no key that OpenSSH takes for one of that type")
    return f"{kind} {blob}"


def host_keys_problem(keys: object) -> str | None:
    """What is wrong with the public keys that a host says its SSH server has."""
    if not isinstance(keys, list):
        return "must be a list of public keys"
    if len(keys) > _MOST_HOST_KEYS:
        return f"{len(keys)} keys are more than an SSH server has ({_MOST_HOST_KEYS})"
    try:
        for key in keys:
            whole_key(key)
    except ValueError as error:
        return str(error)
    return None


def command(socket: str) -> str:
    """What every client's session runs: it opens the daemon's ``socket`` and nothing else.

    The socket is named, so that no DOCKER_HOST or DOCKER_CONTEXT of the host's environment leads elsewhere.
    """
    return f"docker --host {shlex.quote('unix://' + socket)} system dial-stdio"


def authorized_keys(clients: dict[str, str], socket: str) -> str:
    """The file for sshd, in which every key is bound to that command."""
    lines = ["# Mooring: docker_engine_ssh_clients"]
    for name, key in sorted(clients.items()):
        lines.append(f'restrict,command="{command(socket)}" {" ".join(key.split()[:2])} {name}')
    return "\n".join(lines) + "\n"


def grants(text: str) -> set[str]:
    """What a file of ``authorized_keys`` gives: its lines without comments. One that is gone has ended."""
    return {line.rpartition(" ")[0] for line in _entries(text)}


def names(text: str) -> list[str]:
    """The clients in a file of ``authorized_keys``, each named behind its key."""
    return sorted({line.split()[-1] for line in _entries(text)})


def _entries(text: str) -> list[str]:
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
