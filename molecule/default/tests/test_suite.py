"""The suite for production passes on what was provisioned, fails on what is broken, and leaves no trace."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
import reach

COMMAND = "pytest tests/live --hosts=ansible://docker_hosts --ansible-inventory=inventory/lab"
HOSTS = ["bookworm", "trixie", "forky"]
_TRACES = "docker ps -aq; docker images -aq; docker network ls -q; docker volume ls -q; ls /sys/class/net"
_DROP_IN = "/etc/systemd/system/docker.service.d/50-mooring.conf"


@dataclass
class Outcome:
    """What a run of the suite came to: its exit status, how many tests passed, which failed, and on which hosts."""

    status: int
    passed: int
    failed: set[str]
    hosts: set[str]


Run = Callable[[str], Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command line of the suite, as an operator does."""

    def suite(command: str) -> Outcome:
        report = tmp_path / "report.xml"
        words = [*command.split(), "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(words, cwd=reach.PROJECT, check=False, capture_output=True, timeout=300)
        cases = ElementTree.parse(report).getroot().findall(".//testcase")
        bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        quiet = [case for case in cases if len(case) == 0]
        names = [case.attrib["name"] for case in bad]
        hosts = {host for name in names for host in HOSTS if f"ansible://{host}" in name}
        return Outcome(done.returncode, len(quiet), {name.partition("[")[0] for name in names}, hosts)

    return suite


def test_command_is_the_readmes() -> None:
    assert COMMAND in (reach.PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["", " --active"])
def test_suite_passes_and_leaves_nothing_behind(run: Run, option: str) -> None:
    before = {name: reach.over_ssh(name).check_output(_TRACES) for name in HOSTS}
    done = run(COMMAND + option)
    assert done.failed == set()
    assert (done.status, done.passed > 70) == (0, True)
    assert {name: reach.over_ssh(name).check_output(_TRACES) for name in HOSTS} == before


@pytest.mark.parametrize(
    ("fault", "mend", "found"),
    [
        ("chmod 0666 /run/docker.sock", "chmod 0660 /run/docker.sock",
         {"test_sockets_have_the_declared_owner_group_and_mode"}),
        ("gpasswd --add nobody docker", "gpasswd --delete nobody docker",
         {"test_group_of_the_sockets_has_the_declared_members"}),
        ("systemctl disable docker", "systemctl enable docker",
         {"test_service_starts_at_boot"}),
        (f"mv {_DROP_IN} /root/ && systemctl daemon-reload",
         f"mv /root/50-mooring.conf {_DROP_IN} && systemctl daemon-reload && systemctl restart docker",
         {"test_files_are_as_declared", "test_daemon_runs_with_its_configuration"}),
        ("docker network rm backend",
         "docker network create --subnet 172.30.8.0/24 --label mooring.docker=managed backend",
         {"test_declared_networks_are_there_with_their_ranges"}),
    ],
    ids=["world-writable socket", "user too many", "disabled at boot", "removed drop-in", "network missing"],
)  # fmt: skip
def test_suite_fails_on_what_is_broken(run: Run, fault: str, mend: str, found: set[str]) -> None:
    host = reach.over_ssh("forky")
    host.run_expect([0], fault)
    try:
        broken = run(COMMAND.replace("docker_hosts", "forky"))
    finally:
        host.run_expect([0], mend)
    assert (broken.status, broken.failed) == (1, found)


def test_host_that_is_down_fails_alone(run: Run) -> None:
    reach.machine("forky").stop()
    try:
        done = run(COMMAND)
    finally:
        reach.pull_the_plug("forky")
    assert (done.status, done.hosts) == (1, {"forky"})
    assert done.passed > 40
