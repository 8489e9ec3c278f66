# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run is: a line on the terminal, which the next one replaces."""

from __future__ import annotations

import shutil
import sys

from .text import printable


class Progress:
    """The last line of the standard error, where that is a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self.is_shown = sys.stderr.isatty()

    def show(self, line: str) -> None:
        """Put ``line``, as much of it as the terminal is wide, in the place of the last one."""
        if self.is_shown:
            line = printable(line)[: max(1, shutil.get_terminal_size().columns - 1)] if line else ""
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave nothing of it, so that other lines can follow."""
        self.show("")
