"""The report as a person sees it: nothing overlaps, nothing is cut, and the picture says what bridge_info said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import fleets
import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.report.document import document
from ansible_collections.mooring.docker.plugins.plugin_utils.report.page import page

if TYPE_CHECKING:
    from conftest import Browser

WIDTHS = (1280, 390)
LONG = "a-container-with-a-name-that-does-not-end-where-anybody-would-expect-it-to-end.example.com"


def fleet(*containers: int) -> list[dict[str, Any]]:
    return [fleets.host(f"node-{number}", count, number) for number, count in enumerate(containers, 1)]


def worst() -> list[dict[str, Any]]:
    """Long names, other scripts, markup."""
    hosts = fleet(4)
    hosts[0]["name"] = f"{LONG}.{LONG}"
    for index, name in enumerate((LONG, "日本語のコンテナ-Ж-ﷺﷺ", "<b>bold</b>", "WWWWWWWWWWWWWWWWWWWW")):
        hosts[0]["bridge"]["containers"][index]["name"] = name
        for bridge in hosts[0]["bridge"]["bridges"]:
            for port in bridge["ports"]:
                if port["container"]["name"] == f"service-{index}":
                    port["container"]["name"] = name
    return hosts


def every_way() -> list[dict[str, Any]]:
    """Clients over SSH, and a container on a macvlan network that is in the kernel too."""
    (host,) = fleet(2)
    host["ssh"] = {"user": "docker-remote", "clients": ["alice", LONG]}
    host["host"]["ssh"] = {"accounts": {"docker-remote": {}}, "authorized_keys": "5c3f"}
    host["bridge"]["networks"].append(fleets.network("lan", "macvlan"))
    host["bridge"]["containers"].append(fleets.container(2, "lan"))
    child = {"kind": "macvlan", "name": "service-2", "interface": "eth0", "addresses": ["10.0.0.4/24"]}
    host["bridge"]["parents"] = [{"interface": "eth0", "mtu": 1500, "children": [child]}]
    return [host]


FLEETS = {
    "one container": fleet(1),
    "five containers": fleet(5),
    "sixty containers": fleet(60),
    "fifty hosts": fleet(*[(1, 5)[number % 2] for number in range(49)], 60),
    "long names": worst(),
    "no containers": fleet(0),
}


# Not on bridges alone.
ALL = {**FLEETS, "every way": every_way()}


def shown(hosts: list[dict[str, Any]]) -> str:
    first = hosts[0]["name"]
    found = [fleets.finding(first), fleets.finding(first, "warning", "a.warning"), fleets.finding("controller")]
    return page(document(hosts, found, fleets.CLIENTS, "production", fleets.GENERATED))


# Bounding boxes of what must not overlap, group by group; of what is inside of what; and of the page.
MEASURE = """
const box = (element) => { const r = element.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
for (const one of all("details")) one.open = true;
return {
  page: [document.documentElement.scrollWidth, document.documentElement.clientWidth],
  pictures: all("svg.topology").map((svg) => ({
    own: box(svg),
    boxes: all("g.box > rect", svg).map(box),
    captions: all("text.caption", svg).map(box),
    parts: all("rect, polyline, text", svg).map(box),
    texts: all("g.box", svg).flatMap((group) => all("tspan", group).map((text) => [
      text.textContent, box(text), box(group.querySelector("rect"))])),
    titles: all("text.title, text.subtitle", svg).map((text) => [
      text.textContent, box(text), box(svg.querySelector(".frame"))]),
  })),
  blocks: all("main > section").map(box),
  cells: all("tr").map((row) => [...row.children].map(box)).filter((row) => row[0] && row[0][2] - row[0][0] > 1),
  findings: all(".findings > li").map(box),
  totals: all(".totals > div").map(box),
  clipped: all("body *").filter((element) => !element.closest("svg") && !element.closest("thead")
      && !element.matches(".scroll") && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
    .map((element) => element.outerHTML.slice(0, 80)),
};
"""


def overlaps(boxes: list[list[float]]) -> list[tuple[list[float], list[float]]]:
    """Pairs of boxes that share more than an edge, found from left to right."""
    found = []
    ordered = sorted(boxes)
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other[0] >= one[2] - 0.5:
                break
            if one[1] < other[3] - 0.5 and other[1] < one[3] - 0.5:
                found.append((one, other))
    return found


def inside(inner: list[float], outer: list[float]) -> bool:
    return (
        inner[0] >= outer[0] - 0.5
        and inner[1] >= outer[1] - 0.5
        and inner[2] <= outer[2] + 0.5
        and inner[3] <= outer[3] + 0.5
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ALL)
def test_nothing_overlaps_or_is_cut(browser: Browser, name: str, width: int) -> None:
    browser.open(shown(ALL[name]), width)
    seen: Any = browser.ask(MEASURE)
    scrolled, visible = seen["page"]
    assert scrolled == visible, "the page must not scroll sideways"
    assert len(seen["pictures"]) == len(ALL[name])
    for picture in seen["pictures"]:
        assert not overlaps(picture["boxes"] + picture["captions"])
        assert all(inside(part, picture["own"]) for part in picture["parts"])
        for text, place, around in picture["texts"] + picture["titles"]:
            assert inside(place, around), text
    for group in ("blocks", "findings", "totals"):
        assert not overlaps(seen[group]), group
    assert not [row for row in seen["cells"] if overlaps(row)]
    assert seen["clipped"] == []


TEXTS = """
return [...document.querySelectorAll("svg.topology")].map((svg) => [...svg.querySelectorAll("g.box")].map((group) => [
  group.classList[1], group.dataset.of, [...group.querySelectorAll("text")].map((text) => text.textContent)]));
"""


@pytest.mark.parametrize("name", FLEETS)
def test_the_picture_says_what_bridge_info_said(browser: Browser, name: str) -> None:
    hosts = FLEETS[name]
    browser.open(shown(hosts), 1280)
    pictures: Any = browser.ask(TEXTS)
    for host, picture in zip(hosts, pictures):
        bridge = host["bridge"]
        said: dict[str, list[list[str]]] = {}
        for kind, _of, texts in picture:
            said.setdefault(kind, []).append(texts)
        ports = [port for one in bridge["bridges"] for port in one["ports"]]
        assert said.get("veth", []) == [[port["interface"]] for port in ports]
        assert [texts[:2] for texts in said.get("container", [])] == [
            [port["container"]["name"], f"{port['container']['interface']} {port['container']['addresses'][0]}"]
            for port in ports
        ]
        assert [texts[:3] for texts in said["segment"]] == [
            [one["name"], f"network {one['network']}", one["addresses"][0]] for one in bridge["bridges"]
        ]
        published = {(of, line) for kind, of, texts in picture if kind == "ports" for line in texts if "→" in line}
        assert published == {
            (one["name"], f"{address}:{binding['host_port']} → {binding['container_port']}/{binding['protocol']}")
            for one in bridge["containers"]
            for binding in one["published"]
            for address in [re.sub("^::$", "[::]", binding["host_address"])]
        }


def test_the_picture_says_who_comes_by_ssh_and_what_is_beside_the_bridges(browser: Browser) -> None:
    browser.open(shown(ALL["every way"]), 1280)
    answer: Any = browser.ask(TEXTS)
    texts = {(kind, of): found for kind, of, found in answer[0]}
    assert texts["who", "ssh://docker-remote@192.0.2.1"] == ["SSH key", LONG, "alice"]
    assert texts["segment", "lan"] == ["lan", "driver macvlan", "on eth0"]
    assert texts["container", "service-2"] == ["service-2", "eth0 10.0.0.4/24"]


CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((one) => {
  const c = one / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
const luminance = (colour) => { const [r, g, b] = channels(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ratio = (one, other) => { const [a, b] = [luminance(one), luminance(other)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05); };
const style = (element) => getComputedStyle(element);
const ground = style(document.body).backgroundColor, frame = style(document.querySelector(".frame")).fill;
const found = [...document.querySelectorAll("p, dt, dd, td, th, a, h1, h2, .mark")].map((element) =>
  ratio(style(element).color, ground));
for (const group of document.querySelectorAll("g.box")) {
  const fill = style(group.querySelector("rect")).fill;
  for (const text of group.querySelectorAll("text")) found.push(ratio(style(text).fill, fill == "none" ? frame : fill));
}
return [ground, Math.min(...found)];
"""


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_text_can_be_read_by_day_and_by_night(browser: Browser, scheme: str, dark: bool) -> None:
    browser.open(shown(FLEETS["five containers"]), 1280, scheme)
    answer: Any = browser.ask(CONTRAST)
    ground, contrast = answer
    assert (ground != "rgb(255, 255, 255)") == dark
    assert contrast >= 4.5, "WCAG 2.2, 1.4.3"


def test_nothing_is_loaded(browser: Browser) -> None:
    browser.open(shown(FLEETS["one container"]), 1280)
    assert browser.ask("return performance.getEntriesByType('resource').length") == 0
