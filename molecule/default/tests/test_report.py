"""The report behind verify.yml draws what that saw, and its pictures say what bridge_info says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import reach

SVG = "{http://www.w3.org/2000/svg}"
LAN = "192.0.2.0/24"


@pytest.fixture(scope="module")
def trixie() -> Iterator[Any]:
    """A host with a container on docker0 that publishes a port, and one on a macvlan network."""
    host = reach.over_ssh("trixie")
    host.run_expect([0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab")
    sleep = "busybox:lab /bin/busybox sleep 600"
    try:
        host.run_expect([0], f"docker run -d --name front -p 3001:3000 {sleep}")
        host.run_expect([0], f"docker network create -d macvlan -o parent=host0 --subnet {LAN} lan")
        host.run_expect([0], f"docker run -d --name beside --network lan {sleep}")
        yield host
    finally:
        host.run("docker rm -f front beside; docker network rm lan")


@pytest.fixture(scope="module")
def verified(trixie: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The directory of a report behind verify.yml, and the run's plays."""
    directory = tmp_path_factory.mktemp("report")
    done = subprocess.run(
        reach.command("verify", directory=str(directory)),
        cwd=reach.PROJECT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    return directory, json.loads(done.stdout[done.stdout.index("{") :])["plays"]


def test_nothing_is_looked_at_twice(verified: tuple[Path, list[Any]]) -> None:
    _directory, plays = verified
    looks: dict[tuple[str, str], int] = {}
    for task in (task for play in plays for task in play["tasks"]):
        for name, result in task["hosts"].items():
            action = str(result.get("action", "")).rpartition(".")[2]
            if action in ("verify", "host_info", "bridge_info") and not result.get("skipped"):
                looks[name, action] = looks.get((name, action), 0) + 1
    assert looks == {(name, "verify"): 1 for name in ("bookworm", "trixie", "forky")}


def test_report_says_that_the_fleet_was_verified(verified: tuple[Path, list[Any]]) -> None:
    report = json.loads((verified[0] / "report.json").read_text(encoding="utf-8"))
    assert report["verified"]
    assert report["totals"]["observed"] == 3
    transports = {one["name"]: sorted(door["transport"] for door in one["endpoints"]) for one in report["hosts"]}
    assert transports == {"bookworm": ["unix"], "trixie": ["tls", "unix"], "forky": ["tls", "unix"]}


def test_picture_says_what_bridge_info_says(verified: tuple[Path, list[Any]], trixie: Any) -> None:
    bridge = reach.managed("trixie").ansible("mooring.docker.bridge_info", check=False)
    said: dict[str, list[tuple[str, str]]] = {}
    for group in ElementTree.parse(verified[0] / "trixie.svg").getroot().iter(f"{SVG}g"):
        text = " ".join("".join(one.itertext()) for one in group.iter(f"{SVG}text"))
        said.setdefault(group.attrib["class"].split()[1], []).append((group.attrib["data-of"], text))

    ports = [port for one in bridge["bridges"] for port in one["ports"]]
    assert [text for _of, text in said["veth"]] == [port["interface"] for port in ports]
    parent = next(one for one in bridge["parents"] if one["interface"] == "host0")
    inside = {one["name"]: one for one in [*(port["container"] for port in ports), *parent["children"]]}
    assert set(inside) >= {"front", "beside"}
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
