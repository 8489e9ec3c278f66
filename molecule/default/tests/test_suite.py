"""The suite for production passes on what was provisioned, fails on what is broken, and leaves no trace."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
import reach
from conftest import HOSTS, Demo

COMMAND = "pytest tests/live --hosts=ansible://docker_hosts --ansible-inventory=inventory/lab"
_TRACES = "docker ps -aq; docker images -aq; docker network ls -q; docker volume ls -q; ls /sys/class/net"
_DROP_IN = "/etc/systemd/system/docker.service.d/50-mooring.conf"

NEED_TLS = {
    "test_endpoints_can_be_reached",
    "test_plain_text_stays_out",
    "test_no_certificate_stays_out",
    "test_obsolete_versions_of_tls_stay_out",
    "test_certificates_are_of_the_fleets_authority",
    "test_client_gets_in",
    "test_certificates_have_the_names_and_none_of_another_host",
    "test_certificates_have_days_left",
}
NEED_A_DECLARATION = {
    "test_endpoints_cannot_be_reached_by_who_is_left_out",
    "test_docker0_has_the_declared_address[bip6]",
    "test_kernel_has_the_declared_parameters_and_keeps_them",
}
SKIPPED = {
    "bookworm": NEED_A_DECLARATION | NEED_TLS | {"test_docker0_has_the_declared_address[bip]"},
    "trixie": NEED_A_DECLARATION | {"test_docker0_has_the_declared_address[bip]"},
    "forky": NEED_A_DECLARATION | {"test_docker0_is_of_the_declared_pools"},
}
"""What the inventory does not declare of a host."""
NEED_A_CONTAINER = {
    "test_container_is_behind_a_veth_of_docker0",
    "test_container_has_an_address_of_docker0",
    "test_container_has_the_declared_mtu",
    "test_daemon_runs_a_container_with_its_own_defaults",
    "test_connections_to_a_container_and_from_it_come_up",
    "test_published_port_is_reached_by_whom_the_policy_lets",
}


@dataclass
class Outcome:
    """What a run of the suite came to: its exit status, and for each host the tests by their verdict."""

    status: int
    passed: dict[str, set[str]]
    failed: dict[str, set[str]]
    skipped: dict[str, set[str]]
    output: str


Run = Callable[[str], Outcome]


@pytest.fixture
def run(demo: Demo, tmp_path: Path) -> Run:
    """Run a command line of the suite, as an operator does."""

    def suite(command: str) -> Outcome:
        report = tmp_path / "report.xml"
        words = [*command.split(), "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(words, cwd=reach.PROJECT, check=False, capture_output=True, text=True, timeout=300)
        verdicts: dict[str, dict[str, set[str]]] = {
            verdict: {name: set() for name in HOSTS} for verdict in ("passed", "failed", "skipped")
        }
        for case in ElementTree.parse(report).getroot().findall(".//testcase"):
            words_of = re.fullmatch(r"(\w+)\[ansible://(\w+)-?(.*)\]", case.attrib["name"])
            assert words_of, case.attrib["name"]
            test, host, parameter = words_of.groups()
            tags = {child.tag for child in case}
            verdict = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
            verdicts[verdict][host].add(f"{test}[{parameter}]" if parameter else test)
        return Outcome(done.returncode, **verdicts, output=done.stdout[-5000:])

    return suite


def test_command_is_the_readmes() -> None:
    assert COMMAND in (reach.PROJECT / "README.md").read_text(encoding="utf-8")


NONE: dict[str, set[str]] = {name: set() for name in HOSTS}


def test_suite_passes_and_leaves_nothing_behind(run: Run) -> None:
    before = {name: reach.over_ssh(name).check_output(_TRACES) for name in HOSTS}
    done = run(f"{COMMAND} --active")
    assert (done.status, done.failed) == (0, NONE), done.output
    assert done.skipped == SKIPPED
    assert all(done.passed[name] >= NEED_A_CONTAINER for name in HOSTS)
    # All of the suite, on every host.
    everything = done.passed["trixie"] | done.skipped["trixie"]
    assert {name: done.passed[name] | done.skipped[name] for name in HOSTS} == dict.fromkeys(HOSTS, everything)
    assert {name: reach.over_ssh(name).check_output(_TRACES) for name in HOSTS} == before


# What is broken on each host, how it is mended, and what fails of it.
FAULTS: dict[str, list[tuple[str, str, set[str]]]] = {
    "bookworm": [
        ("chmod 0666 /run/docker.sock", "chmod 0660 /run/docker.sock",
         {"test_sockets_have_the_declared_owner_group_and_mode"}),
        ("systemctl disable docker", "systemctl enable docker",
         {"test_service_starts_at_boot"}),
    ],
    "trixie": [
        ("gpasswd --add nobody docker", "gpasswd --delete nobody docker",
         {"test_group_of_the_sockets_has_the_declared_members"}),
        (f"mv {_DROP_IN} /root/ && systemctl daemon-reload",
         f"mv /root/50-mooring.conf {_DROP_IN} && systemctl daemon-reload && systemctl restart docker",
         {"test_files_are_as_declared", "test_daemon_runs_with_its_configuration"}),
    ],
    "forky": [
        ("docker network rm backend",
         "docker network create --subnet 172.30.8.0/24 --label mooring.docker=managed backend",
         {"test_declared_networks_are_there_with_their_ranges"}),
    ],
}  # fmt: skip


def test_suite_fails_on_what_is_broken(run: Run) -> None:
    for name, faults in FAULTS.items():
        for fault, _mend, _found in faults:
            reach.over_ssh(name).run_expect([0], fault)
    try:
        broken = run(COMMAND)
    finally:
        for name, faults in FAULTS.items():
            for _fault, mend, _found in faults:
                reach.over_ssh(name).run_expect([0], mend)
    expected = {name: set().union(*(found for *_commands, found in faults)) for name, faults in FAULTS.items()}
    assert (broken.status, broken.failed) == (1, expected), broken.output


def test_host_that_is_down_fails_alone(run: Run) -> None:
    reach.machine("forky").stop()
    try:
        done = run(COMMAND)
    finally:
        reach.pull_the_plug("forky")
    assert (done.status, done.passed["forky"]) == (1, set())
    assert done.failed["forky"]
    for name in ("bookworm", "trixie"):
        assert done.failed[name] == set(), done.output
        assert done.skipped[name] == SKIPPED[name] | NEED_A_CONTAINER
        assert len(done.passed[name]) > len(NEED_TLS)
