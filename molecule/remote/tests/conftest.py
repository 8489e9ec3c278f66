"""A fleet whose daemons can all be reached from elsewhere, and this machine as a client of it."""

from __future__ import annotations

import pytest
from clients import client, fleet

__all__ = ["client", "fleet"]


@pytest.fixture
def own_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's library requests prefers these, where they are set, to the authority that the SDK was given."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
