# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finding is: one difference between what is declared and what is observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..text import printable

ERROR, WARNING, INFO = "error", "warning", "info"

APPLY = "run playbooks/site.yml"
"""The remedy where the declaration is right and the host is not."""


@dataclass(frozen=True)
class Finding:
    """``id`` is SUBJECT.WHAT; a subject is a tag of playbooks/verify.yml. ``severity`` is ERROR, WARNING or INFO."""

    id: str
    severity: str
    expected: str
    observed: str
    remedy: str

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.id.partition(".")[0]


def line(finding: dict[str, Any]) -> str:
    """A finding, as plain data with its host, on one line for logs and for monitoring."""
    return printable(
        f"{finding['host']}: {finding['severity']} {finding['id']}: "
        f"expected: {finding['expected']}; found: {finding['observed']}; remedy: {finding['remedy']}"
    )
