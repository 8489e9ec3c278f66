"""Figures: medians of samples, and the document that docs/benchmark.json holds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, TypedDict

from .commands import Sample

SCENARIOS = {
    "first": "First run",
    "nothing": "Nothing to do",
    "reload": "One change, a reload",
    "restart": "One change, a restart",
    "verify": "Verify",
}
"""By the order in which they are measured and shown."""
SUBJECTS = {
    "mooring": "Mooring",
    "script": "Shell script by hand, one SSH connection",
    "trip": "One trip of one module",
    "peer": "Peer's playbook",
}


class Figure(TypedDict):
    """What one subject takes for one scenario on so many hosts at once."""

    hosts: int
    scenario: str
    """A key of SCENARIOS."""
    subject: str
    """A key of SUBJECTS."""
    runs: int
    """Of how many runs the following are medians."""
    wall_seconds: float
    cpu_seconds: float
    """Of the controller, for all hosts."""
    trips_per_host: float
    peak_memory_mib: int | None
    """Of the controller's processes at a time, in one run that was not timed; None where it was not measured."""
    wall_samples: list[float]
    """Seconds of each run, in their order."""


class Document(TypedDict):
    """docs/benchmark.json."""

    taken: str
    """The day, such as 2026-11-26."""
    version: str
    """Of Mooring: that of the collection and the commit."""
    peer: str | None
    """The peer's playbook, its directory and name, where there was one."""
    machine: dict[str, Any]
    """What the figures were taken on, as ``machine.describe`` tells."""
    figures: list[Figure]


def figure(
    hosts: int, scenario: str, subject: str, samples: Sequence[Sample], peak_memory: int | None = None
) -> Figure:
    """The medians of samples, of which there is at least one. ``peak_memory`` is in bytes."""
    return {
        "hosts": hosts,
        "scenario": scenario,
        "subject": subject,
        "runs": len(samples),
        "wall_seconds": round(statistics.median(sample.wall for sample in samples), 2),
        "cpu_seconds": round(statistics.median(sample.cpu for sample in samples), 2),
        "trips_per_host": round(statistics.median(sample.trips for sample in samples) / hosts, 1),
        "peak_memory_mib": None if peak_memory is None else round(peak_memory / 2**20),
        "wall_samples": [round(sample.wall, 2) for sample in samples],
    }


def lines(document: Document) -> list[str]:
    """The figures as a table for a terminal."""
    rows = [("HOSTS", "SCENARIO", "SUBJECT", "WALL s", "CPU s", "MEMORY MiB", "TRIPS/HOST", "RUNS")]
    rows += [
        (
            str(each["hosts"]),
            SCENARIOS[each["scenario"]],
            SUBJECTS[each["subject"]],
            f"{each['wall_seconds']:.2f}",
            f"{each['cpu_seconds']:.2f}",
            str(each["peak_memory_mib"] or ""),
            f"{each['trips_per_host']:g}",
            str(each["runs"]),
        )
        for each in document["figures"]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
