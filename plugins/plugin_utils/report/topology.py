# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of one host, laid out: boxes in six columns, from who may use it on the left to published ports.

Two parts, one above the other: who gets to the daemon, and how packets get to containers. A box is as large as its
text, a column as wide as its widest box, a row as high as its highest: so nothing overlaps, and nothing is cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ...module_utils._config.endpoints import bracketed

Json = dict[str, Any]

# Pixels. Text is set in a monospaced font of 12 px, of which the widest in use advance by 0.62 em.
CELL = 7.5
LINE = 16.0
PAD_X, PAD_Y = 11.0, 7.0
_GAP_X, _GAP_Y, _STACK_GAP = 34.0, 10.0, 6.0
_PART_GAP = 34.0
_CAPTION = 22.0
MARGIN = 16.0
TITLE_CELL, TITLE_LINE = 11.0, 24.0
_TITLE_LIMIT, _SUBTITLE_LIMIT = 44, 64

OUTSIDE, DOOR, HUB, VETH, CONTAINER, PORTS = range(6)
# How many characters a line may have in each column before it is broken.
_LIMITS = {OUTSIDE: 26, DOOR: 30, HUB: 30, VETH: 16, CONTAINER: 34, PORTS: 34}
_ARROWS = "→·"
_NAMES_SHOWN = 8


@dataclass(frozen=True)
class Text:
    """One piece of text, broken into lines. ``role`` is "name", "value" or "note"."""

    role: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """One thing. ``kind`` decides its shape, ``style`` its outline; ``of`` says what it stands for."""

    kind: str
    of: str
    texts: tuple[Text, ...]
    column: int
    style: str = "plain"
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def middle(self) -> float:
        """The height at which lines meet it."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Link:
    """A line from one box to another, by its corners, in the style of the box it leads to."""

    points: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True)
class Caption:
    """The heading of a column."""

    text: str
    x: float
    y: float


@dataclass
class Picture:
    """All of it. ``frame`` is the host's outline: x, y, width, height."""

    title: tuple[str, ...]
    subtitle: tuple[str, ...]
    description: str
    width: float = 0
    height: float = 0
    frame: tuple[float, float, float, float] = (0, 0, 0, 0)
    boxes: list[Box] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)


# A row has in each of its columns one box, or several below each other.
_Row = dict[int, list[Box]]


# --- text


def cells(text: str) -> int:
    """How many cells of a monospaced font the text takes at most; other scripts may need two for a character."""
    return sum(1 if is_narrow(character) else 2 for character in text)


def is_narrow(text: str) -> bool:
    """Whether every monospaced font sets the text in cells of one width."""
    return all(character.isascii() or character in _ARROWS for character in text)


def wrap(text: str, limit: int) -> tuple[str, ...]:
    """The text in lines of at most ``limit`` cells, broken behind punctuation where that is near. Nothing is lost."""
    lines = []
    start = 0
    while cells(text[start : start + limit + 1]) > limit:
        fits = start + 1
        while cells(text[start : fits + 1]) <= limit:
            fits += 1
        breaks = (end for end in range(fits, (start + fits) // 2, -1) if text[end - 1] in " -_./:,@")
        end = next(breaks, fits)
        lines.append(text[start:end])
        start = end
    return (*lines, text[start:])


# --- what stands in the boxes


def _box(kind: str, of: str, column: int, texts: Iterable[tuple[str, str | None]], style: str = "plain") -> Box:
    broken = tuple(Text(role, wrap(text, _LIMITS[column])) for role, text in texts if text) or (Text("value", ("",)),)
    lines = [line for text in broken for line in text.lines]
    width = max(map(cells, lines)) * CELL + 2 * PAD_X
    return Box(kind, of, broken, column, style, width=width, height=len(lines) * LINE + 2 * PAD_Y)


_ACCESS = {
    "everyone": "anyone who reaches it",
    "everyone_here": "everyone on this host",
    "unknown": "not observed",
}


def _who(door: Json) -> Box:
    access = door["access"]
    shown, more = access["names"][:_NAMES_SHOWN], len(access["names"]) - _NAMES_SHOWN
    names: list[tuple[str, str | None]] = [("value", name) for name in shown]
    names.append(("note", f"and {more} more" if more > 0 else None))
    if access["kind"] == "accounts":
        group = f"group {access['group']}" if access["group"] else None
        nobody = "nobody in it" if group and not shown else None
        texts = [("name", access["owner"]), ("name", group), *names, ("note", nobody)]
        return _box("who", door["url"], OUTSIDE, texts if any(text for _role, text in texts) else [("name", "nobody")])
    if access["kind"] == "certificate":
        return _box("who", door["url"], OUTSIDE, [("name", "client certificate"), *names])
    if access["kind"] == "keys":
        return _box("who", door["url"], OUTSIDE, [("name", "SSH key"), *names])
    style = "dotted" if access["kind"] == "unknown" else "alarm"
    return _box("who", door["url"], OUTSIDE, [("name", _ACCESS[access["kind"]])], style)


def _door(door: Json) -> Box:
    certificate = door["certificate"] or {}
    days = certificate.get("days_left")
    notes = {"tls": "TLS", "plaintext": "no TLS"}.get(door["transport"])
    ends = None if days is None else f"certificate: {days} days" if days >= 0 else "certificate has expired"
    quiet = None if door["listening"] else "no account" if door["transport"] == "ssh" else "does not listen"
    return _box(
        "endpoint",
        door["url"],
        DOOR,
        [("name", door["url"]), ("note", notes), ("note", ends), ("note", quiet)],
        "plain" if door["listening"] else "dotted",
    )


def _engine(host: Json) -> Box:
    engine = host["engine"]
    if not engine["installed"]:
        return _box("engine", "engine", HUB, [("name", "no engine" if host["observed"] else "not observed")], "dotted")
    return _box(
        "engine",
        "engine",
        HUB,
        [
            ("name", "dockerd"),
            ("value", engine["version"]),
            ("value", f"API {engine['api_version']}" if engine["api_version"] else None),
            ("note", None if engine["active"] == "active" else engine["active"] or "state unknown"),
        ],
        "plain" if engine["active"] == "active" else "dotted",
    )


_SEGMENTS = {
    "host": ("the host's own network", None),
    "none": ("no network", None),
    "container": (None, "shares its network"),
    "stopped": ("not running", None),
}


def _hub(segment: Json) -> Box:
    title, note = _SEGMENTS.get(segment["kind"], (None, None))
    texts: list[tuple[str, str | None]] = [("name", title or segment["name"]), ("note", note)]
    if segment["kind"] == "bridge":
        texts += [("value", f"network {segment['network']}" if segment["network"] else None)]
    elif segment["kind"] == "network":
        texts += [("value", f"driver {segment['network']}")]
        texts += [("value", f"on {segment['parent']}" if segment["parent"] else None)]
    texts += [("value", address) for address in segment["addresses"]]
    texts += [("value", f"MTU {segment['mtu']}" if segment["mtu"] else None)]
    if segment["kind"] in ("bridge", "network") and not segment["outward"]:
        texts += [("note", "internal")]
    texts += [("note", "switched off" if segment["up"] is False else None)]
    faint = segment["kind"] in ("none", "stopped") or segment["up"] is False
    return _box("segment", segment["name"], HUB, texts, "dotted" if faint else "plain")


def _container(end: Json, state: str, again: bool) -> Box:
    if end["container"] is None:
        return _box("container", "", CONTAINER, [("note", "no container known")], "dotted")
    first = end["addresses"][0] if end["addresses"] else ""
    inside = f"{end['interface'] or ''} {first}".strip()
    return _box(
        "container",
        end["container"],
        CONTAINER,
        [
            ("name", end["container"]),
            ("value", inside),
            *(("value", address) for address in end["addresses"][1:]),
            ("note", None if state == "running" else state),
            ("note", "also above" if again else None),
        ],
        "plain" if state in ("running", "paused") else "dotted",
    )


_REACH = {
    "everyone": ("open to everyone", "open"),
    "sources": ("open to", "plain"),
    "nobody": ("closed by the policy", "dashed"),
    "host": ("this host only", "dotted"),
    "unknown": ("policy unknown", "dotted"),
}


def ranges(published: list[Json]) -> list[str]:
    """Bindings as text, runs of them as one: ``0.0.0.0:3000-3009 → 3000-3009/tcp``."""

    def order(one: Json) -> tuple[str, str, int, int]:
        return one["host_address"], one["protocol"], one["host_port"] - one["container_port"], one["host_port"]

    runs: list[list[Json]] = []
    for one in sorted(published, key=order):
        before = runs[-1][-1] if runs else None
        if before and order(before)[:3] == order(one)[:3] and one["host_port"] - before["host_port"] <= 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return [
        f"{bracketed(run[0]['host_address'])}:{_span(run, 'host_port')} → "
        f"{_span(run, 'container_port')}/{run[0]['protocol']}"
        for run in runs
    ]


def _span(run: list[Json], key: str) -> str:
    first, last = run[0][key], run[-1][key]
    return str(first) if first == last else f"{first}-{last}"


def _by_reach(published: list[Json]) -> list[tuple[str, list[str], list[Json]]]:
    """Bindings with the same reach together: what it is called, the sources it is open to, and the bindings."""

    def reach(one: Json) -> tuple[int, list[str]]:
        return list(_REACH).index(one["reach"]), one["sources"]

    groups = itertools.groupby(sorted(published, key=reach), key=reach)
    return [(list(_REACH)[order], sources, list(group)) for (order, sources), group in groups]


def reach(published: list[Json]) -> list[str]:
    """Published ports and who can reach them, as text."""
    return [
        f"{', '.join(ranges(bindings))}: {' '.join([_REACH[kind][0], ', '.join(sources)]).strip()}"
        for kind, sources, bindings in _by_reach(published)
    ]


def _ports(published: list[Json], name: str) -> list[Box]:
    """Published ports of one container, a box for each reach."""
    boxes = []
    for kind, sources, bindings in _by_reach(published):
        note, style = _REACH[kind]
        texts = [("value", line) for line in ranges(bindings)] + [("note", note)]
        boxes.append(_box("ports", name, PORTS, texts + [("value", source) for source in sources], style))
    return boxes


# --- where they stand

_CONTROL = {OUTSIDE: "who may use it", DOOR: "endpoints", HUB: "engine"}
_NETWORK = {
    OUTSIDE: "gateways",
    DOOR: "uplinks",
    HUB: "bridges",
    VETH: "veth",
    CONTAINER: "containers",
    PORTS: "published ports",
}


def layout(host: Json) -> Picture:
    """The picture of a host of the document."""
    picture = Picture(wrap(host["name"], _TITLE_LIMIT), wrap(_subtitle(host), _SUBTITLE_LIMIT), _description(host))
    doors = [{OUTSIDE: [_who(door)], DOOR: [_door(door)]} for door in host["endpoints"]]
    engine = _engine(host)
    uplinks = [_uplink_row(uplink) for uplink in host["uplinks"]]
    segments = [(segment, _hub(segment)) for segment in host["segments"]]
    wires = _wire_rows(host)

    grid = _Grid(picture, [doors, uplinks, *wires], [engine, *(hub for _segment, hub in segments)])
    top = 3 * MARGIN + TITLE_LINE * len(picture.title) + LINE * len(picture.subtitle)
    top = grid.captions(_CONTROL, [doors], [engine], top)
    placed, bottom = grid.rows(doors, top)
    bottom = max(bottom, top + engine.height)
    daemon = grid.place(engine, top, bottom - top)
    for door, one in zip(host["endpoints"], placed):
        if door["listening"]:
            grid.join(one[DOOR], [daemon])

    top = grid.captions(_NETWORK, [uplinks, *wires], [hub for _segment, hub in segments], bottom + _PART_GAP)
    placed, bottom = grid.rows(uplinks, top)
    ways_out = [box for one in placed for box in one[DOOR]]
    for (segment, hub), rows in zip(segments, wires):
        # The lower of bridge and containers stands in the middle of the higher; a long list hangs from its bridge.
        high = _height(rows)
        bridge = grid.place(hub, top, _height(rows[:1]))
        ends, _end = grid.rows(rows, top + max(0.0, (hub.height - high) / 2))
        for end in ends:
            grid.join([bridge], end.get(VETH) or end[CONTAINER], _wire_style(segment, VETH in end))
        if segment["outward"]:
            grid.join([box for box in ways_out if segment["parent"] in (None, box.of)], [bridge])
        top += max(hub.height, high) + 2 * _GAP_Y
        bottom = max(bottom, top - 2 * _GAP_Y)
    grid.close(bottom)
    return picture


class _Grid:
    """The columns of a picture, and what has been put into them."""

    def __init__(self, picture: Picture, rows: list[list[_Row]], boxes: list[Box]) -> None:
        """Each column becomes as wide as the widest that will stand in it, and as its captions."""
        self.picture = picture
        self.columns: dict[int, tuple[float, float]] = {}
        everything = boxes + [box for part in rows for row in part for stack in row.values() for box in stack]
        x = MARGIN
        self.inside = 0.0
        for column in sorted({box.column for box in everything}):
            if column != OUTSIDE and not self.inside:
                self.inside = x
                x += MARGIN
            widths = [box.width for box in everything if box.column == column]
            widths += [len(names[column]) * CELL for names in (_CONTROL, _NETWORK) if column in names]
            self.columns[column] = (x, max(widths))
            x += max(widths) + _GAP_X
        self.right = x - _GAP_X

    def place(self, box: Box, y: float, height: float = 0) -> Box:
        """Put a box into its column, into the middle of ``height`` where that is higher."""
        x, width = self.columns[box.column]
        placed = replace(box, x=x, y=y + max(0.0, height - box.height) / 2, width=width)
        self.picture.boxes.append(placed)
        return placed

    def rows(self, rows: list[_Row], y: float) -> tuple[list[_Row], float]:
        """Put rows below each other. The boxes where they stand now, and where the last one ends."""
        found = []
        for row in rows:
            placed = {column: self._stack(boxes, y, _height([row])) for column, boxes in sorted(row.items())}
            for (_left, before), (_right, boxes) in itertools.pairwise(placed.items()):
                for box in boxes:
                    self.join(before, [box], box.style if box.kind in ("ports", "endpoint") else "plain")
            found.append(placed)
            y += _height([row]) + _GAP_Y
        return found, y - _GAP_Y if rows else y

    def _stack(self, boxes: list[Box], y: float, height: float) -> list[Box]:
        """Put boxes below each other, into the middle of ``height``."""
        y += (height - _stacked(boxes)) / 2
        placed = []
        for box in boxes:
            placed.append(self.place(box, y))
            y += box.height + _STACK_GAP
        return placed

    def join(self, many: list[Box], others: list[Box], style: str = "plain") -> None:
        """Draw the lines from boxes to others further right, with a bend halfway to the next column."""
        for left, right in itertools.product(many, others):
            start, end = (left.x + left.width, left.middle), (right.x, right.middle)
            turn = start[0] + _GAP_X / 2
            bends = [] if start[1] == end[1] else [(turn, start[1]), (turn, end[1])]
            self.picture.links.append(Link((start, *bends, end), style))

    def captions(self, names: dict[int, str], rows: list[list[_Row]], boxes: list[Box], y: float) -> float:
        """Write headings over the columns that something will stand in. Where that begins."""
        used = {column for part in rows for row in part for column in row} | {box.column for box in boxes}
        for column, text in names.items():
            if column in used:
                self.picture.captions.append(Caption(text, self.columns[column][0], y + LINE / 2))
        return y + _CAPTION if used else y

    def close(self, bottom: float) -> None:
        """Draw the host's frame around what is inside."""
        titles = [cells(line) * TITLE_CELL for line in self.picture.title]
        titles += [cells(line) * CELL for line in self.picture.subtitle]
        left = self.inside
        right = max(self.right, left + MARGIN + max(titles)) + MARGIN
        self.picture.frame = (left, MARGIN, right - left, bottom)
        self.picture.width, self.picture.height = right + MARGIN, bottom + 2 * MARGIN


def _height(rows: list[_Row]) -> float:
    return sum(max(map(_stacked, row.values())) + _GAP_Y for row in rows) - (_GAP_Y if rows else 0)


def _stacked(boxes: list[Box]) -> float:
    return sum(box.height + _STACK_GAP for box in boxes) - _STACK_GAP


def _uplink_row(uplink: Json) -> _Row:
    name = uplink["interface"]
    texts = [("name", name), *(("value", one) for one in uplink["addresses"]), ("value", f"MTU {uplink['mtu']}")]
    row = {DOOR: [_box("uplink", name, DOOR, texts)]}
    if uplink["gateways"]:
        row[OUTSIDE] = [_box("gateway", name, OUTSIDE, [("value", one) for one in uplink["gateways"]])]
    return row


def _wire_rows(host: Json) -> list[list[_Row]]:
    """The rows of each segment: veth, container, published ports. These stand once, and where they lead outside."""
    places: dict[str, int] = {}
    # An earlier place overrules a later one, and a way out no way out.
    for outward in (False, True):
        for number, segment in reversed(list(enumerate(host["segments"]))):
            if segment["outward"] == outward:
                places.update({end["container"]: number for end in segment["ends"]})
    containers = {one["name"]: one for one in host["containers"]}
    unknown: Json = {"state": "running", "published": []}
    met = set()
    found = []
    for number, segment in enumerate(host["segments"]):
        rows = []
        for end in segment["ends"]:
            name = end["container"]
            one = containers.get(name, unknown)
            row = {CONTAINER: [_container(end, one["state"], name in met)]}
            if end["veth"]:
                row[VETH] = [_box("veth", end["veth"], VETH, [("value", end["veth"])])]
            if one["published"] and places.get(name) == number:
                row[PORTS] = _ports(one["published"], name)
                del places[name]
            if name is not None:
                met.add(name)
            rows.append(row)
        found.append(rows)
    return found


def _wire_style(segment: Json, seen: bool) -> str:
    return "plain" if seen or segment["kind"] == "host" or segment["parent"] else "dotted"


def _subtitle(host: Json) -> str:
    system = host["system"]
    name = " ".join(filter(None, ((system["distribution"] or "").capitalize(), system["version"])))
    return " · ".join(filter(None, (host["address"], name)))


def _description(host: Json) -> str:
    ends = sum(len(one["ends"]) for one in host["segments"])
    return (
        f"Endpoints ({len(host['endpoints'])}) with who may use them, uplinks ({len(host['uplinks'])}), bridges and "
        f"other networks ({len(host['segments'])}), and what is attached to them ({ends}) with its published ports."
    )
