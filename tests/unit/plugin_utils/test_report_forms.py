"""The forms of the report: the page, JUnit's XML and the table, also where names want to be markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import fleets
import junitparser
import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.report import junit, page, svg, table
from ansible_collections.mooring.docker.plugins.plugin_utils.report.document import document

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style></svg><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]><script>alert(1)</script>",
    "<!--",
    "&lt;b&gt;",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
]


def of(*hosts: dict[str, Any], findings: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return document(list(hosts), findings or [], fleets.CLIENTS, "production", fleets.GENERATED)


def everywhere(text: str) -> dict[str, Any]:
    """A fleet in which every text that comes from somewhere else is ``text``."""

    def replaced(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: replaced(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [replaced(one, key) for one in value]
        kept = ("severity", "kind", "reach", "generated", "transport", "not_after")
        return text if isinstance(value, str) and key not in kept else value

    found: dict[str, Any] = replaced(
        of(fleets.host(containers=3), {"name": "lost", "error": "lost"}, findings=[fleets.finding("web-1")])
    )
    return found


class Reader(HTMLParser):
    """Elements and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def kinds(self) -> set[tuple[str, frozenset[str]]]:
        """Which elements there are, and with which attributes."""
        fitted = {"textlength", "lengthadjust"}
        return {(tag, frozenset(attributes) - fitted) for tag, attributes in self.elements}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


# --- the page


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_becomes_markup(text: str) -> None:
    harmless, hostile = Reader(page.page(everywhere("name"))), Reader(page.page(everywhere(text)))
    # How many lines a name takes is its own affair.
    assert hostile.kinds() == harmless.kinds()
    assert text in hostile.texts


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_becomes_markup_in_a_picture(text: str) -> None:
    harmless, hostile = (
        ElementTree.fromstring(svg.stand_alone(everywhere(one)["hosts"][-1])) for one in ("name", text)
    )
    assert {one.tag for one in hostile.iter()} == {one.tag for one in harmless.iter()}
    shown = ["".join(one.itertext()) for one in hostile.iter("{http://www.w3.org/2000/svg}text")]
    assert text in shown


def test_the_page_needs_nothing_else() -> None:
    text = page.page(of(fleets.host(), findings=[fleets.finding("web-1")]))
    reader = Reader(text)
    assert not {"script", "link", "img", "iframe", "object", "base"} & {tag for tag, _ in reader.elements}
    for tag, attributes in reader.elements:
        assert not {"src", "srcset", "style"} & set(attributes), tag
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in text
    assert "@import" not in text
    policies = [attributes.get("content") for tag, attributes in reader.elements if tag == "meta"]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policies


def test_the_page_can_be_read_by_a_machine_that_reads_aloud() -> None:
    reader = Reader(page.page(of(fleets.host(), fleets.host("web-2"), findings=[fleets.finding("web-1")])))
    assert ("html", {"lang": "en"}) in reader.elements
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    identifiers = [one["id"] for _tag, one in reader.elements if "id" in one]
    assert len(identifiers) == len(set(identifiers))
    referred = [one.get("aria-labelledby") or "" for _tag, one in reader.elements]
    referred += [(one.get("href") or "#")[1:] for _tag, one in reader.elements]
    assert {one for text in referred for one in text.split()} <= set(identifiers)
    tables = sum(tag == "table" for tag, _ in reader.elements)
    assert tables == sum(tag == "caption" for tag, _ in reader.elements)


def test_findings_are_told_with_their_remedy() -> None:
    finding = fleets.finding("web-1")
    text = " ".join(Reader(page.page(of(fleets.host(), findings=[finding, fleets.finding("controller")]))).texts)
    assert all(finding[key] in text for key in ("id", "expected", "observed", "remedy"))
    assert "on controller" in text


@pytest.mark.parametrize(
    ("days", "words"), [(364, "364 days left"), (1, "1 day left"), (0, "0 days left"), (-1, "expired")]
)
def test_days_are_counted(days: int, words: str) -> None:
    assert words in " ".join(Reader(page.page(of(fleets.host(days_left=days)))).texts)


def test_a_fleet_without_anything() -> None:
    assert "production" in page.page(of())


# --- JUnit


def read(report: dict[str, Any]) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromstring(junit.junit(report))


def test_hosts_are_suites_and_findings_are_cases() -> None:
    found = [fleets.finding("web-1"), fleets.finding("web-1", "warning", "sockets.members")]
    report = of(fleets.host("web-1"), fleets.host("web-2"), {"name": "lost", "error": "No route"}, findings=found)
    suites = {suite.name: suite for suite in read(report)}
    assert set(suites) == {"web-1", "web-2", "lost"}
    assert [(case.name, case.classname, [type(one).__name__ for one in case.result]) for case in suites["web-1"]] == [
        ("observed", "web-1", []),
        ("endpoint-plaintext", "web-1", ["Failure"]),
        ("sockets.members", "web-1", ["Skipped"]),
    ]
    assert (suites["web-1"].tests, suites["web-1"].failures, suites["web-1"].skipped) == (3, 1, 1)
    assert (suites["web-2"].tests, suites["web-2"].failures, suites["web-2"].errors) == (1, 0, 0)
    assert (suites["lost"].tests, suites["lost"].errors) == (1, 1)


def test_a_failure_says_how_to_mend_it() -> None:
    finding = fleets.finding("controller")
    (suite,) = read(of(findings=[finding]))
    (case,) = suite
    (failure,) = case.result
    assert failure.message == f"expected: {finding['expected']}; observed: {finding['observed']}"
    assert failure.text.endswith(finding["remedy"])


@pytest.mark.parametrize("text", [*HOSTILE, "\x00\x1b[31m", "\ufffe", "\ud800"])
def test_any_name_is_well_formed(text: str) -> None:
    report = of(fleets.host(text), findings=[fleets.finding(text), fleets.finding("x") | {"expected": text}])
    suites = list(read(report))
    assert suites[0].name == report["hosts"][0]["name"]
    assert len(suites) == 2


# --- the table


def test_without_a_look_for_findings_nothing_is_said_to_be_right() -> None:
    report = document([fleets.host()], None, fleets.CLIENTS, "production", fleets.GENERATED)
    text = " ".join(Reader(page.page(report)).texts)
    assert "not verified" in text
    assert "no findings" not in text
    assert "As declared" not in text
    assert "not verified" in table.table(report)


def test_the_table_is_aligned_and_tells_every_finding() -> None:
    found = [fleets.finding("b"), fleets.finding("b"), fleets.finding("controller", "warning")]
    lost = {"name": "lost"}
    text = table.table(of(fleets.host("a-longer-name"), fleets.host("b", 60, days_left=3), lost, findings=found))
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["HOST", "lost", "b", "a-longer-name"]
    column = lines[0].index("FINDINGS")
    assert [line[column:].split("  ")[0] for line in lines[1:4]] == ["not observed", "2 errors", "none"]
    assert lines[2].endswith("60          3 days left")
    assert text.count("remedy:") == 3


def test_the_table_has_no_control_characters() -> None:
    text = table.table(of(fleets.host("\x1b]0;title\x07"), findings=[fleets.finding("\x1b[2J\rx")]))
    assert all(character.isprintable() or character == "\n" for character in text)
