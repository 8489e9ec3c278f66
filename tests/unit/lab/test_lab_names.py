"""The labs of scenarios that run beside each other share no network, wherever the checkout is."""

from __future__ import annotations

from pathlib import Path

import lab_names
import pytest

from lab import identity


@pytest.mark.parametrize("number", range(100))
def test_no_two_labs_share_a_network(number: int) -> None:
    checkout = Path(f"/checkout-{number}")
    name = lab_names.prefix(4, checkout)
    assert name == lab_names.prefix(4, checkout), "the labs of a run that was killed are found again"
    networks = [
        identity.identify(checkout / inventory, {"MOORING_LAB": f"{name}-{lane}"}).network
        for inventory in ("inventory/lab", "molecule/network/oldest", "molecule/backends/newest")
        for lane in range(4)
    ]
    networks.append(identity.identify(checkout / "inventory/lab", {}).network)
    assert len(set(networks)) == len(networks) == 13


def test_some_names_would_share_one() -> None:
    """Or the test above could not fail."""
    assert {lab_names.prefix(4, Path(f"/checkout-{number}")) for number in range(100)} > {"molecule"}
