# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: compose daemon.json from fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._apply import composition
from .._config import options as daemon_options
from .._config import redaction
from .._config.fragments import ConfigError
from .._engine import daemon
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    # Some of it is secret, so it stays out of the host's log.
    "fragments": {"type": "dict", "required": True, "no_log": True},
    "on_conflict": {"type": "str", "choices": ["refuse", "declared", "existing"], "default": "refuse"},
    "socket": {
        "type": "dict",
        "options": {
            "paths": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "docker"},
            "mode": {"type": "str", "default": "0660"},
        },
    },
    "restart": {"type": "str", "choices": ["only_without_containers", "when_needed", "never"]},
    "containers": {"type": "str", "choices": ["keep", "drain"], "default": "keep"},
    "data_root_change": {"type": "str", "choices": ["refuse", "move"], "default": "refuse"},
    "tls_to_come": {"type": "bool", "default": False},
}


def execute(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """As mooring.docker.daemon_config does. Raises StepError."""
    try:
        result = composition.configure(
            {name: content or {} for name, content in options["fragments"].items()},
            options["on_conflict"],
            options["socket"],
            options["restart"],
            options["containers"] == "drain",
            options["tls_to_come"],
            options["data_root_change"] == "move",
            check_mode,
        )
    except ConfigError as error:
        raise StepError(redaction.scrubbed(str(error), secrets(options))) from error
    del result["keys"]
    return {**result, "plan": result["plan"].reply()}


def secrets(options: Mapping[str, Any]) -> set[str]:
    """Those of the daemon on this host, and those in the fragments."""
    return daemon.secrets().union(*(daemon_options.secrets(content or {}) for content in options["fragments"].values()))
