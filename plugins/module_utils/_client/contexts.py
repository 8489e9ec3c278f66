# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker contexts of one fleet for the current user, made by the docker CLI; others are left alone.

The CLI copies TLS files into each context. Here a context links to the client's own instead: its key stays where it
is, alone, and a renewed certificate holds in all contexts at once.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .._config import state


class ContextError(Exception):
    """The contexts cannot be as declared; the message says why."""


class Contexts:
    """The contexts that bear the ``fleet``'s mark, by the program ``cli``.

    ``files`` are the client's TLS files, "ca.pem", "cert.pem" and "key.pem" to the path of each; only ``ssh://``
    contexts do without.
    """

    def __init__(self, cli: str, fleet: str, files: dict[str, str]) -> None:
        self.cli = cli
        self.mark = f"Mooring: {fleet}"
        self.files = {name: Path(path) for name, path in files.items()}

    def reconcile(self, declared: dict[str, str], check_mode: bool) -> dict[str, Any]:
        """Make the ``declared`` contexts (name to endpoint), remove ours that are not.

        Returns changed, contexts (name to endpoint, ours, as they are then), diff, and warnings. Raises ContextError,
        with nothing changed where a name is taken by a context that is not ours.
        """
        # The SDK for Python finds contexts beside this file only (docker-py, docker/context/config.py).
        config = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
        if declared and not check_mode:
            # The CLI would let others look into it.
            config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        everything = self._list()
        before = {name: endpoint for name, (endpoint, mark) in everything.items() if mark == self.mark}
        taken = sorted(declared.keys() & everything.keys() - before.keys())
        if taken:
            raise ContextError(
                f"there is a context {taken[0]} that Mooring has not made ({everything[taken[0]][0]}): "
                f"remove it (docker context rm {taken[0]}) or rename it"
            )
        make = {
            name: url
            for name, url in declared.items()
            if before.get(name) != url or (url.startswith("tcp://") and self._links(name))
        }
        remove = sorted(before.keys() - declared.keys())
        due, warnings = _config_due(config) if declared else (False, [])
        if not check_mode:
            for name, url in make.items():
                self._make(name, url, "update" if name in before else "create")
            for name in remove:
                # Also where it is the one in use, which then is "default" again.
                self._docker("context", "rm", "--force", name)
            if due:
                state.write(config, _EMPTY, 0o600)
        return {
            "changed": bool(make or remove or due),
            "contexts": declared,
            "diff": {"before": _lines(before), "after": _lines(declared)},
            "warnings": warnings,
        }

    def _list(self) -> dict[str, tuple[str, str]]:
        """Name to endpoint and description of every context but the built-in one."""
        lines = self._docker("context", "ls", "--format", "{{json .}}").splitlines()
        entries = [json.loads(line) for line in lines]
        return {one["Name"]: (one["DockerEndpoint"], one["Description"]) for one in entries if one["Name"] != "default"}

    def _make(self, name: str, url: str, verb: str) -> None:
        self._docker("context", verb, name, "--description", self.mark, "--docker", f"host={url}")
        for link, target in (self._links(name) if url.startswith("tcp://") else {}).items():
            link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A new name that takes the old one's place: the context is never without it.
            new = link.with_name(f".{link.name}")
            if new.is_symlink():
                new.unlink()
            new.symlink_to(target)
            new.replace(link)

    def _links(self, name: str) -> dict[Path, Path]:
        """The links that a context lacks: where, and to what. The place is the one that the CLI names."""
        place = Path(self._docker("context", "inspect", name, "--format", "{{.Storage.TLSPath}}").strip())
        links = {place / "docker" / name: path for name, path in self.files.items()}
        return {link: target for link, target in links.items() if not link.is_symlink() or link.readlink() != target}

    def _docker(self, *words: str) -> str:
        try:
            done = subprocess.run(
                [self.cli, *words], capture_output=True, text=True, check=False, timeout=30, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            raise ContextError(f"no docker CLI: {self.cli}: {error.strerror}") from error
        if done.returncode != 0:
            raise ContextError(f"docker {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout


_EMPTY = "{}\n"
"""The CLI's configuration as Mooring makes it, where the user has none."""


def _config_due(path: Path) -> tuple[bool, list[str]]:
    """Whether the CLI's configuration is to be made, and warnings about the user's own.

    The CLI stores logins in it and keeps its mode. One of Mooring's that others can read, as it once made it, is made
    anew; one of the user's stays as it is.
    """
    text = state.read(path)
    if text is None:
        return True, []
    if not path.stat().st_mode & 0o077:
        return False, []
    if text == _EMPTY:
        return True, []
    try:
        logins = json.loads(text).get("auths")
    except (AttributeError, json.JSONDecodeError):
        return False, []
    readable = f"{path} has logins ({', '.join(logins)}) and others can read it: chmod 600 {path}"
    return False, [readable] if logins and isinstance(logins, dict) else []


def _lines(contexts: dict[str, str]) -> str:
    return "".join(f"{name} {url}\n" for name, url in sorted(contexts.items()))
