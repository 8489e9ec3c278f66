# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of daemon.json that have a variable of docker_engine, and what is refused of these variables."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from ...module_utils._config import go_syntax, validation
from ...module_utils._config.options import short
from ...module_utils._plan.declaration import Options
from ...module_utils._plan.defaults import LOGGING
from .variables import Variables

_ROTATION = {"driver": "json-file", "max_size": "10m", "max_file": 3}
"""What ``docker_engine_log_rotation`` does not say."""

_HARDENED: Options = {
    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 16384, "Hard": 16384}},
    "icc": False,
    "log-driver": "journald",
    "no-new-privileges": True,
    "userland-proxy": False,
    "userns-remap": "default",
}
"""What section 2 of the CIS Docker Benchmark, version 1.6.0, asks for and dockerd does not do by itself.

live-restore and TLS have variables whose defaults follow it already; 2.12 needs a plugin, which nobody can choose here.
"""

_LOOPBACK = ("127.0.0.0/8", "::1/128")


def declared(variables: Variables) -> dict[str, Options]:
    """Each variable that is set, by its name, with the options that it declares."""
    made = {
        "proxies": _proxies(variables["docker_engine_proxies"]),
        "registry_mirrors": _single("registry-mirrors", variables["docker_engine_registry_mirrors"]),
        "insecure_registries": _single(
            "insecure-registries", _with_loopback(variables["docker_engine_insecure_registries"])
        ),
        "default_ulimits": _single("default-ulimits", _ulimits(variables["docker_engine_default_ulimits"])),
        "labels": _single("labels", _labels(variables["docker_engine_labels"])),
        "metrics_address": _single("metrics-addr", variables["docker_engine_metrics_address"]),
        "log_rotation": _rotation(variables["docker_engine_log_rotation"]),
    }
    return {f"docker_engine_{name}": options for name, options in made.items() if options}


def options(variables: Variables) -> Options:
    """What all of these variables declare."""
    return {key: value for options in declared(variables).values() for key, value in options.items()}


def defaults(variables: Variables, options: Options) -> Options:
    """What gives way to everybody else's, and to ``options``, the role's own."""
    given = _HARDENED if is_hardened(variables) else _rotation(_ROTATION)
    if variables["docker_engine_log_rotation"] is not None or not options.keys().isdisjoint(LOGGING):
        given = {key: value for key, value in given.items() if key not in LOGGING}
    return {key: value for key, value in given.items() if key not in options}


def is_hardened(variables: Variables) -> bool:
    """Whether the profile asks for all of the defaults; else they wait for a start of the daemon."""
    return bool(variables["docker_engine_profile"] == "hardened")


def problems(variables: Variables) -> Iterator[str]:
    """What is wrong with them, alone and beside ``docker_engine_options``: sentences that begin with a variable."""
    free = variables["docker_engine_options"]
    for name, options in declared(variables).items():
        for problem in validation.problems(options, whole=False):
            yield f"{name} {problem}"
        for key in sorted(options.keys() & free.keys()):
            if free[key] != options[key]:
                yield (
                    f"docker_engine_options {key} is {short(key, free[key])}, and {name} makes it "
                    f"{short(key, options[key], free[key])}: take one of them out"
                )
    yield from _metrics_problems(variables)


def _single(key: str, value: Any) -> Options:
    return {} if value is None else {key: value}


def _proxies(value: dict[str, Any] | None) -> Options:
    """The daemon's own; an empty mapping is none."""
    if value is None:
        return {}
    names = {"http-proxy": value.get("http"), "https-proxy": value.get("https")}
    names["no-proxy"] = ",".join(value.get("no_proxy", []))
    made = {name: one for name, one in names.items() if one}
    return {"proxies": made} if made else {}


def _with_loopback(value: list[str] | None) -> list[str] | None:
    """dockerd before 29.10 adds loopback addresses by itself, later ones only where nothing is declared.

    An empty list is left empty: from 29.10 on, it makes the local registries secure too (moby 53868).
    """
    return [*value, *(one for one in _LOOPBACK if one not in value)] if value else value


def _ulimits(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """A limit is a number, or a mapping of soft and hard, of which one stands for both."""
    if value is None:
        return None
    made = {}
    for name, limit in value.items():
        pair = limit if isinstance(limit, dict) else {"soft": limit}
        soft, hard = pair.get("soft", pair.get("hard")), pair.get("hard", pair.get("soft"))
        strange = {key: one for key, one in pair.items() if key not in ("soft", "hard")}
        made[name] = {"Name": name, "Soft": soft, "Hard": hard, **strange}
    return made


def _labels(value: dict[str, Any] | None) -> list[str] | None:
    return None if value is None else [f"{key}={one}" for key, one in sorted(value.items())]


def _rotation(value: dict[str, Any] | None) -> Options:
    """An empty mapping leaves logging to dockerd."""
    if not value:
        return {}
    said = {**_ROTATION, **value}
    return {
        "log-driver": said["driver"],
        "log-opts": {"max-size": str(said["max_size"]), "max-file": str(said["max_file"])},
    }


def _metrics_problems(variables: Variables) -> Iterator[str]:
    """dockerd serves its metrics in plain HTTP to all who can connect."""
    address = variables["docker_engine_metrics_address"]
    found = go_syntax.host_port(address) if isinstance(address, str) else None
    if found is None or variables["docker_engine_metrics_public"]:
        return
    try:
        is_local = ipaddress.ip_address(found[0]).is_loopback
    except ValueError:
        is_local = found[0] == "localhost"
    if not is_local:
        yield (
            f"docker_engine_metrics_address {address} gives the metrics to everybody who can reach the host, without "
            "TLS: use 127.0.0.1, or allow it with docker_engine_metrics_public: true"
        )
