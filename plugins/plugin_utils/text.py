# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that others wrote, made safe to print: nothing in it steers a terminal, hides, or turns what is around it."""

from __future__ import annotations

import re
from typing import Any

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""What Unicode ignores by default (DerivedCoreProperties.txt, Default_Ignorable_Code_Point) and Python prints."""


def printable(text: str, lines: bool = False) -> str:
    r"""``text`` with every character that is not printable as a visible escape, such as ``\x1b``.

    That is control characters (C0, DEL, C1), line and paragraph separators, what changes the direction of writing, what
    has no width, what is private or not assigned, and lone surrogates. ``lines`` keeps newlines and tabs.
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(
        one
        if (one.isprintable() and not _INVISIBLE.match(one)) or (lines and one in "\n\t")
        else one.encode("unicode_escape").decode("ascii")
        for one in text
    )


def printable_data(value: Any) -> Any:
    """``value``, which is what JSON can say, with all its texts printable; newlines and tabs stay."""
    if isinstance(value, str):
        return printable(value, lines=True)
    if isinstance(value, dict):
        return {printable_data(key): printable_data(one) for key, one in value.items()}
    if isinstance(value, list):
        return [printable_data(one) for one in value]
    return value
