"""`make bench`: measure, print a table, write docs/benchmark.json and docs/benchmark.svg.

BENCH_HOSTS=40 adds a fleet of 40 to those of 1 and 8, a smaller number leaves out the larger ones; BENCH_ROUNDS is how
often each thing is measured (5); PEER_PLAYBOOK=FILE is measured in turn with Mooring, on as many hosts of its own.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import yaml

from . import chart, fleet, machine
from .commands import BenchmarkError, Runner, Sample
from .figures import SCENARIOS, Document, Figure, figure, lines

SIZES = (1, 8)
RUN_LIMIT = 1800.0
"""Seconds that one run may take."""
SCENARIO_LIMIT = 1200.0
"""Seconds after which a scenario that was measured FEWEST times ends early."""
FEWEST = 3
CONTROLLER = Path(sys.executable).parent
_SCRIPT = Path(__file__).with_name("by_hand.sh")


@dataclass
class Subject:
    """Something to measure in turn with others: ``prepare`` and ``check`` are not in its time."""

    name: str
    """A key of figures.SUBJECTS."""
    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    check: Callable[[], None] = lambda: None


class Bench:
    """All measurements on one fleet."""

    def __init__(self, hosts: fleet.Fleet, runner: Runner, rounds: int, peer: Path | None) -> None:
        self._fleet, self._runner, self._rounds, self._peer = hosts, runner, rounds, peer

    def figures(self) -> list[Figure]:
        """Of all scenarios. All that is measured later stands on the first run, which boots bare hosts."""
        found = []
        for scenario in SCENARIOS:
            subjects: list[Subject] = getattr(self, f"_{scenario}")()
            found += self._measure(scenario, subjects)
        return found

    def _measure(self, scenario: str, subjects: list[Subject]) -> list[Figure]:
        """The subjects in turn, round by round, after a rehearsal that tells how much memory they take."""
        print(f"{SCENARIOS[scenario]}, {self._fleet.size} at once", flush=True)
        samples: dict[str, list[Sample]] = {subject.name: [] for subject in subjects}
        memory: dict[str, int] = {}
        began = time.monotonic()
        for number in range(self._rounds + 1):
            if number > FEWEST and time.monotonic() - began > SCENARIO_LIMIT:
                print(f"  ends after {number - 1} rounds: they take long", flush=True)
                break
            for subject in subjects:
                subject.prepare()
                if number == 0:
                    memory[subject.name] = self._runner.peak_memory(subject.words, subject.environment)
                else:
                    samples[subject.name].append(self._runner.run(subject.words, subject.environment))
                    print(f"  {subject.name}: {samples[subject.name][-1]}", flush=True)
                subject.check()
        return [figure(self._fleet.size, scenario, name, of, memory[name]) for name, of in samples.items()]

    def _first(self) -> list[Subject]:
        bare = self._fleet.boot_bare
        # Mooring comes last, and leaves the hosts as everything else needs them.
        return [
            Subject("script", self._by_hand(), prepare=bare, check=self._fleet.expect_tls),
            *self._peers(bare),
            Subject("mooring", self._playbook("site"), prepare=bare, check=self._fleet.expect_tls),
        ]

    def _nothing(self) -> list[Subject]:
        # The first run of a peer was on hosts that are gone since.
        if self._peer:
            self._runner.run(self._peers()[0].words, self._peers()[0].environment)
        trip = [str(CONTROLLER / "ansible"), "-i", str(self._fleet.inventory), "docker_hosts"]
        trip += ["-m", "mooring.docker.host_info"]
        return [
            Subject("trip", trip, prepare=self._fleet.disconnect),
            *self._peers(self._fleet.disconnect),
            self._site(changes_configuration=False, restarts=False),
        ]

    def _reload(self) -> list[Subject]:
        return [self._site(self._fleet.declare_reloadable_change, restarts=False)]

    def _restart(self) -> list[Subject]:
        return [self._site(self._fleet.declare_restart)]

    def _verify(self) -> list[Subject]:
        return [Subject("mooring", self._playbook("verify"), prepare=self._fleet.disconnect)]

    def _site(
        self, declare: Callable[[], None] = lambda: None, changes_configuration: bool = True, restarts: bool = True
    ) -> Subject:
        """A run of playbooks/site.yml after a change, which proves to be what is said here on every host."""
        before: dict[str, list[str]] = {}

        def prepare() -> None:
            before.update(self._fleet.states())
            declare()
            self._fleet.disconnect()

        def check() -> None:
            for name, (process, digest) in self._fleet.states().items():
                if [process != before[name][0], digest != before[name][1]] != [restarts, changes_configuration]:
                    raise BenchmarkError(
                        f"{name}: expected restart={restarts}, changed daemon.json={changes_configuration}; "
                        f"process and digest were {before[name]}, are {[process, digest]}"
                    )

        return Subject("mooring", self._playbook("site"), prepare=prepare, check=check)

    def _playbook(self, name: str) -> list[str]:
        playbook = fleet.PROJECT / "playbooks" / f"{name}.yml"
        return [str(CONTROLLER / "ansible-playbook"), "-i", str(self._fleet.inventory), str(playbook)]

    def _peers(self, prepare: Callable[[], None] = lambda: None) -> list[Subject]:
        """The peer's playbook, if there is one, with its own ansible.cfg, and SSH and forks as fast as ours."""
        if not self._peer:
            return []
        words = [str(CONTROLLER / "ansible-playbook"), "-i", str(self._fleet.peer_inventory), str(self._peer)]
        own, none = self._peer.parent / "ansible.cfg", fleet.PLACE / "ansible.cfg"
        none.write_text("", encoding="utf-8")
        environment = {
            "ANSIBLE_CONFIG": str(own if own.exists() else none),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_FORKS": "25",
        }
        return [Subject("peer", words, environment, prepare)]

    def _by_hand(self) -> list[str]:
        """The script on all hosts at once, over one connection each."""
        login = shlex.join(self._fleet.login(str(self._runner.programs["ssh"])))
        arguments = [word for name in self._fleet.hosts for word in (name, self._fleet.addresses[name])]
        each = f'exec {login} "$1" sudo sh -s "$0" "$1" < {shlex.quote(str(_SCRIPT))}'
        parallel = ["xargs", "-P", str(self._fleet.size), "-n", "2", "sh", "-c", each]
        return ["sh", "-c", f'printf "%s\\n" "$@" | {shlex.join(parallel)}', "by-hand", *arguments]


def sizes(most: int) -> list[int]:
    """How many hosts are measured at once: the usual numbers up to ``most``, and that."""
    return sorted({size for size in SIZES if size < most} | {most})


def main() -> int:
    """Measure everything; the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # The hosts are removed on the way out.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        rounds, most = _number("BENCH_ROUNDS", 5, 1, 50), _number("BENCH_HOSTS", max(SIZES), 1, 100)
        peer = Path(os.environ["PEER_PLAYBOOK"]).resolve() if os.environ.get("PEER_PLAYBOOK") else None
        if peer and not peer.is_file():
            raise BenchmarkError(f"PEER_PLAYBOOK={peer} is not there")
        described = machine.describe(os.getloadavg()[0])
        fleet.PLACE.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(fleet.PROJECT / "ansible.cfg"),
            # Neither colours nor progress, wherever the benchmark is started from.
            "ANSIBLE_NOCOLOR": "true",
        }
        runner = Runner(fleet.PLACE, environment, RUN_LIMIT)
        document: Document = {
            "taken": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            "version": version(),
            "peer": f"{peer.parent.name}/{peer.name}" if peer else None,
            "machine": described,
            "figures": [],
        }
        for size in sizes(most):
            with fleet.temporary(size, with_peer=peer is not None) as hosts:
                document["figures"] += Bench(hosts, runner, rounds, peer).figures()
        docs = fleet.PROJECT / "docs"
        (docs / "benchmark.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        (docs / "benchmark.svg").write_text(chart.draw(document), encoding="utf-8")
        print("\n".join([machine.summary(described), *lines(document)]))
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    return 0


def version() -> str:
    """Of the collection and of the commit, such as "0.1.0 (2022d73)"."""
    declared = yaml.safe_load((fleet.PROJECT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    git = ["git", "-C", str(fleet.PROJECT), "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return f"{declared} ({commit})" if commit else str(declared)


def _number(name: str, default: int, least: int, most: int) -> int:
    """An environment variable. Raises BenchmarkError where it is no number in the range."""
    text = os.environ.get(name) or str(default)
    if not (text.isdecimal() and least <= int(text) <= most):
        raise BenchmarkError(f"{name}={text} is not a number from {least} to {most}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
