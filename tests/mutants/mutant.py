"""What a deliberate fault is."""

from __future__ import annotations

from dataclasses import dataclass


class MutantError(Exception):
    """A mutant cannot be applied or judged; the message says which and why."""


@dataclass(frozen=True)
class Live:
    """Tests that need hosts: a scenario of molecule, a file of its tests, and what to choose of it (``pytest -k``)."""

    scenario: str
    file: str
    expression: str


@dataclass(frozen=True)
class Mutant:
    """One fault: in ``file``, which is relative to the checkout, ``new`` takes the place of ``old``.

    ``guarantee`` is the sentence that does not hold any more. ``tests`` are files below tests/unit, or tests in them as
    pytest names those, separated by white space: those that are to notice first. ``live`` is for what only a host can
    show.
    """

    guarantee: str
    file: str
    old: str
    new: str
    tests: str = ""
    live: Live | None = None

    @property
    def paths(self) -> list[str]:
        """The named unit tests, relative to the checkout."""
        return [f"tests/unit/{test}" for test in self.tests.split()]

    def apply(self, text: str) -> str:
        """The text of the file with the fault. Raises MutantError where ``old`` does not occur exactly once."""
        count = text.count(self.old)
        if count != 1:
            raise MutantError(
                f"{self.file}: the text to replace must occur once and occurs {count} times, in the mutant that breaks "
                f"{self.guarantee!r}: adapt the mutant to the file\n{self.old}"
            )
        return text.replace(self.old, self.new)
