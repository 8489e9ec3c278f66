"""The deliberate faults of `make mutants` fit the files as they are, and what tries them finds those that survive."""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.mutants import faults, judging
from tests.mutants.checkout import Checkout
from tests.mutants.mutant import Mutant, MutantError

ROOT = Path(__file__).resolve().parents[2]
RENEWAL = "plugins/module_utils/_tls/renewal.py"
MUTANT = Mutant("None.", RENEWAL, "if days < renew_days:", "if days < 0:", "tls/test_renewal.py")


@pytest.mark.parametrize("mutant", faults.ALL, ids=lambda mutant: mutant.guarantee)
def test_mutant_fits_its_file(mutant: Mutant) -> None:
    """One that does not is to be adapted, so that its guarantee stays guarded."""
    before = (ROOT / mutant.file).read_text(encoding="utf-8")
    after = mutant.apply(before)
    if mutant.file.endswith(".py"):
        # What cannot be imported, or does the same, would prove nothing.
        assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))
    if mutant.file.endswith(".yml"):
        assert yaml.safe_load(after) != yaml.safe_load(before)
    assert mutant.guarantee.endswith(".")
    assert mutant.paths or mutant.live
    for path, _separator, name in (path.partition("::") for path in mutant.paths):
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
    if mutant.live:
        tests = ROOT / "molecule" / mutant.live.scenario / "tests" / mutant.live.file
        assert mutant.live.expression.split()[0] in tests.read_text(encoding="utf-8")


def test_each_guarantee_is_named_once() -> None:
    assert [text for text, count in Counter(mutant.guarantee for mutant in faults.ALL).items() if count > 1] == []


def test_a_text_that_is_not_there_once_is_refused() -> None:
    assert MUTANT.apply("if days < renew_days:\n") == "if days < 0:\n"
    for text in ("", "if days < renew_days:\n" * 2):
        with pytest.raises(MutantError, match=r"must occur once and occurs \d times"):
            MUTANT.apply(text)


def test_what_survives_is_told_from_what_is_caught(tmp_path: Path) -> None:
    """In a copy that is the collection for its tests; the checkout is as it was."""

    def status() -> str:
        command = ["git", "status", "--porcelain"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    before = status()
    checkout = Checkout(tmp_path / "0")
    checkout.make()
    assert judging.failure(checkout, MUTANT.paths) is None
    caught = judging.judge(checkout, MUTANT, named_only=True).caught
    assert (caught or "").startswith("tests/unit/tls/test_renewal.py::")
    equivalent = Mutant("None.", RENEWAL, '"""When a certificate', '"""Whether one', "tls/test_renewal.py")
    assert judging.judge(checkout, equivalent, named_only=True).caught is None
    assert (checkout.root / RENEWAL).read_text() == (ROOT / RENEWAL).read_text()
    assert judging.failure(checkout, MUTANT.paths) is None, "what was cached of the fault"
    broken = Mutant("None.", RENEWAL, "from . import names\n", "from . import nothing\n", "tls/test_renewal.py")
    with pytest.raises(MutantError, match="status 2"):
        judging.judge(checkout, broken, named_only=True)
    assert status() == before
