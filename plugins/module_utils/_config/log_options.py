# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of Docker's own logging drivers: which there are, and what their values must be.

dockerd checks names at its start, and most values only when a container starts; then none can be started. Source: moby
``daemon/logger/*/`` (``ValidateLogOpt``, ``New``, ``parseConfig``) and ``daemon/logger/factory.go``, 20.10 to 29.7.
Drivers that are plugins have options of their own, which nobody can judge.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, Optional

from . import go_syntax

Options = dict[str, str]
Version = tuple[int, int]
_Check = Callable[[str], Optional[str]]

# What a template for the tag can name (moby, daemon/logger/loginfo.go).
_TAG_FIELDS = frozenset(
    (
        "ID", "FullID", "Name", "Command", "ImageID", "ImageFullID", "ImageName", "Hostname", "Config", "ContainerID",
        "ContainerName", "ContainerEntrypoint", "ContainerArgs", "ContainerImageID", "ContainerImageName",
        "ContainerCreated", "ContainerEnv", "ContainerLabels", "LogPath", "DaemonName",
    )
)  # fmt: skip
_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    *(f"local{number}" for number in range(8)),
)  # fmt: skip


def _text(value: str) -> str | None:
    return None


def _filled(value: str) -> str | None:
    return None if value else "must not be empty"


def _size(value: str) -> str | None:
    if go_syntax.size(value) is None:
        return "must be a size such as 10m, a number with k, m or g"
    return None


def _positive_size(value: str) -> str | None:
    return _size(value) or (None if go_syntax.size(value) else "must be more than nothing")


def _number(low: int, high: int | None = None) -> _Check:
    limits = f"from {low} to {high}" if high is not None else f"of at least {low}"

    def check(value: str) -> str | None:
        number = go_syntax.integer(value)
        if number is None or number < low or (high is not None and number > high):
            return f"must be a whole number {limits}"
        return None

    return check


def _boolean(value: str) -> str | None:
    return "must be true or false" if go_syntax.boolean(value) is None else None


def _one_of(*choices: str) -> _Check:
    return lambda value: (
        None if value in choices else f"must be one of {', '.join(choice for choice in choices if choice)}"
    )


def _duration(low: float = 0, high: float | None = None, also: float | None = None) -> _Check:
    limits = "" if high is None else f" from {low:g}s to {high:g}s"

    def check(value: str) -> str | None:
        seconds = go_syntax.duration(value)
        if seconds is not None and seconds == also:
            return None
        if seconds is None or seconds < low or (high is not None and seconds > high):
            return f"must be a duration{limits} with its unit, such as 500ms or 2s"
        return None

    return check


def _template(value: str) -> str | None:
    problem = go_syntax.template_problem(value, _TAG_FIELDS)
    return problem and f"must be a text or a template such as {{{{.Name}}}}; it {problem}"


def _pattern(value: str) -> str | None:
    problem = go_syntax.pattern_problem(value)
    return problem and f"must be a regular expression of Go; it {problem}"


def _optional(check: _Check) -> _Check:
    """For an option that its driver leaves alone where it is empty."""
    return lambda value: check(value) if value else None


def _syslog_address(value: str) -> str | None:
    wanted = "must be udp://HOST:PORT, tcp://HOST:PORT, tcp+tls://HOST:PORT, unix:///PATH or unixgram:///PATH"
    parts = go_syntax.url(value)
    if parts is None or parts.scheme not in ("udp", "tcp", "tcp+tls", "unix", "unixgram"):
        return wanted
    if parts.scheme.startswith("unix"):
        return None if parts.path else wanted
    return None if parts.host or parts.port is not None else wanted


def _facility(value: str) -> str | None:
    if value in _FACILITIES or _number(0, 23)(value) is None:
        return None
    return f"must be a number from 0 to 23 or one of {', '.join(_FACILITIES)}"


def _gelf_address(value: str) -> str | None:
    parts = go_syntax.url(value)
    if parts is None or parts.scheme not in ("udp", "tcp") or parts.port is None:
        return "must be udp://HOST:PORT or tcp://HOST:PORT"
    return None


def _fluentd_address(value: str) -> str | None:
    wanted = "must be HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH"
    parts = go_syntax.url(value if "://" in value else f"tcp://{value}")
    if parts is None or parts.scheme not in ("tcp", "tls", "unix"):
        return wanted
    if parts.scheme == "unix":
        return None if parts.path.strip("/") else wanted
    return wanted if parts.path else None


def _splunk_url(value: str) -> str | None:
    parts = go_syntax.url(value)
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not parts.host
        or parts.path not in ("", "/")
        or parts.query
    ):
        return "must be https://HOST:PORT, without a path"
    return None


@dataclass(frozen=True)
class _Option:
    """``since`` and ``until`` are the engine versions that know the option, (major, minor)."""

    check: _Check
    since: Version = (0, 0)
    until: Version = (999, 0)


_COMMON = {
    "tag": _Option(_template),
    "labels": _Option(_text),
    "labels-regex": _Option(_optional(_pattern)),
    "env": _Option(_text),
    "env-regex": _Option(_optional(_pattern)),
}
_FILES = {"max-size": _Option(_size), "max-file": _Option(_number(0)), "compress": _Option(_boolean)}

_OF_ALL = {
    "mode": _Option(_one_of("", "blocking", "non-blocking")),
    "max-buffer-size": _Option(_size),
    "cache-disabled": _Option(_optional(_boolean)),
    **{f"cache-{name}": option for name, option in {**_FILES, **_COMMON}.items()},
}
"""Options that dockerd takes for every driver; those of the cache serve ``docker logs``."""

_DRIVERS: dict[str, dict[str, _Option]] = {
    "json-file": {
        **_COMMON,
        "max-size": _Option(_positive_size),
        "max-file": _Option(_number(1)),
        "compress": _Option(_boolean),
    },
    "local": {**_COMMON, **_FILES},
    "journald": _COMMON,
    "syslog": {
        **_COMMON,
        "syslog-address": _Option(_optional(_syslog_address)),
        "syslog-facility": _Option(_optional(_facility)),
        "syslog-format": _Option(_one_of("", "rfc3164", "rfc5424", "rfc5424micro")),
        "syslog-tls-ca-cert": _Option(_text),
        "syslog-tls-cert": _Option(_text),
        "syslog-tls-key": _Option(_text),
        "syslog-tls-skip-verify": _Option(_text),
    },
    "gelf": {
        **_COMMON,
        "gelf-address": _Option(_gelf_address),
        "gelf-compression-type": _Option(_one_of("gzip", "zlib", "none")),
        "gelf-compression-level": _Option(_number(-1, 9)),
        "gelf-tcp-max-reconnect": _Option(_number(0)),
        "gelf-tcp-reconnect-delay": _Option(_number(0)),
    },
    "fluentd": {
        **_COMMON,
        "fluentd-address": _Option(_optional(_fluentd_address)),
        "fluentd-async": _Option(_optional(_boolean)),
        "fluentd-async-connect": _Option(_optional(_boolean), until=(28, 0)),
        "fluentd-async-reconnect-interval": _Option(_optional(_duration(0.1, 10, also=0)), since=(23, 0)),
        "fluentd-buffer-limit": _Option(_optional(_size)),
        "fluentd-max-retries": _Option(_optional(_number(0, 2**32 - 1))),
        "fluentd-read-timeout": _Option(_optional(_duration()), since=(29, 0)),
        "fluentd-request-ack": _Option(_optional(_boolean)),
        "fluentd-retry-wait": _Option(_optional(_duration())),
        "fluentd-sub-second-precision": _Option(_optional(_boolean)),
        "fluentd-write-timeout": _Option(_optional(_duration()), since=(28, 2)),
    },
    "splunk": {
        **_COMMON,
        "splunk-url": _Option(_splunk_url),
        "splunk-token": _Option(_filled),
        "splunk-source": _Option(_text),
        "splunk-sourcetype": _Option(_text),
        "splunk-index": _Option(_text),
        "splunk-capath": _Option(_filled),
        "splunk-caname": _Option(_text),
        "splunk-insecureskipverify": _Option(_boolean),
        "splunk-format": _Option(_one_of("inline", "json", "raw")),
        "splunk-verify-connection": _Option(_boolean),
        "splunk-gzip": _Option(_boolean),
        "splunk-gzip-level": _Option(_number(-1, 9)),
        "splunk-index-acknowledgment": _Option(_boolean),
    },
    "awslogs": {
        "tag": _Option(_template),
        "awslogs-region": _Option(_text),
        "awslogs-endpoint": _Option(_text),
        "awslogs-group": _Option(_filled),
        "awslogs-stream": _Option(_text),
        "awslogs-create-group": _Option(_optional(_boolean)),
        "awslogs-create-stream": _Option(_optional(_boolean), since=(23, 0)),
        "awslogs-datetime-format": _Option(_text),
        "awslogs-multiline-pattern": _Option(_optional(_pattern)),
        "awslogs-credentials-endpoint": _Option(_text),
        "awslogs-force-flush-interval-seconds": _Option(_optional(_number(1))),
        "awslogs-max-buffered-events": _Option(_optional(_number(1))),
        "awslogs-format": _Option(_one_of("", "json/emf"), since=(23, 0)),
    },
    "gcplogs": {
        **{name: option for name, option in _COMMON.items() if name != "tag"},
        "gcp-project": _Option(_text),
        "gcp-log-cmd": _Option(_one_of("true", "false")),
        "gcp-meta-zone": _Option(_text),
        "gcp-meta-name": _Option(_text),
        "gcp-meta-id": _Option(_text),
    },
    "logentries": {**_COMMON, "logentries-token": _Option(_filled), "line-only": _Option(_boolean)},
}

_REQUIRED = {
    "awslogs": ("awslogs-group",),
    "gelf": ("gelf-address",),
    "logentries": ("logentries-token",),
    "splunk": ("splunk-token", "splunk-url"),
}

FILES = {
    "syslog": ("syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key"),
    "splunk": ("splunk-capath",),
}
"""Options that name a file which the driver reads for each container."""

NAMES = ("none", *_DRIVERS)
"""Docker's own drivers on Linux."""

# Options of one driver, or with one meaning in all: their values can be judged where the driver is not known.
_ANYWHERE: dict[str, _Option] = {
    **_OF_ALL,
    **{name: option for options in _DRIVERS.values() for name, option in options.items() if "-" in name},
    **_FILES,
}


def value_problems(options: Options) -> Iterator[str]:
    """What is wrong with values of ``options`` whatever the driver is, sentences that begin with the option."""
    for name in sorted(options):
        if name in _ANYWHERE:
            yield from _value_problem(name, _ANYWHERE[name], options[name])


def problems(driver: str, options: Options, version: Version | None) -> Iterator[str]:
    """What is wrong with the ``options`` of ``driver``, sentences that begin with the option.

    ``version`` is the engine's where it is known.
    """
    if driver not in _DRIVERS:
        return
    known = {**_OF_ALL, **_DRIVERS[driver]}
    for name in sorted(options):
        option = known.get(name)
        if option is None:
            yield _unknown(name, driver, known)
        elif version is not None and not option.since <= version < option.until:
            yield f"{name}: driver {driver} of engine {version[0]}.{version[1]} has no such option"
        else:
            yield from _value_problem(name, option, options[name])
    for name in _REQUIRED.get(driver, ()):
        if name not in options:
            yield f"{name} is missing: driver {driver} cannot do without it"
    problem = _together(driver, options)
    if problem:
        yield problem


def _value_problem(name: str, option: _Option, value: str) -> Iterator[str]:
    problem = option.check(value)
    if problem:
        yield f"{name}: {problem}, not {value!r}"


def _unknown(name: str, driver: str, known: dict[str, _Option]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(set(known) - set(_OF_ALL)))}"
    return f"{name}: driver {driver} has no such option; {hint}"


def _together(driver: str, options: Options) -> str | None:
    """What is wrong with several options together."""
    if "max-buffer-size" in options and options.get("mode") != "non-blocking":
        return "max-buffer-size needs mode: non-blocking"
    rule = _RULES.get(driver)
    return rule(options) if rule else None


def _json_file(options: Options) -> str | None:
    if go_syntax.boolean(options.get("compress", "false")):
        files = go_syntax.integer(options.get("max-file", "1"))
        if "max-size" not in options or (files is not None and files < 2):
            return "compress needs max-size and a max-file of at least 2: what is compressed are rotated files"
    return None


def _local(options: Options) -> str | None:
    files = go_syntax.integer(options.get("max-file", "5"))
    if files is not None and files < 2 and go_syntax.boolean(options.get("compress", "true")):
        return f'max-file {files} needs compress: "false", for what is compressed are rotated files'
    return None


def _syslog(options: Options) -> str | None:
    if not options.get("syslog-address", "").lower().startswith("tcp+tls://"):
        return None
    pair = [name for name in ("syslog-tls-cert", "syslog-tls-key") if options.get(name)]
    return f"{pair[0]} needs its other half, syslog-tls-cert with syslog-tls-key" if len(pair) == 1 else None


def _gelf(options: Options) -> str | None:
    scheme = options.get("gelf-address", "").partition(":")[0].lower()
    only = {"udp": ("gelf-compression-type", "gelf-compression-level")}
    only["tcp"] = ("gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay")
    wrong = [
        name for one, names in only.items() if scheme in only and one != scheme for name in names if name in options
    ]
    return f"{wrong[0]} does not go with a gelf-address of {scheme}://" if wrong else None


def _fluentd(options: Options) -> str | None:
    if options.get("fluentd-async") and options.get("fluentd-async-connect"):
        return "fluentd-async and its old name fluentd-async-connect exclude each other"
    return None


def _awslogs(options: Options) -> str | None:
    lines = [name for name in ("awslogs-datetime-format", "awslogs-multiline-pattern") if name in options]
    if len(lines) == 2:
        return f"{lines[0]} and {lines[1]} exclude each other"
    if lines and options.get("awslogs-format"):
        return f"{lines[0]} and awslogs-format exclude each other"
    return None


_RULES: dict[str, Callable[[Options], str | None]] = {
    "json-file": _json_file,
    "local": _local,
    "syslog": _syslog,
    "gelf": _gelf,
    "fluentd": _fluentd,
    "awslogs": _awslogs,
}
