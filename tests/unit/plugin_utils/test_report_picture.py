"""The picture of a host: whatever the host is, nothing overlaps, nothing is cut, nothing is left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import fleets
import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.report import svg, topology
from ansible_collections.mooring.docker.plugins.plugin_utils.report.document import document
from hypothesis import given, settings
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"

# --- any host

texts = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=70)
names = texts.filter(bool)
addresses = st.lists(st.ip_addresses(network="10.0.0.0/8").map(lambda one: f"{one}/24"), max_size=3)
maybe = st.none() | texts
ports = st.integers(1, 40)


def record(**keys: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(keys)


def listed(strategy: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, max_size=most)


endpoints = record(
    url=names,
    listening=st.booleans(),
    transport=st.sampled_from(["unix", "tls", "plaintext", "ssh", None]),
    access=record(
        kind=st.sampled_from(["accounts", "certificate", "keys", "everyone", "everyone_here", "unknown"]),
        owner=maybe,
        group=maybe,
        names=listed(texts, 12),
    ),
    certificate=st.none() | record(days_left=st.none() | st.integers(-9999, 9999)),
)
uplinks = record(interface=names, addresses=addresses, mtu=st.integers(0, 65535), gateways=listed(names, 3))
bindings = record(
    host_address=st.sampled_from(["0.0.0.0", "::", "127.0.0.1"]),
    host_port=ports,
    container_port=ports,
    protocol=st.sampled_from(["tcp", "udp"]),
    reach=st.sampled_from(["everyone", "sources", "nobody", "host", "unknown"]),
    sources=st.just([]) | listed(names, 3),
)


@st.composite
def hosts(draw: Callable[[st.SearchStrategy[Any]], Any]) -> dict[str, Any]:
    containers = draw(
        listed(record(name=texts, state=st.sampled_from(["running", "exited"]), published=listed(bindings)))
    )
    known = st.none() | texts | st.sampled_from([one["name"] for one in containers] or [None])
    end = record(veth=maybe, container=known, interface=maybe, addresses=addresses)
    segment = record(
        kind=st.sampled_from(["bridge", "network", "host", "none", "container", "stopped"]),
        name=texts,
        network=maybe,
        parent=maybe,
        addresses=addresses,
        mtu=st.none() | st.integers(0, 65535),
        up=st.none() | st.booleans(),
        outward=st.booleans(),
        ends=listed(end, 6),
    )
    return {
        "name": draw(names),
        "address": draw(maybe),
        "observed": draw(st.booleans()),
        "system": draw(record(distribution=maybe, version=maybe)),
        "engine": draw(record(installed=st.booleans(), version=maybe, api_version=maybe, active=maybe)),
        "endpoints": draw(listed(endpoints)),
        "uplinks": draw(listed(uplinks)),
        "segments": draw(listed(segment)),
        "containers": containers,
    }


def drawn(containers: int) -> topology.Picture:
    return topology.layout(observed(containers))


def observed(containers: int) -> dict[str, Any]:
    report = document([fleets.host(containers=containers)], [], fleets.CLIENTS, "production", fleets.GENERATED)
    host: dict[str, Any] = report["hosts"][0]
    return host


# --- the layout


def overlap(one: topology.Box, other: topology.Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def check(picture: topology.Picture) -> None:
    for one, other in itertools.combinations(picture.boxes, 2):
        assert not overlap(one, other), (one, other)
    x, y, width, height = picture.frame
    assert x >= 0
    assert y >= 0
    assert x + width <= picture.width
    assert y + height <= picture.height
    for box in picture.boxes:
        lines = [line for text in box.texts for line in text.lines]
        assert max(map(topology.cells, lines)) * topology.CELL + 2 * topology.PAD_X <= box.width + 0.01, box
        assert len(lines) * topology.LINE + 2 * topology.PAD_Y <= box.height + 0.01, box
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= picture.width
        assert box.y + box.height <= picture.height
        outside = box.column == topology.OUTSIDE
        assert box.x + box.width <= x if outside else (box.x >= x and box.x + box.width <= x + width)
        assert box.y >= y + topology.TITLE_LINE * len(picture.title)
        assert box.y + box.height <= y + height
    for caption in picture.captions:
        covered = topology.Box(
            "", "", (), 0, x=caption.x, y=caption.y - topology.LINE + 4, width=len(caption.text) * topology.CELL
        )
        covered = topology.replace(covered, height=topology.LINE)
        assert not any(overlap(covered, box) for box in picture.boxes)
        assert caption.x + covered.width <= picture.width
    for lines, cell in ((picture.title, topology.TITLE_CELL), (picture.subtitle, topology.CELL)):
        for line in lines:
            assert x + topology.MARGIN + topology.cells(line) * cell <= x + width
    for link in picture.links:
        for start, end in itertools.pairwise(link.points):
            assert not any(crosses(start, end, box) for box in picture.boxes), link


def crosses(start: tuple[float, float], end: tuple[float, float], box: topology.Box) -> bool:
    """Whether a straight line runs through the inside of a box."""
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    across = left < box.x + box.width and right > box.x
    return across and top < box.y + box.height and bottom > box.y


@settings(deadline=None, max_examples=50)
@given(hosts())
def test_nothing_overlaps_or_is_cut(host: dict[str, Any]) -> None:
    check(topology.layout(host))


@pytest.mark.parametrize("containers", [0, 1, 5, 60, 200])
def test_nothing_overlaps_or_is_cut_on_a_usual_host(containers: int) -> None:
    check(drawn(containers))


@settings(deadline=None, max_examples=50)
@given(hosts())
def test_nothing_is_left_out(host: dict[str, Any]) -> None:
    words = {"".join(text.lines) for box in topology.layout(host).boxes for text in box.texts} | {""}
    for door in host["endpoints"]:
        assert door["url"] in words
        if door["access"]["kind"] == "certificate":
            assert set(door["access"]["names"][:8]) <= words
    for uplink in host["uplinks"]:
        assert {uplink["interface"], *uplink["addresses"], *uplink["gateways"]} <= words
    for segment in host["segments"]:
        assert set(segment["addresses"]) <= words
        for end in segment["ends"]:
            assert {end["veth"] or "", end["container"] or ""} <= words
            first = end["addresses"][:1] if end["container"] is not None else []
            assert all(any(word.endswith(one) for word in words) for one in first)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=200), st.integers(2, 40))
def test_lines_are_the_text(text: str, limit: int) -> None:
    lines = topology.wrap(text, limit)
    assert "".join(lines) == text
    assert all(topology.cells(line) <= limit for line in lines)
    assert all(lines) or lines == ("",)


def test_long_texts_break_behind_punctuation() -> None:
    assert topology.wrap("registry.example.com/team/service", 22) == ("registry.example.com/", "team/service")


def test_a_container_in_two_networks_shows_its_ports_once() -> None:
    host = observed(1)
    host["segments"][1]["ends"] = [host["segments"][0]["ends"][0] | {"veth": "veth9"}]
    picture = topology.layout(host)
    shown = [box.kind for box in picture.boxes if box.of == "service-0"]
    assert (shown.count("container"), shown.count("ports")) == (2, 2), "one box of ports for each reach"


def test_published_ports_stand_where_they_lead_outside() -> None:
    host = observed(1)
    end = host["segments"][0]["ends"][0]
    host["segments"] = [{**host["segments"][0], "outward": outward, "ends": [end]} for outward in (False, True, True)]
    picture = topology.layout(host)
    rows = [box.middle for box in picture.boxes if box.kind == "container"]
    beside = {min(rows, key=lambda row, box=box: abs(row - box.middle)) for box in picture.boxes if box.kind == "ports"}
    assert beside == {rows[1]}


def test_every_reach_looks_different() -> None:
    styles = {kind: style for kind, (_words, style) in topology._REACH.items()}
    assert styles["everyone"] == "open"
    assert len({styles[kind] for kind in ("everyone", "sources", "nobody", "host")}) == 4


# --- ports


def binding(host_port: int, container_port: int, address: str = "0.0.0.0", protocol: str = "tcp") -> dict[str, Any]:
    return {"host_address": address, "host_port": host_port, "container_port": container_port, "protocol": protocol}


@pytest.mark.parametrize(
    ("published", "lines"),
    [
        ([binding(8080, 80)], ["0.0.0.0:8080 → 80/tcp"]),
        ([binding(8080, 80, "::")], ["[::]:8080 → 80/tcp"]),
        ([binding(port, port) for port in (5, 7, 6)], ["0.0.0.0:5-7 → 5-7/tcp"]),
        ([binding(5, 5), binding(7, 7)], ["0.0.0.0:5 → 5/tcp", "0.0.0.0:7 → 7/tcp"]),
        ([binding(5, 80), binding(6, 80)], ["0.0.0.0:6 → 80/tcp", "0.0.0.0:5 → 80/tcp"]),
        ([binding(5, 5), binding(6, 6, protocol="udp")], ["0.0.0.0:5 → 5/tcp", "0.0.0.0:6 → 6/udp"]),
        ([binding(30000 + one, 30000 + one) for one in range(1000)], ["0.0.0.0:30000-30999 → 30000-30999/tcp"]),
    ],
)
def test_runs_of_ports_are_one_line(published: list[dict[str, Any]], lines: list[str]) -> None:
    assert sorted(topology.ranges(published)) == sorted(lines)


# --- SVG


@settings(deadline=None, max_examples=50)
@given(hosts())
def test_the_file_is_xml_and_says_what_the_layout_says(host: dict[str, Any]) -> None:
    root = ElementTree.fromstring(svg.stand_alone(host))
    picture = topology.layout(host)
    assert root.tag == f"{SVG}svg"
    assert [float(one) for one in root.attrib["viewBox"].split()] == [0, 0, picture.width, picture.height]
    texts = ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]
    for box in picture.boxes:
        assert all("".join(text.lines) in texts for text in box.texts)


def test_a_screen_reader_gets_a_name_and_a_description() -> None:
    root = ElementTree.fromstring(svg.stand_alone(observed(5)))
    assert [one.tag for one in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    labels = root.attrib["aria-labelledby"].split()
    assert (root.attrib["role"], labels) == ("img", [one.attrib["id"] for one in list(root)[:2]])
    assert all(one.text for one in list(root)[:2])
