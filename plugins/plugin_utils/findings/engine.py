# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engine, CLI, API and service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import APPLY, ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def engine(_declared: dict[str, Any], host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on ``host``, as ``host_info`` saw it."""
    seen = host["engine"]
    service = seen["service"]
    if not seen["installed"]:
        yield Finding("engine.missing", ERROR, "a Docker Engine", "there is no dockerd", APPLY)
        return
    if not seen["cli_version"]:
        yield Finding("engine.cli_missing", ERROR, "the docker CLI", "there is none", "install docker-cli")
    elif _release(seen["cli_version"]) != _release(seen["version"]):
        yield Finding(
            "engine.cli_differs",
            WARNING,
            f"a CLI of the engine's version {seen['version']}",
            f"docker is {seen['cli_version']}",
            "bring both packages to one version",
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


def _release(version: str | None) -> list[str]:
    """Major and minor."""
    return (version or "").split(".")[:2]
