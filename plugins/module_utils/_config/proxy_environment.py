# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's proxies as variables of its environment, for engines before 23.0, whose daemon.json has none.

The variables are in a file that is root's alone, for everybody may read the environment in a unit (systemctl show).
"""

from __future__ import annotations

import re
from typing import Any

from . import units
from .fragments import ConfigError
from .options import OPTIONS, Config

KEY = "proxies"

_VARIABLES = {"http-proxy": "HTTP_PROXY", "https-proxy": "HTTPS_PROXY", "no-proxy": "NO_PROXY"}


def is_needed(version: tuple[int, int] | None) -> bool:
    """Whether an engine of this version takes proxies from its environment only."""
    return version is not None and version < OPTIONS[KEY].since


def text(proxies: dict[str, Any]) -> str:
    """An EnvironmentFile with them (systemd.exec(5)). Raises ConfigError for what would need its escapes."""
    lines = ["# Written by mooring.docker.daemon_config."]
    for name, variable in _VARIABLES.items():
        value = str(proxies.get(name) or "")
        if re.search(r"""["'\\\s]""", value):
            raise ConfigError(
                f"proxies: {name} must have no spaces, quotes or backslashes; write them as in a URL (%22)"
            )
        if value:
            lines.append(f'{variable}="{value}"')
    return "\n".join(lines) + "\n"


def completed(config: Config, environment: str | None) -> Config:
    """What a daemon has with this daemon.json and this EnvironmentFile, None for none, as one configuration."""
    if environment is None:
        return config
    values = units.environment(environment)
    proxies = {name: values[variable] for name, variable in _VARIABLES.items() if variable in values}
    return {**config, KEY: proxies} if proxies else config


def without(config: Config, environment: str | None) -> Config:
    """The part of ``config`` for daemon.json, where the proxies are in ``environment``."""
    return {key: value for key, value in config.items() if key != KEY or environment is None}
