"""The tests that may skip in `make test`: one that skips without being named here fails, and so does one that need not.

tests/live is left out: there, the inventory that is tested decides what there is to test.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Generator

import pytest


def _without_ipvlan() -> bool:
    """Whether the kernel of the tested hosts knows no ipvlan: this machine's, except under `make emulated`."""
    # Nothing is made: no kernel makes one on the loopback.
    line = ["ip", "link", "add", "link", "lo", "name", "probe", "type", "ipvlan"]
    tried = subprocess.run(line, capture_output=True, text=True, check=False)
    return os.environ.get("MOORING_LAB") != "emulated" and "Unknown device type" in tried.stderr


def _without_engines() -> bool:
    """Whether there are no archives of engines (MOORING_ENGINES)."""
    from lab import archives

    return not archives.archives()


_OF_ENGINES = (
    "table_has_every_flag_and_no_other",
    "engine_takes_every_name_of_the_table",
    "engine_has_no_name_that_the_table_calls_unusable",
    "names_that_only_the_command_line_has_are_ignored_by_the_engine",
    "table_and_engine_agree",
)

_CUTS = "molecule/transaction/tests/test_cut.py"

SKIPS: dict[str, Callable[[], bool]] = {
    # Each takes minutes; `make thorough` has 20.
    f"{_CUTS}::test_first_run_whose_hosts_go_down_is_finished_by_the_next[NOTSET]": lambda: True,
    # No kernel module, no containers on such a network; `make emulated` has a kernel with it.
    "molecule/network/tests/test_networks.py::test_containers_of_two_hosts_talk_over_ipvlan": _without_ipvlan,
    # That daemon leaves the kernel's parameters alone.
    "molecule/network/tests/test_sysctls.py::test_ipv6_by_hand_takes_the_hosts_own_router_away": lambda: (
        os.environ.get("MOORING_BACKEND") == "nftables"
    ),
    # Nothing to ask; `make unit` takes the archives of ../shared/engines where they are.
    **{f"tests/unit/config/test_dockerd_options.py::test_{name}[none]": _without_engines for name in _OF_ENGINES},
}
"""Id of a test to whether it has to skip here."""


def _must_skip(node: str) -> bool:
    # The scenario has no host without an engine for it.
    if node.startswith("molecule/backends/"):
        return _without_engines()
    return node in SKIPS and SKIPS[node]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.nodeid.startswith("tests/live/"):
        return report
    must_skip = _must_skip(item.nodeid)
    if report.skipped and not must_skip:
        _fail(report, f"skips without being in SKIPS of {__file__}: {report.longrepr}")
    elif report.when == "call" and report.passed and must_skip:
        _fail(report, f"runs, although it is in SKIPS of {__file__}: take it out there")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and not collector.nodeid.startswith("tests/live"):
        report.outcome = "failed"
        report.longrepr = f"skips as a whole: {report.longrepr}"
    return report


def _fail(report: pytest.TestReport, why: str) -> None:
    report.outcome = "failed"
    report.longrepr = why
