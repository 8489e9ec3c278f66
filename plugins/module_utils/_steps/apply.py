# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step: bring the running daemon to daemon.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._apply import connection_guard
from .._apply.revert_timer import ConfirmError
from .._apply.transaction import ApplyError, Transaction
from .._config import redaction
from .._config.fragments import ConfigError
from .._engine import daemon, planning
from .._firewall import backend
from .._firewall.backend import BackendError
from .failure import StepError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: dict[str, Any] = {
    "restart": {
        "type": "str",
        "choices": ["only_without_containers", "when_needed", "never"],
        "default": "only_without_containers",
    },
    "containers": {"type": "str", "choices": ["keep", "drain"], "default": "keep"},
    "timeout": {"type": "int", "default": 60},
    "confirm": {"type": "int", "default": 0},
}


def execute(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """As mooring.docker.daemon_apply does. Raises StepError."""
    secrets = daemon.secrets()
    try:
        return _apply(options, check_mode)
    except (ApplyError, BackendError, ConfigError, ConfirmError) as error:
        # dockerd quotes what it does not like.
        raise StepError(redaction.scrubbed(str(error), secrets | daemon.secrets())) from error


def _apply(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    observed = planning.observe(may_drain=options["containers"] == "drain")
    plan = observed.plan
    transaction = Transaction(observed, options["timeout"])
    result: dict[str, Any] = {"action": plan.action, "keys": plan.keys, "reasons": plan.reasons, "pending": None}
    result["drained"] = [container.name for container in observed.to_run]
    result["armed"] = connection_guard.is_pending()
    if not observed.is_installed and not check_mode:
        raise ApplyError("there is no docker.service on this host; install the engine first")
    refusal = plan.refusal(options["restart"])
    if refusal and not check_mode:
        result["drained"] = transaction.start_interrupted()
    if refusal and options["restart"] == "never":
        return {
            **result,
            "changed": True,
            "action": "nothing",
            "pending": plan.sentence(),
            "warnings": [refusal],
        }
    if refusal:
        raise ApplyError(refusal)
    left = backend.left_behind(observed.config)
    is_due = not observed.is_enabled or bool(observed.to_run) or observed.is_untested or bool(left)
    changed = plan.action != "nothing" or is_due
    if not check_mode:
        with connection_guard.guarded(options["confirm"], plan.action, observed.config, observed.to_run):
            transaction.execute()
        # A daemon that was not brought to nftables needs the policy.
        backend.accept_forwarded(left)
        result["warnings"] = [redaction.scrubbed(warning, daemon.secrets()) for warning in transaction.warnings]
        result["armed"] = connection_guard.is_pending()
    lines = "".join(f"{reason}\n" for reason in plan.reasons)
    lines += "".join(f"start {container.name}\n" for container in observed.to_run)
    lines += "".join(f"{program} -P FORWARD ACCEPT\n" for program in left)
    diff = {"before": "", "after": f"{plan.action}\n{lines}", "after_header": "docker.service"}
    return {"changed": changed, **result, **({"diff": diff} if changed else {})}
