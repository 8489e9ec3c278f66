"""Filters that are due are previewed as nft would have them, and refused where nft would not load them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._firewall import nftables
from ansible_collections.mooring.docker.plugins.module_utils._plan import filter_preview
from planned_host import Planned

DIFF = [{"before_header": "table inet x", "after_header": "table inet x", "before": "", "after": "x"}]


class Fake:
    """In the place of a table; ``problem`` is why nft would not load it."""

    problem = ""

    def __init__(self, name: str, rules: str | None, required: bool) -> None:
        self.name = name
        if self.problem:
            raise nftables.NftError(self.problem)

    def diff(self) -> list[dict[str, str]]:
        return DIFF


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    found = Planned()
    monkeypatch.setattr(filter_preview.nftables, "Table", Fake)
    monkeypatch.setattr(filter_preview.docker_proxy, "Filter", lambda *words: Fake("published", *words))
    monkeypatch.setattr(filter_preview.docker_proxy, "require", lambda: None)
    monkeypatch.setattr(filter_preview.shutil, "which", lambda name, path: "/usr/sbin/nft")
    return found


def _previews(planned: Planned) -> Any:
    return filter_preview.preview(planned.declaration, planned.host)


def test_filters_as_declared_are_not_asked_for(planned: Planned) -> None:
    assert _previews(planned) == ({}, [])


def test_filters_that_are_due_are_previewed(planned: Planned) -> None:
    planned.engine["filter_rules"] = "chain input { }"
    planned.network["published"] = "closed"
    assert _previews(planned) == ({"published": DIFF, "endpoint": DIFF}, [])


def test_a_filter_that_cannot_be_loaded_is_refused(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    planned.engine["filter_rules"] = "chain input { }"
    monkeypatch.setattr(Fake, "problem", "nft refuses")
    assert _previews(planned) == ({}, ["nft refuses"])


def test_a_host_without_nft_is_asked_nothing(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    planned.engine["filter_rules"] = "chain input { }"
    monkeypatch.setattr(filter_preview.shutil, "which", lambda name, path: None)
    assert _previews(planned) == ({}, [])
