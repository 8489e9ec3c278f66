# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Mooring's actions run its modules on hosts, which are not trusted."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure

from . import reply
from .actions import Guarded
from .text import printable


class OnHost(Guarded):
    """An action whose modules' replies are data."""

    def _execute_module(
        self, module_name: str | None = None, module_args: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        self._module = module_name or self._task.action
        try:
            result: dict[str, Any] = super()._execute_module(module_name, module_args, **options)
        except AnsibleConnectionFailure as error:
            # What ssh says has the last words of the host in it.
            raise AnsibleConnectionFailure(printable(str(error), lines=True)) from None
        return result

    def _parse_returned_data(self, res: dict[str, Any], *words: Any) -> Any:
        """Ansible's own, after the reply was made data: it comes before Ansible gives a meaning to anything in it."""
        is_async = bool(self._task.async_val) and not self._connection.has_native_async
        name = self._module.rpartition(".")[2]
        text = reply.cleaned(name, res["stdout"], res["stderr"], res["rc"], is_async)
        return super()._parse_returned_data({**res, "stdout": text, "stderr": ""}, *words)
