"""Defaults give way to everybody, and no daemon restarts because of one."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._plan import configuration, defaults
from planned_host import Planned

ROTATION = {"log-driver": "json-file", "log-opts": {"max-size": "10m"}}
HARDENED = {"icc": False, "log-driver": "journald", "userns-remap": "default"}
LOGGING = ["log-driver", "log-opts"]


def _planned(given: dict[str, Any], *deferred: str, fragments: dict[str, list[str]] | None = None) -> Planned:
    planned = Planned()
    planned.engine.update(defaults=given, deferred=list(deferred))
    fragments = {"10-engine": ["hosts"]} if fragments is None else fragments
    planned.host["configuration"].update(fragments=fragments, effective=sorted({*chain(*fragments.values())}))
    return planned


def _left_out(planned: Planned, starts: bool = False) -> list[str]:
    return defaults.left_out(planned.declaration, planned.host, starts)  # type: ignore[arg-type]


def test_a_daemon_that_runs_does_not_get_what_nobody_asked_for() -> None:
    assert _left_out(_planned(ROTATION, *LOGGING)) == LOGGING


def test_a_daemon_that_starts_gets_it_and_keeps_it() -> None:
    assert _left_out(_planned(ROTATION, *LOGGING), starts=True) == []
    assert _left_out(_planned(ROTATION, *LOGGING, fragments={"10-engine": LOGGING})) == []


@pytest.mark.parametrize("fragment", ["00-adopted", "30-other"])
@pytest.mark.parametrize("key", LOGGING)
def test_a_driver_and_its_options_give_way_together(fragment: str, key: str) -> None:
    planned = _planned(ROTATION, *LOGGING, fragments={"10-engine": ["hosts"], fragment: [key]})
    assert _left_out(planned, starts=True) == LOGGING


def test_what_a_daemon_json_from_before_says_counts_before_it_is_adopted() -> None:
    planned = _planned(ROTATION, *LOGGING, fragments={})
    planned.host["configuration"]["effective"] = ["log-opts"]
    assert _left_out(planned, starts=True) == LOGGING


def test_what_was_asked_for_does_not_wait() -> None:
    planned = _planned(HARDENED)
    planned.host["engine"]["used"] = False
    assert _left_out(planned) == []


def test_what_was_asked_for_is_compared_with_an_adopted_daemon_json() -> None:
    """The run is refused where they disagree, and says so."""
    planned = _planned(HARDENED, fragments={"00-adopted": ["icc"]})
    assert "icc" not in _left_out(planned)


def test_single_variables_of_the_network_override() -> None:
    planned = _planned(HARDENED, fragments={"10-engine": ["icc"], "20-network": ["log-driver"]})
    planned.network["options"]["icc"] = True
    # What the network's fragment has there is about to be replaced.
    assert _left_out(planned, starts=True) == ["icc", "userns-remap"]
    planned.network = None
    assert "log-driver" in _left_out(planned, starts=True)


def test_icc_needs_iptables() -> None:
    planned = _planned(HARDENED)
    planned.network["options"]["iptables"] = False
    assert "icc" in _left_out(planned)


def test_images_and_containers_are_not_hidden_from_the_daemon() -> None:
    planned = _planned(HARDENED)
    assert _left_out(planned, starts=True) == ["userns-remap"]
    planned.host["engine"]["used"] = False
    assert _left_out(planned) == []
    # Once it is on, they are those of the remapped root.
    planned.host["engine"]["used"] = True
    planned.host["configuration"].update(fragments={"10-engine": ["userns-remap"]}, effective=["userns-remap"])
    assert _left_out(planned) == []


def test_the_engines_own_options_win() -> None:
    planned = _planned({"icc": False, "labels": ["a=b"]})
    planned.engine["options"] = {"labels": ["c=d"]}
    content = configuration.content(planned.declaration, {}, left_out=["icc"])
    assert content["10-engine"] == {"labels": ["c=d"]}


def test_the_network_alone_has_no_defaults() -> None:
    planned = Planned("network")
    assert _left_out(planned) == []
