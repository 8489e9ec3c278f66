"""Reading the hosts to boot out of an Ansible inventory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

GROUP = "docker_hosts"
BACKENDS = ("", "iptables", "nftables")
SUITES = ("bullseye", "bookworm", "trixie", "forky")
# A host name that is also a good file name, and leaves room in a systemd machine name.
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?")


@dataclass(frozen=True)
class Host:
    """One machine to boot, as the inventory declares it.

    ``engine`` is the version of the engine that it installs, "" for its release's own, and ``backend`` the packet
    filter that the engine's unit names, "" where it names none.
    """

    name: str
    suite: str
    octet: int
    engine: str = ""
    backend: str = ""


def read(inventory: Path) -> list[Host]:
    """The declared hosts, in the inventory's order."""
    if not inventory.exists():
        raise LabError(f"there is no inventory {inventory}")
    program = Path(sys.executable).with_name("ansible-inventory")
    try:
        done = subprocess.run(
            [program, "-i", inventory, "--list"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"},
        )
    except FileNotFoundError:
        raise LabError(f"{program} is missing: run `make setup`, and the lab with .venv/bin/python") from None
    if done.returncode:
        raise LabError(f"ansible cannot read {inventory}: {done.stderr.strip()}")
    return parse(json.loads(done.stdout), os.environ)


def parse(listing: Mapping[str, Any], environment: Mapping[str, str]) -> list[Host]:
    """Hosts from `ansible-inventory --list` (which leaves Jinja as it is: the lab's variables are literals).

    MOORING_ENGINE and MOORING_BACKEND in the environment are for hosts with neither lab_engine nor lab_backend.
    """
    variables = listing.get("_meta", {}).get("hostvars", {})
    hosts: list[Host] = []
    for name in _members(listing, GROUP):
        if not HOST_NAME.fullmatch(name):
            raise LabError(f"host {name}: the lab needs a short host name of a-z, 0-9 and -")
        declared = variables.get(name, {})
        suite, octet = declared.get("lab_suite"), declared.get("lab_address")
        if suite not in SUITES:
            raise LabError(f"host {name}: lab_suite is {suite!r}, expected one of {', '.join(SUITES)}")
        if not (isinstance(octet, int) and 2 <= octet <= 254):
            raise LabError(f"host {name}: lab_address is {octet!r}, expected a number from 2 to 254")
        for other in hosts:
            if other.octet == octet:
                raise LabError(f"hosts {other.name} and {name} have the same lab_address {octet}")
        asked = (environment.get("MOORING_ENGINE", ""), environment.get("MOORING_BACKEND", ""))
        if "lab_engine" in declared or "lab_backend" in declared:
            asked = (str(declared.get("lab_engine", "")), str(declared.get("lab_backend", "")))
        engine, backend = asked
        if backend not in BACKENDS:
            raise LabError(f"host {name}: lab_backend is {backend!r}, expected iptables or nftables")
        if backend and not engine:
            raise LabError(f"host {name}: lab_backend {backend} takes an engine that has backends: name a lab_engine")
        hosts.append(Host(name, suite, octet, engine, backend))
    if not hosts:
        raise LabError(f"the inventory has no host in the group {GROUP}")
    return hosts


def _members(listing: Mapping[str, Any], group: str) -> list[str]:
    entry = listing.get(group, {})
    names: list[str] = list(entry.get("hosts", []))
    for child in entry.get("children", []):
        names += [name for name in _members(listing, child) if name not in names]
    return names
