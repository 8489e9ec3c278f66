# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of a fleet as a table, a line for each host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..module_utils._plan.steps import Plan
from .text import printable

_HEAD = ("HOST", "STEPS", "WHAT", "EFFECTS")
_GAP = "  "
_LEAST_WIDTH = 12
"""Columns that a shortened cell keeps."""
_ALIGNED_WIDTH = 60
"""Where nothing is shortened, the effects of all rows begin below each other unless what the steps do is longer."""


def table(plans: Mapping[str, Plan], width: int | None = None, outcomes: Mapping[str, str] | None = None) -> list[str]:
    """Lines of the table: a head, then host, number of steps, what they do, and what clients and containers notice.

    ``width`` is the terminal's, in columns, at least 48: lines fit into it, where needed by shortening what the steps
    do, then their effects, then the hosts' names. None shortens nothing. ``outcomes`` says for some hosts how the run
    has ended, which replaces what the steps do; hosts that have no plan may be among them. All is printable.
    """
    outcomes = outcomes or {}
    rows = [_HEAD]
    for host in sorted({*plans, *outcomes}):
        plan = plans.get(host)
        steps = plan["steps"] if plan else []
        what = outcomes.get(host) or (_what(plan) if plan else "")
        effects = "; ".join(dict.fromkeys(effect for step in steps for effect in step["effects"]))
        number = str(len(steps)) if plan and not plan["refusals"] else "-"
        rows.append((printable(host), number, printable(what), printable(effects)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    if widths[3] == len(_HEAD[3]) and not any(row[3] for row in rows[1:]):
        # Nobody notices anything.
        rows, widths = [(*row[:3], "") for row in rows], [*widths[:3], 0]
    if width is None:
        return [_line(row, [*widths[:2], min(widths[2], _ALIGNED_WIDTH), widths[3]], whole=True) for row in rows]
    _narrow(widths, width)
    return [_line(row, widths) for row in rows]


def _what(plan: Plan) -> str:
    if plan["refusals"]:
        return f"refused: {'; '.join(plan['refusals'])}"
    return "; ".join(step["summary"] for step in plan["steps"]) or "nothing to do"


def _narrow(widths: list[int], width: int) -> None:
    """Take columns from what the steps do, then from the effects, then from the host, until lines fit."""
    for column in (2, 3, 0):
        excess = sum(widths) + len(_GAP) * (sum(map(bool, widths)) - 1) - width
        widths[column] -= max(0, min(excess, widths[column] - _LEAST_WIDTH))


def _line(row: Sequence[str], widths: Sequence[int], whole: bool = False) -> str:
    cells = [
        cell.ljust(width) if whole or len(cell) <= width else f"{cell[: width - 1]}…"
        for cell, width in zip(row, widths)
        if width
    ]
    return _GAP.join(cells).rstrip()
