# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Mooring's actions have in common, wherever they do their work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible.plugins.action import ActionBase

from . import injected_facts


class Guarded(ActionBase):  # type: ignore[misc]  # Ansible has no types.
    """An action that does not begin where what hosts answer could replace variables."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """What every action begins with. Raises AnsibleError where hosts could replace variables."""
        injected_facts.refuse()
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result


class OnController(Guarded):
    """An action that needs no connection to a host."""

    _requires_connection = False


def refused(host: str, problems: Iterable[str]) -> dict[str, Any]:
    """The result for a ``host`` for which there is no plan, with every reason in one message."""
    return {"failed": True, "msg": f"{host}: {'; '.join(problems)}"}
