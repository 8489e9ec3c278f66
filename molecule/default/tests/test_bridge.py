"""Traffic of containers goes where it should."""

from __future__ import annotations

import json
from typing import Any

import reach


def test_container_reaches_container(host: Any, image: str, web: str) -> None:
    inspected = json.loads(host.check_output(f"docker inspect {web}"))[0]
    address = inspected["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert reach.in_container(host, image, f"/bin/busybox wget -qO- http://{address}:3000/") == "moored"


def test_container_reaches_its_host(host: Any, image: str, declared: dict[str, Any]) -> None:
    address = declared["address"]
    assert "SSH" in reach.in_container(host, image, f"/bin/busybox nc -w 5 {address} 22 < /dev/null")


def test_published_port_answers_from_the_host_and_from_another(
    host: Any, neighbour: Any, declared: dict[str, Any], web: str
) -> None:
    url = f"http://{declared['address']}:3000/"
    assert host.check_output(f"timeout 5 busybox wget -qO- {url}") == "moored"
    assert neighbour.check_output(f"timeout 5 busybox wget -qO- {url}") == "moored"
