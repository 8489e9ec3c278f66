"""The figures as a chart: SVG that stands alone, with the machine's description in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree import ElementTree

from . import machine
from .figures import SCENARIOS, SUBJECTS, Document, Figure

WIDTH = 960
_LEFT = 290
_BARS = 300
"""The longest bar of a panel."""
_ROW, _GAP = 22, 26
_STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff }
text { fill: #1f2328 } .small { font-size: 11px; fill: #59636e } .head { font-weight: 600; font-size: 15px }
.mooring { fill: #0969da } .script, .trip { fill: #afb8c1 } .peer { fill: #d4a72c } .bold { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 }
  .mooring { fill: #4493f8 } .script, .trip { fill: #656c76 } .peer { fill: #bb8009 }
}
"""


def draw(document: Document) -> str:
    """The chart: a panel for each number of hosts, in it a bar for each figure, as long as its seconds on the clock."""
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
    _text(root, "title", "What runs of Mooring cost")
    _text(root, "style", _STYLE)
    y = 28.0
    _text(root, "text", "What runs of Mooring cost", x=16, y=y, **{"class": "head"})
    about = [
        f"Mooring {document['version']}, {document['taken']}. Bars are seconds on the clock, medians. "
        "CPU-s are those of the controller, for all hosts.",
        machine.summary(document["machine"]),
        f"Hosts: {document['machine']['hosts']}. Load before the benchmark: {document['machine']['load_before']}.",
    ]
    if document["peer"]:
        about.append(f"Peer's playbook: {document['peer']}")
    for line in (part for each in about for part in _wrapped(each, 125)):
        y += 17
        _text(root, "text", line, x=16, y=y, **{"class": "small"})
    for hosts in sorted({each["hosts"] for each in document["figures"]}):
        y += _GAP
        y = _panel(root, hosts, [each for each in document["figures"] if each["hosts"] == hosts], y)
    height = math.ceil(y + 16)
    root.attrib |= {"viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "height": str(height)}
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _panel(root: ElementTree.Element, hosts: int, figures: Sequence[Figure], y: float) -> float:
    """Draw the figures of so many hosts from ``y`` on; where they end. Bars of a panel have a scale of their own."""
    longest = max(each["wall_seconds"] for each in figures) or 1.0
    y += 16
    _text(root, "text", "1 host" if hosts == 1 else f"{hosts} hosts at once", x=16, y=y, **{"class": "head"})
    for scenario, title in SCENARIOS.items():
        # Ours first, under the name of what is done, then what it is to be compared with.
        rows = sorted(
            (each for each in figures if each["scenario"] == scenario),
            key=lambda each: list(SUBJECTS).index(each["subject"]),
        )
        y += 6 if rows else 0
        for row in rows:
            ours = row["subject"] == "mooring"
            y += _ROW
            label = title if ours else SUBJECTS[row["subject"]]
            _text(root, "text", label, x=16 if ours else 30, y=y, **{"class": "bold" if ours else "small"})
            length = max(1.0, row["wall_seconds"] / longest * _BARS)
            ElementTree.SubElement(
                root,
                "rect",
                {
                    "class": row["subject"],
                    "x": str(_LEFT),
                    "y": f"{y - 12:g}",
                    "width": f"{length:.1f}",
                    "height": "15",
                    "rx": "2",
                },
            )
            _text(root, "text", _value(row), x=_LEFT + length + 8, y=y, **{"class": "" if ours else "small"})
    return y


def _value(row: Figure) -> str:
    """What stands behind a bar."""
    memory = "" if row["peak_memory_mib"] is None else f"{row['peak_memory_mib']} MiB, "
    trips = f"{row['trips_per_host']:g} trip{'' if row['trips_per_host'] == 1 else 's'}"
    runs = f"{row['runs']} run{'' if row['runs'] == 1 else 's'}"
    return f"{row['wall_seconds']:.1f} s  ({row['cpu_seconds']:.1f} CPU-s, {memory}{trips}, {runs})"


def _wrapped(text: str, most: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _text(parent: ElementTree.Element, tag: str, text: str, **attributes: object) -> None:
    element = ElementTree.SubElement(
        parent,
        tag,
        {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value in attributes.items()},
    )
    element.text = text
