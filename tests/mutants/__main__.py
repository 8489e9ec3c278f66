"""`make mutants`: try every mutant, say which test notices it, and fail where one survives.

Works on copies of the checkout, which are gone afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import queue
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import FrameType

from . import faults, processes
from .checkout import ROOT, Checkout
from .judging import Verdict, failure, judge
from .lab import judge_live
from .mutant import Mutant, MutantError

_WORKERS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="try mutants with this in their file or guarantee")
    parser.add_argument("--sample", type=int, metavar="N", help="try N of them, by the unit tests that they name")
    parser.add_argument("--seed", default=_seed(), help="which N: by default others on each day and commit")
    level = parser.add_mutually_exclusive_group()
    level.add_argument("--unit", action="store_true", help="without those that need a lab")
    level.add_argument("--live", action="store_true", help="those that need a lab alone")
    asked = parser.parse_args()

    chosen = [
        one for one in faults.ALL if not asked.words or any(word in one.file + one.guarantee for word in asked.words)
    ]
    unit = [mutant for mutant in chosen if not mutant.live and not asked.live]
    live = [mutant for mutant in chosen if mutant.live and not (asked.unit or asked.sample)]
    if asked.sample:
        print(f"a sample of {asked.sample} mutants, --seed '{asked.seed}'", flush=True)
        unit = random.Random(asked.seed).sample(unit, min(asked.sample, len(unit)))

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        try:
            with contextlib.closing(_verdicts(Path(directory), unit, live, bool(asked.sample))) as verdicts:
                for verdict in verdicts:
                    print(verdict, flush=True)
                    survivors += [] if verdict.caught else [verdict.mutant]
        except MutantError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        finally:
            processes.end_all()
    for mutant in survivors:
        print(f"\nno test notices that this does not hold: {mutant.guarantee}\n{_shown(mutant)}")
    print(f"\n{len(unit) + len(live)} mutants, {len(survivors)} survive")
    return 1 if survivors else 0


def _verdicts(directory: Path, unit: Sequence[Mutant], live: Sequence[Mutant], named_only: bool) -> Generator[Verdict]:
    """Of each mutant as it comes. Raises MutantError where the tests fail without a fault, or one cannot be judged."""
    copies = [Checkout(directory / str(number)) for number in range(_WORKERS if unit else 1)]
    for copy in copies:
        copy.make()
    free: queue.SimpleQueue[Checkout] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def check(tests: list[str]) -> str | None:
        copy = free.get()
        try:
            return failure(copy, tests)
        finally:
            free.put(copy)

    def verdict_of(mutant: Mutant) -> Verdict:
        copy = free.get()
        try:
            return judge(copy, mutant, named_only)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            named = sorted({path for mutant in unit for path in mutant.paths})
            for failed in pool.map(check, filter(None, (named[number::_WORKERS] for number in range(_WORKERS)))):
                if failed is not None:
                    raise MutantError(f"{failed} fails without any fault")
            for future in as_completed([pool.submit(verdict_of, mutant) for mutant in unit]):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end_all()
            raise
    yield from judge_live(copies[0], live)


def _seed() -> str:
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return f"{datetime.date.today()} {head.stdout.strip()}".strip()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _shown(mutant: Mutant) -> str:
    lines = [f"  - {line}" for line in mutant.old.splitlines()] + [f"  + {line}" for line in mutant.new.splitlines()]
    return "\n".join([f"  {mutant.file}", *lines])


if __name__ == "__main__":
    sys.exit(main())
