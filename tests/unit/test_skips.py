"""A test that skips is named in the list of those that may, or it fails; so does one that is named and runs."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

def test_skips():
    pytest.skip("no reason")

@pytest.fixture
def missing():
    pytest.skip("no reason either")

def test_skips_in_its_fixture(missing):
    pass

def test_runs():
    pass

def test_is_named_and_skips():
    pytest.skip("as it should")

def test_is_named_and_runs():
    pass

def test_is_named_and_fails():
    assert False
"""


def test_only_tests_of_the_list_skip_and_all_of_them_do(tmp_path: Path) -> None:
    names = ("test_is_named_and_skips", "test_is_named_and_runs", "test_is_named_and_fails")
    listed = "".join(f"SKIPS['test_it.py::{name}'] = lambda: True\n" for name in names)
    (tmp_path / "conftest.py").write_text(f"{(ROOT / 'conftest.py').read_text()}\n{listed}")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -v --tb=line --continue-on-collection-errors\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.importorskip('mooring_none')\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert dict(re.findall(r"^test_it.py::(\w+) (PASSED|FAILED|SKIPPED|ERROR)", done.stdout, re.MULTILINE)) == {
        "test_skips": "FAILED",
        "test_skips_in_its_fixture": "ERROR",
        "test_runs": "PASSED",
        "test_is_named_and_skips": "SKIPPED",
        "test_is_named_and_runs": "FAILED",
        "test_is_named_and_fails": "FAILED",
    }
    assert "test_whole.py" in done.stdout
    assert "skips as a whole" in done.stdout


def test_the_list_names_tests_that_there_are() -> None:
    listed = runpy.run_path(str(ROOT / "conftest.py"))["SKIPS"]
    assert listed
    for name in listed:
        path, function = name.partition("[")[0].split("::")
        assert f"def {function}(" in (ROOT / path).read_text()
