# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's files: who writes one decides what runs as root, who reads a key can pose as the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._finding import ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET = ("/etc/docker/daemon.json", "/etc/docker/daemon.d/", "/etc/docker/proxies.env", "/var/lib/mooring")
"""What may carry a proxy's password: root's alone."""


def files(host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on owners and modes."""
    tls = host["configuration"]["tls"]
    key = tls.get("tlskey")
    composed = "/var/lib/mooring" in host["files"]
    for path, file in host["files"].items():
        if file["kind"] == "link":
            continue  # Its own mode means nothing.
        mode = int(file["mode"], 8)
        if file["owner"] != "root":
            yield Finding(
                "files.owner", ERROR, f"{path} belongs to root", f"to {file['owner']}", f"chown root:root {path}"
            )
        if path == key:
            if mode & 0o177:
                yield Finding(
                    "files.key", ERROR, f"{path} is root's alone, mode 0600", file["mode"], f"chmod 0600 {path}"
                )
        elif mode & 0o002 or (mode & 0o020 and file["kind"] != "socket"):
            yield Finding(
                "files.writable",
                ERROR,
                f"nobody but root writes to {path}",
                f"mode {file['mode']}",
                f"chmod go-w {path}",
            )
        elif composed and path.startswith(_SECRET) and file["kind"] != "directory" and mode & 0o077:
            yield Finding(
                "files.readable", ERROR, f"nobody but root reads {path}", f"mode {file['mode']}", f"chmod 0600 {path}"
            )
    yield from _strays(host["files"], key)


def _strays(there: dict[str, dict[str, Any]], key: str | None) -> Iterator[Finding]:
    """Private keys that no daemon uses: by their name, for nobody reads them."""
    used = {key} | {
        f"{file['leads_to']}/{key[len(path) + 1 :]}" if key and key.startswith(f"{path}/") else file["leads_to"]
        for path, file in there.items()
        if file["kind"] == "link"
    }
    for path, file in there.items():
        if file["kind"] == "file" and path.endswith("key.pem") and path not in used:
            yield Finding(
                "files.stray_key",
                WARNING,
                "no private key but the daemon's",
                f"{path}",
                f"if nobody needs it, rm {path}",
            )
