# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask each question once while a host is looked at, whoever needs the answer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

Answer = TypeVar("Answer")

_answers: dict[Hashable, Any] | None = None
"""What was answered since ``asking_once`` was entered; None outside of it."""


@contextlib.contextmanager
def asking_once() -> Iterator[None]:
    """Ask each question once, and give its answer again when it is asked again.

    Nothing may be changed meanwhile by who looks.
    """
    global _answers
    if _answers is not None:
        yield
        return
    _answers = {}
    try:
        yield
    finally:
        _answers = None


def once(question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """What ``ask`` returns, within ``asking_once`` for the first who asks that question. An exception is no answer."""
    if _answers is None:
        return ask()
    if question not in _answers:
        _answers[question] = ask()
    answer: Answer = _answers[question]
    return answer
