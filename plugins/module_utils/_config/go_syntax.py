# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts as dockerd reads them: numbers, sizes, durations, addresses, templates and regular expressions of Go.

Sources: docker/go-units ``size.go`` (sizes), Go's ``strconv``, ``time.ParseDuration``, ``net/url``, ``text/template``
and RE2. What these modules take is never refused here; some of what they refuse is not found here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_SIZE = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)? ?(b|[kmgtp](?:i?b)?)?", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DURATION = re.compile(r"([+-]?)((?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_DURATION_PART = re.compile(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_HOST_PORT = re.compile(r"(\[[^\[\]\s]*\]|[^\s:/@\[\]<>\"\\^`{|}]*)(?::([0-9]*))?")

# An action of a template; quoted strings in it may have any braces.
_ACTION = re.compile(r"\{\{((?:[^\"'`{}]|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|\}(?!\}))*)\}\}")
_BLOCK = re.compile(r"(?:if|with|range|define|block)\b")
_FIELD = re.compile(r"\.([A-Za-z]\w*)")


def size(text: str) -> int | None:
    """Bytes that ``text`` stands for, counting in thousands, or None where it is no size."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    unit = (match[2] or "b")[0].lower()
    number = text.lstrip("+").lower()
    number = number[: len(number) - len(match[2] or "")].strip()
    return int(float(number) * 1000 ** ("bkmgtp".index(unit)))


def integer(text: str) -> int | None:
    """The number that ``strconv.Atoi`` reads, or None."""
    return int(text) if _INTEGER.fullmatch(text) else None


def boolean(text: str) -> bool | None:
    """What ``strconv.ParseBool`` reads, or None."""
    return True if text in _TRUE else False if text in _FALSE else None


def duration(text: str) -> float | None:
    """Seconds that ``time.ParseDuration`` reads, or None."""
    if text in ("0", "+0", "-0"):
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(match[2]))
    return -seconds if match[1] == "-" else seconds


@dataclass(frozen=True)
class Url:
    """``host`` is without brackets, ``port`` None where there is none; ``query`` has the fragment with it."""

    scheme: str
    userinfo: str | None
    host: str
    port: int | None
    path: str
    query: str


def url(text: str) -> Url | None:
    """The parts of an address with ``SCHEME://``, or None where ``net/url`` would not read one."""
    match = _URL.fullmatch(text)
    if match is None or re.search(r"[\x00-\x20\x7f]", match[1] + match[2]):
        return None
    userinfo, at, place = match[2].rpartition("@")
    found = host_port(place)
    if found is None:
        return None
    return Url(match[1].lower(), userinfo if at else None, found[0], found[1], match[3], match[4])


def host_port(text: str) -> tuple[str, int | None] | None:
    """``HOST`` or ``HOST:PORT``, an IPv6 address in brackets, or None where it is neither."""
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        return None
    host, port = match[1], match[2]
    if host.startswith("["):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            return None
    if port and int(port) > 65535:
        return None
    return host, int(port) if port else None


def template_problem(text: str, fields: frozenset[str]) -> str | None:
    """Why Go's ``text/template`` cannot read ``text``, or does not find one of the ``fields`` in it; None if it can."""
    if "{{" in _ACTION.sub("", text):
        return "has {{ without }}"
    actions = [action.strip().lstrip("-").rstrip("-").strip() for action in _ACTION.findall(text)]
    if not all(actions):
        return "has {{}} with nothing in it"
    blocks = sum(bool(_BLOCK.match(action)) for action in actions)
    ends = actions.count("end")
    if blocks != ends:
        return f"has {blocks} of if, with and range, and {ends} of end"
    for action in [] if blocks else actions:
        match = _FIELD.fullmatch(action)
        if match and match[1] not in fields:
            return f"has {{{{.{match[1]}}}}}, which is not known"
    return None


def pattern_problem(text: str) -> str | None:
    """Why Go cannot read a regular expression, where that is certain, or None.

    Its syntax (RE2) differs from Python's, so only what both refuse, and what RE2 leaves out, is found.
    """
    if re.search(r"(?<!\\)\(\?(?:[=!]|<[=!])", text) and "[" not in text:
        return "looks ahead or behind, which Go's regular expressions do not have"
    try:
        re.compile(text)
    except re.error as error:
        is_certain = error.msg.startswith(("missing ), unterminated subpattern", "unbalanced parenthesis"))
        if is_certain and r"\Q" not in text:
            return f"is no regular expression ({error.msg})"
    return None
