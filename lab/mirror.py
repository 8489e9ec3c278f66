"""Where the hosts get their packages: from wherever this machine's own apt gets them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.shell import run, succeeds

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_TARGET = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
# How this machine reaches its archive (a proxy), and how strict it is about the age of a mirror.
_CARRIED = re.compile(r'Acquire::(https?::(\S+::)?Proxy|Check-Valid-Until|Check-Date) "[^"]+";')
# A mirror may lag behind a suite that changes daily; in a disposable host that is no reason to stop.
_TOLERANT = 'Acquire::Check-Valid-Until "false";'


@dataclass(frozen=True)
class Mirror:
    """An archive, its security archive if it has one, and the apt configuration that belongs to them."""

    archive: str
    security: str | None
    options: tuple[str, ...]

    def pockets(self, suite: str) -> list[tuple[str, str]]:
        """The archives of a suite that really exist on the mirror, as (URI, release)."""
        wanted = [(self.archive, suite), (self.archive, f"{suite}-updates")]
        if self.security:
            wanted.append((self.security, f"{suite}-security"))
        found = [pocket for pocket in wanted if _exists(*pocket)]
        if wanted[0] not in found:
            raise LabError(
                f"{self.archive} has no suite {suite} (or does not answer): "
                "name a Debian mirror that has it in MOORING_LAB_MIRROR"
            )
        return found


def of_this_machine() -> Mirror:
    """The machine's mirror, unless $MOORING_LAB_MIRROR names one (for a machine that is not Debian)."""
    options = carried(run("apt-config", "dump"))
    declared = os.environ.get("MOORING_LAB_MIRROR", "").rstrip("/")
    if declared:
        sibling = re.sub(r"/debian$", "/debian-security", declared)
        return Mirror(declared, sibling if sibling != declared else None, options)
    archive, security = choose(run("apt-get", "indextargets", "--format", _TARGET).splitlines())
    return Mirror(archive, security, options)


def choose(targets: Iterable[str]) -> tuple[str, str | None]:
    """The archive and the security archive among apt's index targets, told apart by their release names."""
    archive = security = None
    for target in targets:
        uri, release, component, *origin = target.split(" ")
        # Where apt has no lists yet the origin is unknown: any archive with a `main` is worth a try.
        if component != "main" or origin not in ([], [""], ["Debian"]):
            continue
        if release.endswith("-security"):
            security = security or uri.rstrip("/")
        elif "/" not in release and not release.endswith("-backports"):
            archive = archive or uri.rstrip("/")
    if archive is None:
        raise LabError("apt on this machine has no Debian archive: name one in MOORING_LAB_MIRROR")
    return archive, security


def carried(dump: str) -> tuple[str, ...]:
    """The lines of the machine's apt configuration that a host needs to reach the same mirror."""
    lines = [line for line in dump.splitlines() if _CARRIED.fullmatch(line)]
    return tuple(dict.fromkeys([*lines, _TOLERANT]))


def sources(pockets: Iterable[tuple[str, str]]) -> str:
    """A host's /etc/apt/sources.list.d/debian.sources."""
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {release}\nComponents: main\nSigned-By: {KEYRING}\n"
        for uri, release in pockets
    )


def _exists(uri: str, release: str) -> bool:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "InRelease")
        return succeeds("/usr/lib/apt/apt-helper", "download-file", f"{uri}/dists/{release}/InRelease", file)
