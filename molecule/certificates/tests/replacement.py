"""The replacement of both authorities that several tests look at: what it did to clients, and what it said."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reach
from ansible_collections.mooring.docker.plugins.plugin_utils import authorities
from clients import HOSTS, Client, everywhere, let_in, per_host
from loud import Loud
from watch import Watch, watching

LEFTOVERS = "find /tmp /var/tmp /root /home -name '*ansible-tmp*'"


@dataclass
class Replacement:
    """What there was before and after it, and in between, when one daemon was out of reach.

    ``hindered`` is the exit status of that run, ``waiting`` the state of the authorities that it left, ``let_in`` the
    hosts on which the client got in then, ``reached`` those that had another certificate. ``number`` is the generation
    that signed clients before, ``before`` and ``after`` the authorities that the client knew.
    """

    loud: Loud
    watches: dict[tuple[str, str], Watch]
    since: float
    until: float
    before: str
    after: str
    certificates: dict[str, str]
    number: int
    out_of_reach: str
    hindered: int
    waiting: authorities.State
    let_in: list[str]
    reached: list[str]


def certificate(name: str) -> str:
    """By what the certificate of a daemon is known."""
    return str(reach.over_ssh(name).check_output("sha256sum /etc/docker/tls/server/cert.pem").split()[0])


def replace(client: Client, place: Path) -> Replacement:
    """Replace them, as loudly as can be, while two clients watch: one is managed, one is told of no authority."""
    holder = _holder(client, place)
    loud = Loud(place)
    # Other tests kill runs, which cannot clear up.
    everywhere(f"{LEFTOVERS} -prune -exec rm -r {{}} +")
    # The index may have clients of other tests.
    others = [
        path.stem for path in (reach.pki() / "issued/clients").glob("*.pem") if path.stem != client.directory.name
    ]
    found: dict[str, Any] = {
        "loud": loud,
        "since": time.time(),
        "before": (client.directory / "ca.pem").read_text(),
        "certificates": {name: certificate(name) for name in HOSTS},
        "number": authorities.load(str(reach.pki()))["client"]["signer"],
        "out_of_reach": HOSTS[-1],
    }
    variables = {"without": others, **client.variables}
    with watching(("managed", client, 0.5), ("holder", holder, 1.0)) as watches:
        # Nobody listens there.
        away = per_host({found["out_of_reach"]: 9}, 22)
        found["hindered"] = loud.run("hindered", "replace_authorities", ansible_port=away, **variables)
        found["waiting"] = authorities.load(str(reach.pki()))
        found["let_in"] = let_in(client)
        found["reached"] = [name for name in HOSTS if certificate(name) != found["certificates"][name]]
        status = loud.run("replaced", "replace_authorities", **variables)
        assert status == 0, loud.said["replaced"][-3000:]
    return Replacement(watches=watches, until=time.time(), after=(client.directory / "ca.pem").read_text(), **found)


def _holder(client: Client, place: Path) -> Client:
    """A client that has the servers' authority of before, and is never told of another."""
    shutil.copytree(client.directory, place / "holder", symlinks=True)
    found = Client(place / "holder")
    for kept in found.of_contexts("ca.pem"):
        kept.unlink()
        shutil.copy(client.directory / "ca.pem", kept)
    return found
