# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies of apt, in a file of its configuration (apt-transport-http(1)). Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

PATH = "/etc/apt/apt.conf.d/95-mooring-proxy"

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def problems(proxies: dict[str, Any]) -> Iterator[str]:
    """What apt does not take of proxies that are right for dockerd, in sentences that begin with a key."""
    for name in ("http", "https"):
        value = proxies.get(name, "")
        if value and not re.match(r"(https?|socks5h)://", value):
            yield f"{name} must begin with http://, https:// or socks5h:// for apt (packages: true)"
        if re.search(r'["\\\s]', value):
            yield f'{name} must have no space, " or \\ for apt (packages: true); write them as in a URL (%22)'


def text(proxies: dict[str, Any]) -> str:
    """The file. Of what is reached directly apt knows single hosts only."""
    lines = ["// Written by mooring.docker.docker_engine (docker_engine_proxies)."]
    hosts = [one for one in proxies.get("no_proxy", []) if _HOST.fullmatch(one)]
    for name in ("http", "https"):
        if proxies.get(name):
            lines.append(f'Acquire::{name}::Proxy "{proxies[name]}";')
            lines += [f'Acquire::{name}::Proxy::{host} "DIRECT";' for host in hosts]
    return "\n".join(lines) + "\n"
