"""A certificate is issued anew for a reason, and for no other."""

from __future__ import annotations

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._tls import renewal

DEPLOYED = {
    "days_left": 100,
    "not_after": "2027-01-01T00:00:00Z",
    "names": ["DNS:trixie"],
    "authority_key_id": "aa",
    "bundle": ["f1"],
}
SIGNER = {"name": "Mooring server CA 2", "key_id": "aa"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"days_left": 30}, ""),
        ({"days_left": None}, "it could not be read"),
        ({"days_left": 29}, "it ends on 2027-01-01, in 29 days"),
        ({"names": []}, "it lacks DNS:trixie"),
        ({"names": ["DNS:Trixie", "IP:192.0.2.8"]}, ""),
        ({"authority_key_id": "bb"}, "it is not signed by Mooring server CA 2"),
        ({"authority_key_id": None}, "it is not signed by Mooring server CA 2"),
    ],
)
def test_a_certificate_is_due(change: dict[str, object], reason: str) -> None:
    assert renewal.certificate_due({**DEPLOYED, **change}, ["DNS:trixie"], 30, SIGNER) == reason


def test_one_name_that_is_lacking_is_enough() -> None:
    wanted = ["DNS:trixie", "IP:192.0.2.7"]
    assert renewal.certificate_due(DEPLOYED, wanted, 30, SIGNER) == "it lacks IP:192.0.2.7"


def test_a_missing_certificate_is_due() -> None:
    assert renewal.certificate_due(None, [], 30, SIGNER) == "there is none"


def test_a_certificate_that_is_asked_for_is_due_whatever_it_is() -> None:
    assert renewal.certificate_due(DEPLOYED, [], 30, SIGNER, "asked for") == "asked for"


def test_trust_is_due_unless_it_is_exactly_that() -> None:
    assert not renewal.trust_due({"bundle": ["f2", "f1"]}, ["f2", "f1"])
    assert renewal.trust_due({"bundle": ["f1", "f2"]}, ["f2", "f1"])
    assert renewal.trust_due(None, ["f1"])
    assert renewal.trust_due({"bundle": []}, [])
