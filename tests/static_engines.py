"""Docker's static archives, for tests that ask an engine without a host of its own.

The directory in MOORING_ENGINES has them as Docker publishes them (``docker-VERSION.tgz``), or packed by version
(``VERSION.tar.xz``).
"""

from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path

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


def extract(archive: Path, program: str, directory: Path) -> Path:
    """One program of an archive, ready to be run."""
    with tarfile.open(archive) as stream:
        for member in stream:
            if member.isfile() and Path(member.name).name == program:
                content = stream.extractfile(member)
                assert content is not None
                path = directory / program
                path.write_bytes(content.read())
                path.chmod(0o755)
                return path
    raise AssertionError(f"{archive} has no {program}")
