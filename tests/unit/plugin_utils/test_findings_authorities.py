"""Authorities and clients whose certificates end, and rotations that did not, are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls import pair
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities, generations, keys, signing
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import certificates
from test_keys import PASSPHRASE


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fleet's authorities, for 100 days, and alice's certificate for 20."""
    monkeypatch.setattr(keys, "_N", 16)
    found = str(tmp_path / "pki")
    for kind in authorities.KINDS:
        generations.make(found, kind, 1, PASSPHRASE, 397, 100)
    issue(found, "alice", 20)
    return found


def issue(directory: str, name: str, days: float) -> None:
    _made, request = pair.request(Path(directory).parent / name, "client")
    signer = authorities.view(directory)["client"]["signer"]
    text = signing.sign(request, "client", name, [], days, signer, PASSPHRASE)
    signing.announce(directory, "client", name, text)
    signing.confirm(directory, "client", name)


def found(directory: str, client_days: int = 14, authority_days: int = 90) -> list[tuple[str, str]]:
    seen = certificates.controller(directory, client_days, authority_days)
    return [(finding.id, finding.severity) for finding in seen if finding.id != "certificates.authorities_due"]


def test_nothing_is_found_while_all_lasts(directory: str) -> None:
    assert found(directory) == []


def test_a_client_whose_certificate_ends_is_told(directory: str) -> None:
    assert found(directory, client_days=21) == [("certificates.ends_soon", "warning")]
    issue(directory, "bob", -0.01)
    assert found(directory) == [("certificates.expired", "error")]


def test_an_authority_is_to_be_replaced_while_it_outlives_what_it_signs(directory: str) -> None:
    assert found(directory, authority_days=101) == [("certificates.ends_soon", "warning")] * 2


def test_what_a_rotation_has_left_to_do_is_told(directory: str) -> None:
    """An error once an authority is distrusted that a daemon may still trust."""
    state = authorities.load(directory)
    rotation = {"step": "begun", "kinds": ["client"], "leaving": []}
    authorities.save(directory, {**state, "rotation": rotation})
    assert found(directory) == [("certificates.rotation", "warning")]
    distrusted = authorities.distrusted(2, ["mallory"], ["web-1"])
    authorities.save(directory, {**state, "distrusted": [distrusted]})
    assert found(directory) == [("certificates.rotation", "error")]
