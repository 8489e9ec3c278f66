# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in the options of ``daemon.json`` is secret, and texts without it. Pure functions.

A ``Visitor`` goes through an option's value and calls a ``Mark`` for each secret with the place where it stands, such as
a key or an address without its password; what that returns takes the secret's place. So one description of what is
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
CHANGED = f"{HIDDEN} (changed, not shown)"

_WORDS = {"apikey", "auth", "authorization", "bearer", "cookie", "cred", "creds", "dsn", "key", "keys", "pass"}
_WORDS |= {"pin", "psk", "pw", "pwd", "sas", "sig", "signature"}
_PARTS = ("apikey", "accesskey", "credential", "passphrase", "passwd", "password", "secret", "token")
_FILES = {"dir", "directory", "file", "path"}
# Words that would be found everywhere, and give nothing away.
_COMMON = {"", "true", "false", "yes", "no", "on", "off", "null", "none", "0", "1"}

# Options of moby's own log drivers (daemon/logger) whose values are paths of files.
_PATHS = {"syslog-tls-key", "splunk-capath", "awslogs-credentials-endpoint"}
# Plugins have options of their own, whose URLs may carry a token anywhere (sumo-url).
_OF_MOBY = ("awslogs-", "fluentd-", "gcp-", "gelf-", "logentries", "splunk-", "syslog-")

_NAME = r"[A-Za-z_][\w.-]*"
_SETTING = re.compile(rf"^(-{{0,2}}{_NAME}(?:/{_NAME})*)([=:]\s*)(.+)$", re.DOTALL)
# The rest of the text up to the last @: a password may have any character that the address itself may not have.
_USERINFO = re.compile(r"^(\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?:[/\\]{2,})?)(.*)@(.*)$", re.DOTALL)
_SCHEME = re.compile(r"^\s*[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\]{2,})")
# The same within a sentence: userinfo ends with the last @ before white space or a quote.
_IN_TEXT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s\"'`<>]*)@")
_SETTING_IN_TEXT = re.compile(rf"({_NAME})(\\?[\"']?\s*[=:]\s*\\?[\"']?)([^\s\"'\\,;\])}}]+)")


def names_a_secret(name: str) -> bool:
    """Whether a setting of that name holds a secret, as far as names tell."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    lower = [word.lower() for word in words]
    joined = "".join(lower)
    return any(part in joined for part in _PARTS) or not _WORDS.isdisjoint(lower)


def _names_a_file(name: str, value: str) -> bool:
    words = set(re.findall(r"[a-z]+", name.lower()))
    return value.startswith("/") and (name in _PATHS or not _FILES.isdisjoint(words))


def by_name(value: Any, mark: Mark, name: str = "") -> Any:
    """Any value: what stands under the name of a secret, and passwords in addresses."""
    if isinstance(value, dict):
        return {key: by_name(one, mark, f"{name}/{key}" if name else str(key)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [by_name(one, mark, name) for one in value]
    last = name.rpartition("/")[2]
    if names_a_secret(name):
        if value is None or isinstance(value, bool) or (isinstance(value, str) and _names_a_file(last, value)):
            return value
        return mark(name, str(value))
    if not isinstance(value, str):
        return value
    # "key=value", as in labels, options of drivers and arguments of runtimes.
    match = _SETTING.match(value)
    if match and "://" not in match[1] + match[2] and not match[3].startswith("//"):
        return match[1] + match[2] + str(by_name(match[3], mark, match[1].lstrip("-")))
    return address(value, mark, name) if _SCHEME.match(value) else value


def address(value: str, mark: Mark, name: str = "") -> str:
    """A URL: the password of its userinfo, and what its query says under the name of a secret.

    curl, Go and libproxy disagree where userinfo ends if it has unescaped / ? # or @: here with the last @ of all.
    A user without a password may be a token.
    """
    match = _USERINFO.match(value)
    if match:
        start, userinfo, rest = match.groups()
        user, colon, password = userinfo.partition(":")
        if not colon:
            user, password = "", userinfo
        place = f"{name} {start}{user}@{_query(rest, lambda _place, _secret: HIDDEN)}"
        hidden = mark(place, password) if password else ""
        return f"{start}{user}{colon}{hidden}@{_query(rest, mark)}"
    return _query(value, mark)


def _query(text: str, mark: Mark) -> str:
    start, question, query = text.partition("?")
    if not question:
        return text
    pairs = [pair.partition("=") for pair in query.split("&")]
    return f"{start}?" + "&".join(
        f"{key}={mark(f'{start}?{key}', one)}" if one and names_a_secret(key) else f"{key}{equals}{one}"
        for key, equals, one in pairs
    )


def proxy(value: Any, mark: Mark) -> Any:
    """The address of a proxy, or a mapping of such; dockerd takes one without a scheme too."""
    if isinstance(value, dict):
        # A proxy is known by its key, and a list of hosts has no secret.
        return {key: proxy(one, lambda place, secret, key=key: mark(f"{key} {place}", secret)) for key, one in value.items()}
    return address(value, mark) if isinstance(value, str) else by_name(value, mark)


def log_options(value: Any, mark: Mark) -> Any:
    """Options of log drivers. What moby's drivers know goes by its name; of a plugin's URLs only the host is shown."""
    if not isinstance(value, dict):
        return by_name(value, mark)
    return {key: _log_option(str(key), one, mark) for key, one in value.items()}


def _log_option(name: str, value: Any, mark: Mark) -> Any:
    match = re.match(r"^(\s*[A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*)([/?#].*)$", value, re.DOTALL) if isinstance(value, str) else None
    if match is None or name.startswith(_OF_MOBY) or "@" in value or names_a_secret(name):
        return by_name(value, mark, name)
    return f"{match[1]}{match[2]}/{mark(name, match[3])}" if match[3] != "/" else value


# --- what the visitors serve


def secrets(value: Any, visitor: Visitor) -> set[str]:
    """The secrets in a value."""
    found: set[str] = set()

    def note(_place: str, secret: str) -> str:
        found.add(secret)
        return HIDDEN

    visitor(value, note)
    return {secret for secret in found if secret.lower() not in _COMMON}


def concealed(value: Any, visitor: Visitor) -> Any:
    """The value without its secrets."""
    return visitor(value, lambda _place, _secret: HIDDEN)


def compared(before: Any, after: Any, visitor: Visitor) -> Any:
    """``after`` without its secrets, those marked that are others than ``before`` at the same place."""
    seen: set[tuple[str, str]] = set()
    places: set[str] = set()

    def note(place: str, secret: str) -> str:
        seen.add((place, secret))
        places.add(place)
        return HIDDEN

    visitor(before, note)
    return visitor(after, lambda place, secret: CHANGED if place in places and (place, secret) not in seen else HIDDEN)


def scrubbed(data: Any, known: Iterable[str]) -> Any:
    """``data``, which is text or has text in it, without the ``known`` secrets in any form, and without others as far as
    addresses and names tell them.
    """
    forms = sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True)
    return _scrubbed(data, forms)


def _scrubbed(data: Any, forms: list[str]) -> Any:
    if isinstance(data, dict):
        return {key: _scrubbed(value, forms) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_scrubbed(value, forms) for value in data]
    if not isinstance(data, str):
        return data
    for form in forms:
        if len(form) > 3:
            data = data.replace(form, HIDDEN)
        else:
            # A short one is hidden where it stands alone, not in the middle of every word.
            data = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, data)
    data = _IN_TEXT.sub(lambda match: f"{match[1]}{match[2].partition(':')[0] if ':' in match[2] else HIDDEN}:{HIDDEN}@", data)
    return _SETTING_IN_TEXT.sub(
        lambda match: f"{match[1]}{match[2]}{HIDDEN}" if names_a_secret(match[1]) and not match[3].startswith("/") else match[0],
        data,
    )


def _forms(secret: str) -> set[str]:
    """How a secret can turn up in a message: as it is, escaped or unescaped, and the parts that a parser makes of it."""
    plain = urllib.parse.unquote(secret)
    whole = {secret, plain, urllib.parse.quote(plain, safe=""), urllib.parse.quote(plain), json.dumps(secret)[1:-1]}
    parts = {part for text in (secret, plain) for part in re.split(r"[/?#@:\s]", text) if len(part) > 3}
    return {form for form in whole | parts if form.lower() not in _COMMON}
