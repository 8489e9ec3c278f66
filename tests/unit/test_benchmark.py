"""The benchmark measures what it says: medians, processors, memory, trips; and its chart shows them to scale."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import chart, machine
from benchmarks.commands import BenchmarkError, Runner, Sample
from benchmarks.figures import SCENARIOS, SUBJECTS, Document, Figure, figure, lines

SVG = "{http://www.w3.org/2000/svg}"
MACHINE = {
    "processor": "Example <CPU> & Co",
    "cores": 2,
    "memory_gib": 23,
    "kernel": "6.18.5",
    "architecture": "x86_64",
    "python": "3.11.7",
    "ansible_core": "2.19.14",
    "ssh": "OpenSSH_9.2p1",
    "hosts": "Debian trixie in systemd-nspawn on the same machine",
    "load_before": 0.1,
}


def measured(hosts: int, scenario: str, subject: str, wall: float, memory: int | None = 90) -> Figure:
    return {
        "hosts": hosts,
        "scenario": scenario,
        "subject": subject,
        "runs": 5,
        "wall_seconds": wall,
        "cpu_seconds": wall / 2,
        "trips_per_host": 1.0,
        "peak_memory_mib": memory,
        "wall_samples": [wall] * 5,
    }


def document(*figures: Figure, peer: str | None = None) -> Document:
    return {"taken": "2026-11-26", "version": "0.1.0", "peer": peer, "machine": MACHINE, "figures": list(figures)}


# --- figures


def test_a_figure_is_the_median_and_one_slow_run_does_not_move_it() -> None:
    samples = [Sample(wall, wall / 2, trips) for wall, trips in ((2.0, 8), (90.0, 80), (1.0, 8), (3.0, 8), (2.5, 16))]
    assert figure(8, "nothing", "mooring", samples, 96 * 2**20) == {
        "hosts": 8,
        "scenario": "nothing",
        "subject": "mooring",
        "runs": 5,
        "wall_seconds": 2.5,
        "cpu_seconds": 1.25,
        "trips_per_host": 1.0,
        "peak_memory_mib": 96,
        "wall_samples": [2.0, 90.0, 1.0, 3.0, 2.5],
    }


def test_two_runs_have_their_mean_and_what_was_not_measured_is_not_there() -> None:
    of_two = figure(1, "first", "script", [Sample(9.0, 0.1, 1), Sample(10.0, 0.1, 1)])
    assert (of_two["wall_seconds"], of_two["runs"], of_two["peak_memory_mib"]) == (9.5, 2, None)


def test_the_table_has_a_line_for_each_figure() -> None:
    shown = lines(document(measured(1, "first", "mooring", 23.04), measured(8, "verify", "trip", 4.0, None)))
    assert [line.split() for line in shown[1:]] == [
        ["1", "First", "run", "Mooring", "23.04", "11.52", "90", "1", "5"],
        ["8", "Verify", "One", "trip", "of", "one", "module", "4.00", "2.00", "1", "5"],
    ]


# --- the chart


def drawn(of: Document) -> ElementTree.Element:
    return ElementTree.fromstring(chart.draw(of).encode())


def bars(picture: ElementTree.Element) -> list[tuple[str, float]]:
    return [(bar.attrib["class"], float(bar.attrib["width"])) for bar in picture.iter(f"{SVG}rect")]


def texts(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_bars_are_as_long_as_the_seconds_each_panel_to_its_own_scale() -> None:
    figures = [
        measured(1, "nothing", "trip", 1.0),
        measured(1, "first", "mooring", 20.0),
        measured(1, "first", "script", 10.0),
        measured(8, "nothing", "mooring", 40.0),
    ]
    found = bars(drawn(document(*figures)))
    longest = found[0][1]
    assert found == [
        ("mooring", longest),
        ("script", pytest.approx(longest / 2)),
        ("trip", pytest.approx(longest / 20)),
        ("mooring", longest),
    ]


def test_everything_is_told_and_nothing_stands_outside_or_on_top_of_another() -> None:
    figures = [
        measured(hosts, scenario, subject, 123.4, 10_000)
        for hosts in (1, 8, 40)
        for scenario in SCENARIOS
        for subject in SUBJECTS
    ]
    picture = drawn(document(*figures, peer="peer/site.yml"))
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    places = set()
    for text in picture.iter(f"{SVG}text"):
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        # A character of this size takes 7 units at most, on average.
        assert x + 7 * len(text.text or "") * (0.85 if text.attrib["class"] == "small" else 1) <= width, text.text
        assert y < height
        places.add((x, y))
    assert len(places) == len(list(picture.iter(f"{SVG}text")))
    told = " ".join(texts(picture))
    for part in ("Example <CPU> & Co", "23 GiB", "6.18.5", "2.19.14", "peer/site.yml", "1 host", "40 hosts at once"):
        assert part in told
    assert told.count("123.4 s  (61.7 CPU-s, 10000 MiB, 1 trip, 5 runs)") == len(figures)


# --- commands


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path, {"PATH": "/usr/bin:/bin"}, limit=10.0)


def test_trips_are_counted_and_questions_about_ssh_are_none(runner: Runner) -> None:
    ssh = str(runner.programs["ssh"])
    assert runner.run(["sh", "-c", f"{ssh} -F none -G localhost; {ssh} -F none -G localhost"]).trips == 2
    assert runner.run(["sh", "-c", f"{ssh} -o ControlPersist; {ssh} -V"]).trips == 0


def test_ansible_reaches_hosts_by_what_counts(runner: Runner) -> None:
    done = runner.run(
        ["sh", "-c", 'test -x "$ANSIBLE_SSH_EXECUTABLE" && "$ANSIBLE_SSH_EXECUTABLE" -F none -G localhost']
    )
    assert done.trips == 1


def test_processors_are_those_of_the_command_and_its_children_and_of_no_other(runner: Runner) -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    used = runner.run(
        [sys.executable, "-c", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])"]
    )
    assert used.cpu >= 0.5
    assert used.wall >= 0.5
    assert runner.run(["sleep", "0.3"]).cpu < 0.2


def test_memory_is_what_all_processes_have_at_a_time(runner: Runner) -> None:
    hold = "x = bytearray(40 * 2**20); import time; time.sleep(1.5)"
    two = (
        f"import subprocess, sys\nfor p in [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in 'ab']: p.wait()"
    )
    assert 80 * 2**20 <= runner.peak_memory([sys.executable, "-c", two]) <= 200 * 2**20


def test_a_failure_is_told_with_its_output(runner: Runner) -> None:
    with pytest.raises(BenchmarkError, match=r"ended with 3:\nthe reason"):
        runner.run(["sh", "-c", "echo the reason >&2; exit 3"])


def test_a_command_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"PATH": "/usr/bin:/bin"}, limit=0.5)
    # The child has a session of its own, as Ansible's workers do.
    words = ["sh", "-c", f"setsid sh -c 'sleep 2; touch {tmp_path}/survived' & wait"]
    began = time.monotonic()
    with pytest.raises(BenchmarkError, match=r"took more than 0\.5 s"):
        runner.run(words)
    assert time.monotonic() - began < 2
    time.sleep(2)
    assert not (tmp_path / "survived").exists()


def test_the_processor_is_the_one_that_the_kernel_names() -> None:
    assert machine.processor("processor\t: 0\nmodel name\t: Example CPU: fast\n") == "Example CPU: fast"
    assert machine.processor("processor\t: 0\nBogoMIPS\t: 50\n") == ""
    for part in ("2 cores", "Example <CPU> & Co"):
        assert part in machine.summary(MACHINE)
    assert "2 cores (x86_64)" in machine.summary({**MACHINE, "processor": ""})
