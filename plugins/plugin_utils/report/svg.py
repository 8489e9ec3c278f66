# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A laid out picture as SVG, to stand alone or inside a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from . import topology
from .topology import Box, Picture

_NAMESPACE = "http://www.w3.org/2000/svg"
# How round the corners of each kind are.
_RADIUS = {"who": 15, "gateway": 15, "veth": 15, "ports": 3, "endpoint": 3, "uplink": 3}


def style() -> str:
    """The style sheet of all pictures."""
    text = Path(__file__).with_name("picture.css").read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/\s*", "", text, flags=re.DOTALL)


def stand_alone(host: dict[str, Any]) -> str:
    """The picture of a host of the document as a file of its own."""
    picture = topology.layout(host)
    root = _draw(picture, "picture")
    root.set("xmlns", _NAMESPACE)
    sheet = ElementTree.Element("style")
    sheet.text = style()
    ground = ElementTree.Element("rect", {"class": "ground", "width": "100%", "height": "100%"})
    # Behind title and description, which must come first.
    root[2:2] = [sheet, ground]
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def inline(host: dict[str, Any], identifier: str) -> str:
    """The picture of a host of the document for a page that has the style sheet. ``identifier`` is unique there."""
    return ElementTree.tostring(_draw(topology.layout(host), identifier), encoding="unicode")


def _draw(picture: Picture, identifier: str) -> ElementTree.Element:
    root = ElementTree.Element(
        "svg",
        {
            "class": "topology",
            "role": "img",
            "aria-labelledby": f"{identifier}-title {identifier}-description",
            "viewBox": f"0 0 {picture.width:g} {picture.height:g}",
            "width": f"{picture.width:g}",
            "height": f"{picture.height:g}",
        },
    )
    _element(root, "title", id=f"{identifier}-title").text = f"Network of {''.join(picture.title)}"
    _element(root, "desc", id=f"{identifier}-description").text = picture.description
    x, y, width, height = picture.frame
    _element(root, "rect", **{"class": "frame"}, x=x, y=y, width=width, height=height, rx=12)
    y += topology.TITLE_LINE + 4
    for role, lines, step in (
        ("title", picture.title, topology.TITLE_LINE),
        ("subtitle", picture.subtitle, topology.LINE),
    ):
        for line in lines:
            _text(root, role, line, x + topology.MARGIN, y)
            y += step
    for link in picture.links:
        points = " ".join(f"{one:g},{other:g}" for one, other in link.points)
        _element(root, "polyline", **{"class": f"link {link.style}"}, points=points)
    for caption in picture.captions:
        _text(root, "caption", caption.text, caption.x, caption.y)
    for box in picture.boxes:
        _box(root, box)
    return root


def _box(root: ElementTree.Element, box: Box) -> None:
    group = _element(root, "g", **{"class": f"box {box.kind} {box.style}", "data-of": box.of})
    radius = min(_RADIUS.get(box.kind, 6), box.height / 2)
    _element(group, "rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=radius)
    y = box.y + topology.PAD_Y + topology.LINE - 4
    for text in box.texts:
        one = _element(group, "text", **{"class": text.role})
        for line in text.lines:
            span = _element(one, "tspan", x=box.x + topology.PAD_X, y=y)
            _fit(span, line, topology.CELL)
            y += topology.LINE


def _text(root: ElementTree.Element, role: str, text: str, x: float, y: float) -> None:
    _fit(
        _element(root, "text", **{"class": role}, x=x, y=y),
        text,
        topology.TITLE_CELL if role == "title" else topology.CELL,
    )


def _fit(element: ElementTree.Element, text: str, cell: float) -> None:
    """Set the text. Of other scripts nobody knows how wide they are: these are fitted into their place."""
    element.text = text
    if not topology.is_narrow(text):
        element.set("textLength", f"{topology.cells(text) * cell:g}")
        element.set("lengthAdjust", "spacingAndGlyphs")


def _element(parent: ElementTree.Element, tag: str, **attributes: Any) -> ElementTree.Element:
    texts = {key: f"{value:g}" if isinstance(value, float) else str(value) for key, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, texts)
