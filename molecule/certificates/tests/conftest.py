"""A fleet whose daemons can all be reached from elsewhere, and this machine as a client of it."""

from __future__ import annotations

import pytest
import replacement
from clients import Client, client, fleet
from replacement import Replacement

__all__ = ["client", "fleet"]


@pytest.fixture(scope="session")
def replaced(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Replacement:
    """Both authorities are replaced, once for all tests that look at it."""
    return replacement.replace(client, tmp_path_factory.mktemp("loud"))
