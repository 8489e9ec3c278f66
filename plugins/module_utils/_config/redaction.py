# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in the options of ``daemon.json`` is secret, and texts without it. Pure functions.

A ``Visitor`` goes through an option's value and calls a ``Mark`` for each secret with the place where it stands, such
as a key or an address without its password; what that returns takes the secret's place. So one description of what is
secret serves to hide it, to compare it, and to know it when it turns up in a message of dockerd.

Where it is not clear what a part of a value is, it is hidden.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterable

Mark = Callable[[str, str], str]
Visitor = Callable[[Any, Mark], Any]

HIDDEN = "********"
DIFFERS = f"{HIDDEN} (differs, not shown)"

PARAMETER = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
"""What Ansible shows for a parameter that has secrets."""

# Words of a name by which it names a secret; the parts also within a word.
_WORDS = {"apikey", "auth", "authorization", "bearer", "cookie", "cred", "creds", "dsn", "key", "keys", "pass", "pin"}
_WORDS |= {"psk", "pw", "pwd", "sas", "sig", "signature"}
_PARTS = ("apikey", "accesskey", "credential", "passphrase", "passwd", "password", "privatekey", "secret", "token")
_FILES = {"dir", "directory", "file", "path"}
# Options of moby's log drivers (daemon/logger) that name a file, or a path on a server of Amazon's.
_PATHS = {"syslog-tls-key", "awslogs-credentials-endpoint"}
# Plugins have options of their own, whose URLs may carry a token anywhere (sumo-url).
_OF_MOBY = ("awslogs-", "fluentd-", "gcp-", "gelf-", "logentries", "splunk-", "syslog-")
# What gives nothing away, and would be hidden everywhere.
_COMMON = re.compile(r"^(|true|false|yes|no|on|off|null|none|https?|\d{1,3})$", re.IGNORECASE)

_SCHEME = re.compile(r"^\s*[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]{2})")
_USERINFO = re.compile(r"^(\s*(?:[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]{2}))?[/\\]*)(.*)@(.*)$", re.DOTALL)
_URL = re.compile(r"^(\s*[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]*[/?#])([^@]+)$", re.DOTALL)
_FLAG = re.compile(r"^--?[\w.-]+$")
# The same in a sentence: userinfo ends with the last @ before white space or a quote.
_USERINFO_IN_TEXT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s\"'`<>@:]*)(:?)([^\s\"'`<>]*)@")
_SETTING_IN_TEXT = re.compile(r"([A-Za-z_][\w.-]*)(\\?[\"']\s*:\s*\\?[\"']|[=:]\\?[\"']?)([^\s\"'\\,;\])}]+)")


def names_a_secret(name: str) -> bool:
    """Whether a setting of that name holds a secret, as far as its name tells."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    return not _WORDS.isdisjoint(words) or any(part in "".join(words) for part in _PARTS)


def _names_a_file(name: str, value: str) -> bool:
    words = set(re.findall(r"[a-z]+", name.lower()))
    return value.startswith("/") and (name in _PATHS or not _FILES.isdisjoint(words))


# --- visitors


def by_name(value: Any, mark: Mark, name: str = "") -> Any:
    """Any value: what stands under the name of a secret, and passwords in URLs."""
    if isinstance(value, dict):
        return {key: by_name(one, mark, f"{name}/{key}".lstrip("/")) for key, one in value.items()}
    if isinstance(value, list):
        flags = ["", *(one if isinstance(one, str) and _FLAG.match(one) else "" for one in value)]
        return [by_name(one, mark, f"{name}/{flag}".strip("/")) for flag, one in zip(flags, value)]
    if names_a_secret(name):
        last = re.split(r"[/=]", name)[-1]
        shown = value is None or isinstance(value, bool) or (isinstance(value, str) and _names_a_file(last, value))
        return value if shown else mark(name, str(value))
    if not isinstance(value, str):
        return value
    if _SCHEME.match(value):
        return address(value, mark, name)
    # "key=value", as in labels, options of drivers and arguments of runtimes.
    key, equals, rest = value.partition("=")
    return f"{key}={by_name(rest, mark, f'{name}/{key}'.lstrip('/'))}" if equals else value


def address(value: str, mark: Mark, name: str = "") -> str:
    """A URL: the password in it, and what its query says under the name of a secret.

    Parsers disagree where userinfo ends that has a bare / ? # or @ in it: here with the last @ of all. A user without a
    password may be a token.
    """
    match = _USERINFO.match(value)
    if match is None:
        return _query(value, mark)
    start, userinfo, rest = match.groups()
    user, colon, password = userinfo.partition(":")
    if not colon:
        user, password = "", userinfo
    place = f"{name} {start}{user}@{_query(rest, lambda _place, _secret: HIDDEN)}"
    return f"{start}{user}{colon}{mark(place, password) if password else ''}@{_query(rest, mark)}"


def _query(text: str, mark: Mark) -> str:
    start, question, query = text.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    return f"{start}{question}" + "&".join(
        f"{key}={mark(f'{start}?{key}', one)}" if one and names_a_secret(key) else f"{key}{equals}{one}"
        for key, equals, one in pairs
    )


def addresses(value: Any, mark: Mark, name: str = "") -> Any:
    """Addresses of servers, alone, in a list or by name; dockerd takes those of proxies without a scheme too."""
    if isinstance(value, dict):
        return {key: addresses(one, mark, str(key)) for key, one in value.items()}
    if isinstance(value, list):
        return [addresses(one, mark, name) for one in value]
    return address(value, mark, name) if isinstance(value, str) else by_name(value, mark, name)


def log_options(value: Any, mark: Mark) -> Any:
    """Options of log drivers. Of the URLs of plugins only the host is shown."""
    if not isinstance(value, dict):
        return by_name(value, mark)
    found = {}
    for key, one in value.items():
        url = _URL.match(one) if isinstance(one, str) and not str(key).startswith(_OF_MOBY) else None
        found[key] = url[1] + mark(str(key), url[2]) if url else by_name(one, mark, str(key))
    return found


# --- what they serve


def secrets(value: Any, visitor: Visitor) -> set[str]:
    """The secrets in a value."""
    found: set[str] = set()

    def note(_place: str, secret: str) -> str:
        found.add(secret)
        return HIDDEN

    visitor(value, note)
    return found


def long_enough(known: Iterable[str]) -> set[str]:
    """Those that Ansible can hide in all that a module says (``no_log_values``).

    By itself it would take every value of a parameter for secret, and hide "true" and "10m" everywhere.
    """
    return {secret for secret in known if len(secret) > 7}


def concealed(value: Any, visitor: Visitor) -> Any:
    """The value without its secrets."""
    return visitor(value, lambda _place, _secret: HIDDEN)


def compared(before: Any, after: Any, visitor: Visitor) -> Any:
    """``after`` without its secrets, those marked that are others than ``before`` at the same place."""
    seen: dict[str, set[str]] = {}

    def note(place: str, secret: str) -> str:
        seen.setdefault(place, set()).add(secret)
        return HIDDEN

    visitor(before, note)
    return visitor(after, lambda place, secret: HIDDEN if secret in seen.get(place, {secret}) else DIFFERS)


def scrubbed(data: Any, known: Iterable[str]) -> Any:
    """``data``, a text or what has texts in it, without the ``known`` secrets however they are written.

    Others are hidden as far as addresses and names tell them, for dockerd quotes flags too.
    """
    forms = sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True)
    # A short one is hidden where it stands alone, not in the middle of every word.
    patterns = [re.escape(form) if len(form) > 3 else rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms]
    pattern = re.compile("|".join(patterns)) if patterns else None

    def scrub(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: scrub(value) for key, value in one.items()}
        if isinstance(one, (list, tuple)):
            return [scrub(value) for value in one]
        if not isinstance(one, str):
            return one
        text = pattern.sub(HIDDEN, one) if pattern else one
        text = _USERINFO_IN_TEXT.sub(_hide_userinfo, text)
        return _SETTING_IN_TEXT.sub(_hide_setting, text)

    return scrub(data)


def _hide_userinfo(match: re.Match[str]) -> str:
    start, colon, _password = match.groups()
    return f"{start}:{HIDDEN}@" if colon else re.sub(r"://.*", f"://{HIDDEN}@", start)


def _hide_setting(match: re.Match[str]) -> str:
    name, between, value = match.groups()
    is_secret = names_a_secret(name) and not _names_a_file(name, value) and not _COMMON.match(value)
    return f"{name}{between}{HIDDEN}" if is_secret else match[0]


def _forms(secret: str) -> set[str]:
    """How a secret can turn up: as it is, escaped or unescaped, and in the parts that a parser makes of an address."""
    plain = urllib.parse.unquote(secret)
    forms = {secret, plain, urllib.parse.quote(plain), urllib.parse.quote(plain, safe="")}
    # dockerd quotes it, and quotes that again in its log.
    once = {json.dumps(form, ensure_ascii=False)[1:-1] for form in forms}
    forms |= once | {json.dumps(form, ensure_ascii=False)[1:-1] for form in once} | {json.dumps(secret)[1:-1]}
    forms.update(part for text in (secret, plain) for part in re.split(r"[/?#@:=&\s]", text) if len(part) > 3)
    return {form for form in forms if not _COMMON.match(form)}
