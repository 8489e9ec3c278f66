"""A fake host for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.apply.fake_host import FakeHost


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host with an engine that has never run."""
    return FakeHost(tmp_path, monkeypatch)
