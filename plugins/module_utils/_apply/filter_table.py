# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put packet filters in force, under the revert timer where they change what passes."""

from __future__ import annotations

from typing import Any

from .._config import pending, state
from .._firewall import nftables
from .._system import commands
from . import revert_script, revert_timer


def ensure(table: nftables.Table, seconds: int, check: bool) -> dict[str, Any]:
    """Put ``table`` in force where it is not, or only tell what would change (``check``); what a module answers then.

    ``seconds`` are those of the revert timer. The caller holds the lock. Raises NftError, or ConfirmError.
    """
    changed = table.changed
    result = {"diff": table.diff()} if changed else {}
    if changed and not check:
        _execute(table, seconds)
    return {"changed": changed, "table": table.wanted, "armed": bool(pending.observe()["armed"]), **result}


def _execute(table: nftables.Table, seconds: int) -> None:
    """Put the table in force and keep it over a boot."""
    guard = 0 if table.is_live else seconds
    owner = f"table {nftables.table(table.name)}"
    undo = revert_script.restore_table(table)
    with revert_timer.guarded(owner, guard, [*table.files, nftables.AT_BOOT], undo):
        if not table.is_live:
            table.load()
        for path, text in table.files.items():
            if table.old[path] != text:
                state.write(path, text)
        if table.boots_wrong:
            table.enable()
    if nftables.has_failed():
        # It says for itself whether all can be loaded by now.
        commands.run("systemctl", "restart", nftables.UNIT.name)
