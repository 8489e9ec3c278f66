# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running daemon has by default or by its configuration, by the names of daemon.json. Pure functions.

Only what is no secret, and as the daemon itself shows it wherever it does.
"""

from __future__ import annotations

from typing import Any

from .._config import options
from .._config.options import Config

# What the API shows nowhere, and what dockerd does without it.
_UNSHOWN: dict[str, Any] = {
    "log-level": "info",
    "iptables": True,
    "default-ulimits": {},
    "cgroup-parent": "",
    "userland-proxy": True,
}


def settings(config: Config, info: dict[str, Any]) -> dict[str, Any]:
    """Option to value, from daemon.json and from ``GET /info``."""
    security = _security(info.get("SecurityOptions") or [])
    registries = info.get("RegistryConfig") or {}
    named = [name for name, index in (registries.get("IndexConfigs") or {}).items() if not index.get("Secure", True)]
    found: dict[str, Any] = {
        **{option: config.get(option, default) for option, default in _UNSHOWN.items()},
        "apparmor": "apparmor" in security,
        "authorization-plugins": (info.get("Plugins") or {}).get("Authorization") or [],
        "experimental": bool(info.get("ExperimentalBuild")),
        "insecure-registries": sorted([*(registries.get("InsecureRegistryCIDRs") or []), *named]),
        "live-restore": bool(info.get("LiveRestoreEnabled")),
        "log-driver": info.get("LoggingDriver"),
        # Older engines do not show it.
        "no-new-privileges": "no-new-privileges" in security or bool(config.get("no-new-privileges")),
        "seccomp-profile": security.get("seccomp"),
        "storage-driver": info.get("Driver"),
        "userns-remap": "userns" in security,
    }
    shown: dict[str, Any] = options.concealed(found)
    return shown


def _security(texts: list[str]) -> dict[str, str | None]:
    """ "name=seccomp,profile=builtin" and such: name to profile, None for those that have none."""
    found: dict[str, str | None] = {}
    for text in texts:
        words = dict(word.split("=", 1) for word in text.split(",") if "=" in word)
        if "name" in words:
            found[words["name"]] = words.get("profile")
    return found
