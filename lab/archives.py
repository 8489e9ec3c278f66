"""Docker's static archives, for hosts and tests with an engine that their release does not have.

The directory in MOORING_ENGINES has them as Docker publishes them (``docker-VERSION.tgz``), or packed by version
(``VERSION.tar.xz``), with what versions have in common (containerd, runc) in ``base.tar.xz``.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Container
from pathlib import Path

from lab.errors import LabError

DIRECTORY = os.environ.get("MOORING_ENGINES", "")
WHY_NONE = "MOORING_ENGINES names no directory with archives of Docker Engine (docker-VERSION.tgz)"


def archives() -> dict[str, Path]:
    """The archives that there are, by version."""
    found = {}
    for path in sorted(Path(DIRECTORY).iterdir()) if DIRECTORY and Path(DIRECTORY).is_dir() else []:
        match = re.fullmatch(r"(?:docker-)?([0-9]+\.[0-9]+\.[0-9]+)\.(?:tgz|tar\.xz)", path.name)
        if match:
            found[match[1]] = path
    return found


def of_engine(version: str) -> list[Path]:
    """The archives with the programs of an engine."""
    found = archives()
    if version not in found:
        there = f"there are {', '.join(found)}" if found else WHY_NONE
        raise LabError(f"there is no archive of engine {version}: {there}")
    base = Path(DIRECTORY, "base.tar.xz")
    return [*([base] if found[version].suffix == ".xz" and base.is_file() else []), found[version]]


def extract(archive: Path, directory: Path, names: Container[str] | None = None) -> dict[str, Path]:
    """Those programs of an archive that ``names`` has, all by default, ready to be run; by name."""
    found = {}
    with tarfile.open(archive) as stream:
        for member in stream:
            name = Path(member.name).name
            if not member.isfile() or (names is not None and name not in names):
                continue
            content = stream.extractfile(member)
            assert content is not None
            path = directory / name
            path.write_bytes(content.read())
            path.chmod(0o755)
            found[name] = path
    return found
