# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root file system of a container that needs no registry: a program that every host has.

It is a static one, or ``sleep`` with the libraries that it needs.
"""

from __future__ import annotations

import io
import re
import shutil
import struct
import tarfile
from pathlib import Path

from .._system import commands

PROGRAMS = ("docker-init", "tini-static", "ldconfig")
"""Static programs that end at once, with status 0, when they are asked for their version.

The first comes with the engine, the last with Debian's C library.
"""

COMMAND = ["/canary", "--version"]
"""What a container of this root runs."""

SLEEP = ["/sleep", "60"]
"""What a container runs that is to be there for a while, and ends by itself wherever nobody ends it."""

_PATH = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/libexec/docker:/bin:/sbin"

# elf(5): a segment of this type names the loader of shared libraries.
_PT_INTERP = 3


def static_program() -> Path | None:
    """The first of PROGRAMS on this host that needs no shared library, None where there is none."""
    for name in PROGRAMS:
        found = shutil.which(name, path=_PATH)
        if found and _is_static(Path(found)):
            return Path(found)
    return None


def root(program: Path) -> bytes:
    """A tar archive with ``program`` as ``COMMAND`` calls it. Raises OSError."""
    return _archive({COMMAND[0]: program})


def sleeping_root() -> bytes:
    """A tar archive with ``sleep``, as ``SLEEP`` calls it, and its libraries (ldd(1)). Raises OSError."""
    program = shutil.which("sleep", path=_PATH)
    if program is None:
        raise FileNotFoundError("the host has no program sleep")
    # "libc.so.6 => /lib/libc.so.6 (0x7f…)" or, for the loader, "/lib64/ld-linux.so.2 (0x7f…)".
    libraries = re.findall(r"(?:^|\s)(/\S+) \(0x", commands.run("ldd", program).stdout)
    return _archive({SLEEP[0]: Path(program), **{path: Path(path) for path in libraries}})


def _archive(files: dict[str, Path]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, path in files.items():
            content = path.read_bytes()
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _is_static(path: Path) -> bool:
    """Whether a file is an ELF program without a loader, by its header and program headers (elf(5))."""
    try:
        data = path.read_bytes()
        if data[:4] != b"\x7fELF":
            return False
        order = "<" if data[5] == 1 else ">"
        is_wide = data[4] == 2
        start = struct.unpack_from(order + ("Q" if is_wide else "I"), data, 32 if is_wide else 28)[0]
        size, count = struct.unpack_from(f"{order}HH", data, 54 if is_wide else 42)
        kinds = [struct.unpack_from(f"{order}I", data, start + number * size)[0] for number in range(count)]
    except (OSError, IndexError, struct.error):
        return False
    return _PT_INTERP not in kinds
