"""Mutants that only a host shows, on a lab that the original provisions once, and again after each of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from . import processes
from .checkout import Checkout
from .judging import Verdict, failure
from .mutant import Live, Mutant, MutantError


def judge_live(checkout: Checkout, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
    """Try them one scenario after the other. Raises MutantError where a test fails without any fault."""
    scenarios = dict.fromkeys(mutant.live.scenario for mutant in mutants if mutant.live)
    for scenario in scenarios:
        chosen = [(mutant, mutant.live) for mutant in mutants if mutant.live and mutant.live.scenario == scenario]
        try:
            _molecule(checkout, "create", scenario)
            _molecule(checkout, "converge", scenario)
            for mutant, live in chosen:
                begun = time.monotonic()
                failed = _failure(checkout, live)
                if failed is not None:
                    raise MutantError(f"{failed} fails on the lab without any fault")
                with checkout.mutated(mutant):
                    caught = _failure(checkout, live)
                yield Verdict(mutant, caught, time.monotonic() - begun)
                _molecule(checkout, "converge", scenario)
        finally:
            _molecule(checkout, "destroy", scenario)


def _failure(checkout: Checkout, live: Live) -> str | None:
    return failure(checkout, [f"tests/{live.file}", "-k", live.expression], f"molecule/{live.scenario}")


def _molecule(checkout: Checkout, verb: str, scenario: str) -> None:
    done = processes.run(["molecule", verb, "--scenario-name", scenario], checkout.root, checkout.variables())
    if done.status != 0:
        raise MutantError(f"molecule {verb} --scenario-name {scenario} failed:\n{done.output[-3000:]}")
