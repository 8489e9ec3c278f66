"""The report behind verify.yml draws what that saw, and its pictures say what bridge_info says."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import reach
from conftest import HOSTS, Demo

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def directory(demo: Demo) -> Path:
    """The directory of the report that the demo drew behind its verify.yml."""
    return demo.client / "report"


def test_nothing_is_looked_at_twice(demo: Demo) -> None:
    text = (demo.client / "verify.log").read_text(encoding="utf-8")
    plays = json.loads(text[text.index("{") :])["plays"]
    looks: dict[tuple[str, str], int] = {}
    for task in (task for play in plays for task in play["tasks"]):
        for name, result in task["hosts"].items():
            action = str(result.get("action", "")).rpartition(".")[2]
            if action in ("verify", "host_info", "bridge_info") and not result.get("skipped"):
                looks[name, action] = looks.get((name, action), 0) + 1
    assert looks == {(name, "verify"): 1 for name in HOSTS}


def test_report_says_that_the_fleet_was_verified(directory: Path) -> None:
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    assert report["verified"]
    assert report["totals"]["observed"] == 3
    transports = {one["name"]: sorted(door["transport"] for door in one["endpoints"]) for one in report["hosts"]}
    assert transports == {"bookworm": ["unix"], "trixie": ["tls", "unix"], "forky": ["tls", "unix"]}


def test_picture_says_what_bridge_info_says(directory: Path) -> None:
    bridge = reach.managed("trixie").ansible("mooring.docker.bridge_info", check=False)
    said: dict[str, list[tuple[str, str]]] = {}
    for group in ElementTree.parse(directory / "trixie.svg").getroot().iter(f"{SVG}g"):
        text = " ".join("".join(one.itertext()) for one in group.iter(f"{SVG}text"))
        said.setdefault(group.attrib["class"].split()[1], []).append((group.attrib["data-of"], text))

    ports = [port for one in bridge["bridges"] for port in one["ports"]]
    assert [text for _of, text in said["veth"]] == [port["interface"] for port in ports]
    parent = next(one for one in bridge["parents"] if one["interface"] == "host0")
    inside = {one["name"]: one for one in [*(port["container"] for port in ports), *parent["children"]]}
    assert set(inside) >= {"web", "front", "beside"}
    for name, end in inside.items():
        assert (name, f"{name} {end['interface']} {end['addresses'][0]}") in said["container"]
    segments = dict(said["segment"])
    for one in bridge["bridges"]:
        assert segments[one["name"]].startswith(f"{one['name']} network {one['network']} {one['addresses'][0]}")
    assert segments["lan"].startswith("lan driver macvlan on host0")
    front = next(one for one in bridge["containers"] if one["name"] == "front")
    for binding in front["published"]:
        address = "[::]" if binding["host_address"] == "::" else binding["host_address"]
        arrow = f"{address}:{binding['host_port']} → {binding['container_port']}/tcp"
        assert any(of == "front" and arrow in text for of, text in said["ports"])
    for uplink in bridge["uplinks"]:
        assert any(of == uplink["interface"] and uplink["addresses"][0] in text for of, text in said["uplink"])
