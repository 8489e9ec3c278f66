# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running daemon has by default or by its configuration, by the names of daemon.json. Pure functions.

Only what is no secret, and as the daemon itself shows it wherever it does.
"""

from __future__ import annotations

import re
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
    "userland-proxy-path": "",
    # By default on since 27.
    "ip6tables": None,
    "allow-direct-routing": False,
}
_FLAG = re.compile(r"--(?P<name>[a-z0-9-]+)(=(?P<value>true|false))?")
_DIRECT_ROUTING = "DOCKER_INSECURE_NO_IPTABLES_RAW=1"
"""What dockerd's environment has where the kernel lacks the rules that keep direct routing out (moby 49621)."""


def flags(command: list[str], environment: list[str]) -> Config:
    """Switches among those above that a daemon was started with, beside its daemon.json."""
    found = [match for match in map(_FLAG.fullmatch, command[1:]) if match]
    switches = {match["name"]: match["value"] != "false" for match in found if match["name"] in _UNSHOWN}
    return {
        **{name: value for name, value in switches.items() if isinstance(_UNSHOWN[name], (bool, type(None)))},
        **({"allow-direct-routing": True} if _DIRECT_ROUTING in environment else {}),
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
