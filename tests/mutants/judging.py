"""Which test notices a mutant, the cheapest tests first."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from . import processes
from .checkout import Checkout
from .mutant import Mutant, MutantError

_PYTEST = ("-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider")
# This one holds that each mutant applies to the files as they are, so it fails on every mutant.
_ALL = ("tests/unit", "--ignore=tests/unit/test_mutants.py")


@dataclass(frozen=True)
class Verdict:
    """``caught`` is the test that noticed the mutant, None where none did."""

    mutant: Mutant
    caught: str | None
    seconds: float

    def __str__(self) -> str:
        how = f"caught by {self.caught}" if self.caught else "SURVIVES"
        return f"{self.seconds:6.1f} s  {self.mutant.guarantee}  {how}"


def failure(checkout: Checkout, tests: Sequence[str], directory: str = "") -> str | None:
    """The test that fails in the copy as it is, None where all pass. Raises MutantError where that cannot be told.

    ``directory`` is where the tests are started, relative to the checkout. Only those elsewhere use plugins of pytest,
    which take longer to load than most unit tests to run.
    """
    variables = {**checkout.variables(), **({} if directory else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})}
    done = processes.run([checkout.python, *_PYTEST, *tests], checkout.root / directory, variables)
    if done.status is None:
        return f"a test of {' '.join(tests)}, which does not end"
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.output, re.MULTILINE)
    if done.status == 0:
        return None
    if done.status != 1 or failed is None:
        raise MutantError(f"pytest {' '.join(tests)} ended with status {done.status}:\n{done.output[-3000:]}")
    return failed[1]


def judge(checkout: Checkout, mutant: Mutant, named_only: bool) -> Verdict:
    """Try the unit tests that the mutant names, then all, unless ``named_only``."""
    begun = time.monotonic()
    with checkout.mutated(mutant):
        caught = failure(checkout, mutant.paths) if mutant.paths else None
        if caught is None and not named_only:
            caught = failure(checkout, _ALL)
    return Verdict(mutant, caught, time.monotonic() - begun)
