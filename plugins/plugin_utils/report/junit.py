# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as JUnit's XML: a suite for each host, a test case for each finding.

Only what all common readers know is written: suites with their counts, cases with ``classname`` and ``name``, and one
of ``failure``, ``error`` and ``skipped`` in a case. An error fails; a warning, which must not stop a pipeline, is
skipped.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

Json = dict[str, Any]


def junit(report: Json) -> str:
    """The XML of a document."""
    root = ElementTree.Element("testsuites", {"name": report["fleet"]})
    for host in report["hosts"]:
        observed = ElementTree.Element("testcase", {"classname": host["name"], "name": "observed"})
        if not host["observed"]:
            reason = host["error"] or "nothing was seen of it"
            ElementTree.SubElement(observed, "error", {"message": reason, "type": "error"}).text = reason
        _suite(root, report, host["name"], [observed, *(_case(host["name"], one) for one in host["findings"])])
    by_place: dict[str, list[Json]] = {}
    for one in report["elsewhere"]:
        by_place.setdefault(one["host"], []).append(one)
    for place, findings in by_place.items():
        _suite(root, report, place, [_case(place, one) for one in findings])
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: ElementTree.Element, report: Json, name: str, cases: list[ElementTree.Element]) -> None:
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    texts = {key: str(number) for key, number in counts.items()}
    # Local time without a zone is what the format knows; ours is UTC.
    moment = report["generated"].rstrip("Z")
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, "timestamp": moment, "time": "0", **texts})
    suite.extend(cases)


def _case(host: str, finding: Json) -> ElementTree.Element:
    case = ElementTree.Element("testcase", {"classname": host, "name": finding["id"], "time": "0"})
    message = f"expected: {finding['expected']}; observed: {finding['observed']}"
    if finding["severity"] == "error":
        outcome = ElementTree.SubElement(case, "failure", {"message": message, "type": finding["id"]})
        outcome.text = f"{message}; remedy: {finding['remedy']}"
    else:
        # Some readers show no text of what is skipped, so all is in the message.
        message = f"{finding['severity']}: {message}; remedy: {finding['remedy']}"
        ElementTree.SubElement(case, "skipped", {"message": message})
    return case
