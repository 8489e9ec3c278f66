# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's plan as a file: written for a review, and carried out later on hosts that have not changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..module_utils._plan.steps import Plan, Step

VERSION = 1

_IDENTITY = ("name", "role", "summary", "parameters", "diff")
"""What makes two steps the same. Reasons and effects may change while the step does not: days that are left, containers
that run."""


class PlanFileError(ValueError):
    """The file cannot be read, or does not plan what would be done now; the message says what differs."""


def text(plans: dict[str, Plan]) -> str:
    """The JSON text of the plans of hosts, by the hosts' names."""
    return json.dumps({"version": VERSION, "hosts": plans}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def require(path: str, host: str, plan: Plan) -> None:
    """Raise PlanFileError unless the file at ``path`` plans the steps of ``plan`` for ``host``."""
    planned = _read(path).get(host)
    if planned is None:
        raise PlanFileError(f"plan_file {path} has no plan for this host: make one, with playbooks/plan.yml")
    if planned.get("refusals"):
        raise PlanFileError(
            f"plan_file {path} has no plan for this host, but a refusal: {'; '.join(map(str, planned['refusals']))}"
        )
    differing = differences(planned["steps"], plan["steps"])
    if differing:
        raise PlanFileError(
            f"this is not what plan_file {path} has planned: {'; '.join(differing)}. The host or its variables have "
            "changed since: make a new plan with playbooks/plan.yml, and review it"
        )


def differences(planned: list[Step], current: list[Step]) -> list[str]:
    """How the ``current`` steps differ from those ``planned``, a phrase for each step."""
    before = {step["name"]: step for step in planned}
    after = {step["name"]: step for step in current}
    differing = [f"{name} is not needed any more ({before[name]['summary']})" for name in before.keys() - after.keys()]
    differing += [f"{name} is needed now ({after[name]['summary']})" for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        changed = [key for key in _IDENTITY if _plain(before[name].get(key)) != _plain(after[name].get(key))]
        if changed:
            differing.append(f"{name} differs in its {' and '.join(changed)} ({after[name]['summary']})")
    return sorted(differing)


def _plain(value: Any) -> str:
    """A value as JSON text, for what was read from a file to compare with what was not."""
    return json.dumps(value, sort_keys=True)


def _read(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanFileError(f"plan_file {path} cannot be read: {error}") from error
    if not isinstance(content, dict) or content.get("version") != VERSION or not isinstance(content.get("hosts"), dict):
        raise PlanFileError(f"plan_file {path} is not a plan that playbooks/plan.yml of this version has written")
    return dict(content["hosts"])
