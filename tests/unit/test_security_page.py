"""Each guarantee of docs/security.md names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = {name: ROOT / "molecule" / name / "tests" for name in ("certificates", "remote")}
PLACES = {"unit": ROOT / "tests/unit", **SCENARIOS}
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def rows() -> list[str]:
    """The last column of the tables of guarantees."""
    guarantees = PAGE.partition("## What is guaranteed")[2].partition("## What is not defended against")[0]
    lines = [line for line in guarantees.splitlines() if line.startswith("| ") and not line.startswith("| guarantee")]
    return [line.rstrip(" |").rpartition(" | ")[2] for line in lines]


def test_each_guarantee_names_tests_that_are_there() -> None:
    assert len(rows()) > 20
    for row in rows():
        names = re.findall(r"`(?:(\w+)/((?:\w+/)?test_\w+\.py))?(?:::(test_\w+))?`", row)
        assert names, row
        for place, file, function in names:
            if file:
                text = (PLACES[place] / file).read_text(encoding="utf-8")
            assert not function or f"def {function}(" in text, (row, function)
