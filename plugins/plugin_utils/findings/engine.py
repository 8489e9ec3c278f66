# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engine, CLI, API and service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def engine(_declared: dict[str, Any], host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on ``host``, as ``host_info`` saw it."""
    seen = host["engine"]
    service = seen["service"]
    unfinished = host["installation"]["unfinished"]
    if unfinished:
        yield Finding(
            "engine.unfinished",
            ERROR,
            f"{', '.join(unfinished)} {'are' if len(unfinished) > 1 else 'is'} installed whole",
            ", ".join(f"{name} is {state}" for name, state in unfinished.items()),
            APPLY,
        )
    if not seen["installed"]:
        yield Finding("engine.missing", ERROR, "a Docker Engine", "there is no dockerd", APPLY)
        return
    if not seen["version"]:
        yield Finding("engine.broken", ERROR, "dockerd tells its version", "it does not run", "reinstall its package")
    if not seen["cli_version"]:
        yield Finding("engine.cli_missing", ERROR, "the docker CLI", "there is none", "install docker-cli")
    elif _release(seen["cli_version"])[:2] != _release(seen["running_version"] or seen["version"])[:2]:
        yield Finding(
            "engine.cli_differs",
            WARNING,
            f"a CLI of the engine's version {seen['running_version'] or seen['version']}",
            f"docker is {seen['cli_version']}",
            "bring both packages to one version",
        )
    yield from _versions(seen)
    yield from _resources(seen)
    if host["system"]["apparmor_parser"] is False:
        yield Finding(
            "engine.apparmor",
            ERROR,
            "apparmor_parser, for the kernel confines containers by AppArmor",
            "there is none: containers do not start, or unconfined",
            f"{APPLY}, then restart the daemon",
        )
    elif host["system"]["apparmor_parser"] and seen["settings"] and not seen["settings"]["apparmor"]:
        yield Finding(
            "engine.apparmor",
            ERROR,
            "AppArmor confines containers",
            "the daemon knows nothing of it: it started without apparmor_parser",
            "restart the daemon",
        )
    if seen["containerd"] and seen["containerd"]["active"] != "active":
        yield Finding(
            "engine.containerd_stopped",
            ERROR,
            "containerd.service runs",
            f"it is {seen['containerd']['active']}: no container starts or stops",
            "see `journalctl -u containerd`, then systemctl start containerd",
        )
    if service["enabled"] != "enabled":
        yield Finding("engine.disabled", ERROR, "docker.service starts at boot", f"it is {service['enabled']}", APPLY)
    if service["active"] != "active":
        yield Finding(
            "engine.stopped",
            ERROR,
            "docker.service runs",
            f"it is {service['active']}",
            f"see `journalctl -u docker`, then {APPLY}",
        )
    elif not seen["api_version"]:
        yield Finding(
            "engine.silent",
            ERROR,
            "the API answers on a local socket",
            "it does not",
            f"see `journalctl -u docker`, then {APPLY}",
        )


_ROOM = 64 * 2**20
"""Bytes without which the engine starts no container, let alone takes an image."""
_INODES = 1000


def _resources(seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on what the engine lacks to start containers."""
    for place in seen["storage"]:
        path = place["path"]
        if place["read_only"]:
            problem, remedy = (
                "it is mounted read-only",
                f"see `dmesg`, then mount -o remount,rw $(findmnt -no TARGET -T {path})",
            )
        elif place["free"] < _ROOM:
            problem = f"{place['free'] // 2**20} of {place['size'] // 2**20} MiB are free"
            remedy = f"find out what fills it (docker system df, du -x {path}): it needs {_ROOM // 2**20} MiB"
        elif place["inodes_free"] is not None and place["inodes_free"] < _INODES:
            problem = f"{place['inodes_free']} inodes are free"
            remedy = f"delete files (docker system df, du --inodes -x {path}): it needs {_INODES}"
        else:
            continue
        expected = f"containers can write to the file system of {path}, which holds {', '.join(place['holds'])}"
        yield Finding("engine.storage", ERROR, expected, problem, remedy)
    for name, path in seen["programs"].items():
        if path is None:
            yield Finding(
                "engine.program_missing",
                ERROR,
                f"{name}, which starts containers",
                "there is no such program on the daemon's PATH: those that run go on, and no other starts",
                "reinstall its package (runc, containerd or containerd.io)",
            )


def container(test: dict[str, Any] | None) -> Iterator[Finding]:
    """Findings of the ``test`` of ``host_plan``, None where there was none."""
    expected = "the daemon runs a container with its own defaults"
    if test and test["problem"]:
        yield Finding(
            "engine.container",
            ERROR,
            expected,
            test["problem"],
            "see `journalctl -u docker -u containerd`; correct the option that the reason is about "
            f"(docker_engine_options), then {APPLY}",
        )
    elif test and test["obstacle"]:
        yield Finding(
            "engine.container_untested", WARNING, expected, f"that could not be tried: {test['obstacle']}", "as it says"
        )


def _versions(seen: dict[str, Any]) -> Iterator[Finding]:
    """The daemon that runs, the program that the next start takes, and the package it should be of."""
    versions = {
        "the daemon that runs": seen["running_version"],
        "dockerd on disk": seen["version"],
        f"package {(seen['package'] or {}).get('name')}": (seen["package"] or {}).get("version"),
    }
    known = {whose: version for whose, version in versions.items() if version}
    if len({tuple(_release(version)) for version in known.values()}) > 1:
        yield Finding(
            "engine.version_differs",
            ERROR,
            f"{', '.join(known)} are of one version",
            ", ".join(known.values()),
            "reinstall the package where dockerd is not its own (dpkg --verify), then restart the daemon",
        )


def _release(version: str | None) -> list[int]:
    """The upstream release in a version of a program or of a Debian package, whose epoch and revision do not count."""
    match = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version or "")
    return [int(word) for word in match[1].split(".")] if match else []
