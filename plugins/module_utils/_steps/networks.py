# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: make and remove user-defined networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._config import endpoints
from .._engine.api import Api
from .._network import addresses, network_changes
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT: dict[str, Any] = {"type": "str"}
_SWITCH: dict[str, Any] = {"type": "bool", "default": False}
OPTIONS: dict[str, Any] = {
    "networks": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "driver": {"type": "str", "default": "bridge"},
            "internal": _SWITCH,
            "attachable": _SWITCH,
            "ipv6": _SWITCH,
            "ranges": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "subnet": {"type": "str", "required": True},
                    "gateway": _TEXT,
                    "iprange": _TEXT,
                },
            },
            "driver_options": {"type": "dict"},
            "labels": {"type": "dict"},
        },
    },
    "docker_host": {"type": "str", "default": "unix:///run/docker.sock"},
    "timeout": {"type": "int", "default": 60},
}


def execute(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """As mooring.docker.networks does. Raises StepError."""
    problems = addresses.network_problems(options["networks"])
    if problems:
        raise StepError("; ".join(f"networks {problem}" for problem in problems))
    try:
        api = _api(options["docker_host"], options["timeout"])
        return network_changes.ensure(options["networks"], api, options["timeout"], check_mode)
    except endpoints.EndpointError as error:
        raise StepError(f"docker_host {options['docker_host']}: {error}") from error
    except network_changes.NetworkError as error:
        raise StepError(str(error)) from error


def _api(url: str, timeout: float) -> Api:
    endpoint = endpoints.parse(url)
    if endpoint.scheme == "unix":
        return Api(unix=endpoint.path, timeout=timeout)
    if endpoint.scheme == "tcp":
        return Api(tcp=(endpoint.host, endpoint.port), timeout=timeout)
    raise endpoints.EndpointError("write unix:///run/docker.sock, or tcp:// with an address of this host")
