# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a plain table for a terminal."""

from __future__ import annotations

from typing import Any

from .document import SEVERITIES

_NAMES = ("HOST", "FINDINGS", "ENGINE", "CONTAINERS", "CERTIFICATE")


def table(report: dict[str, Any]) -> str:
    """A line for each host, the worst first, then a line for each of its findings."""
    days: dict[str, int | None] = {}
    for one in report["certificates"]:
        days.setdefault(one["host"], one["days_left"])
    rows = [_NAMES]
    for host in report["hosts"]:
        running = sum(one["state"] == "running" for one in host["containers"])
        rows.append(
            (
                host["name"],
                _counts(host["findings_by_severity"]) or _without(host, report["verified"]),
                host["engine"]["version"] or "-",
                str(running) if host["observed"] else "-",
                f"{days[host['name']]} days left" if days.get(host["name"]) is not None else "-",
            )
        )
    widths = [max(len(row[index]) for row in rows) for index in range(len(_NAMES))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    everything = [one | {"host": host["name"]} for host in report["hosts"] for one in host["findings"]]
    for one in [*everything, *report["elsewhere"]]:
        lines += [
            "",
            f"{one['host']}: {one['severity']} {one['id']}",
            f"  expected: {one['expected']}",
            f"  observed: {one['observed']}",
            f"  remedy:   {one['remedy']}",
        ]
    return "\n".join(lines) + "\n"


def _counts(counts: dict[str, int]) -> str:
    words = [f"{counts[one]} {one}{'s' if counts[one] != 1 and one != 'info' else ''}" for one in SEVERITIES]
    return ", ".join(word for word, one in zip(words, SEVERITIES) if counts[one])


def _without(host: dict[str, Any], verified: bool) -> str:
    if not host["observed"]:
        return "not observed"
    return "none" if verified else "not verified"
