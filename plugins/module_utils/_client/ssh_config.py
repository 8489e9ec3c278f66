# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh must know to follow a fleet's contexts: the keys of its hosts, and where these and the client's own key are.

The docker CLI runs the user's ssh. The fleet has two files of its own beside its TLS files, and the user's ssh_config
one line that includes them; they hold for the fleet's account on the fleet's hosts, and for no other use of ssh.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import state
from .._ssh import keys as ssh_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

_URL = re.compile(
    r"^ssh://(?P<user>[A-Za-z0-9_-]+)@(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(:(?P<port>[0-9]+))?$"
)
_BLOCK = re.compile(r"^\s*(host|match)\b", re.IGNORECASE)
KEY = "id_ed25519"
"""Name of the client's own key, where it has one for the fleet."""


class SshConfig:
    """The files of the ``fleet`` in ``directory``, and the user's ``config``."""

    def __init__(self, fleet: str, directory: str, config: str) -> None:
        self.mark = f"# Mooring: {fleet}"
        self.directory = Path(directory)
        # A link to the file that the user really keeps.
        self.config = Path(config).resolve()

    def changes(self, urls: Iterable[str], host_keys: dict[str, list[str]]) -> dict[Path, dict[str, str]]:
        """Each file that is not as it must be for ``urls``, with its text ``before`` and ``after``; empty means none.

        ``host_keys`` are those of the hosts that could be asked, by URL; what is known of the others stays. Raises
        ValueError for a URL that ssh cannot follow, and for what is no public key.
        """
        hosts = {}
        for url in (one for one in urls if one.startswith("ssh://")):
            match = _URL.fullmatch(url)
            if match is None:
                raise ValueError(f"{url!r}: write ssh://user@host or ssh://user@host:port")
            hosts[url] = match
        known = self.directory / "known_hosts"
        own = self.directory / "ssh_config"
        config = state.read(self.config) or ""
        wanted = {
            known: self._known_hosts(hosts, host_keys, state.read(known) or ""),
            own: self._own(hosts),
            self.config: self._including(config, own) if hosts else self._without(config, own),
        }
        before = {path: state.read(path) or "" for path in wanted}
        return {
            path: {"before": before[path], "after": wanted[path]} for path in wanted if before[path] != wanted[path]
        }

    def write(self, changes: dict[Path, dict[str, str]]) -> None:
        """Make them."""
        for path, text in ((path, texts["after"]) for path, texts in changes.items()):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
            # A file of the user's that becomes empty stays.
            state.write(path, text or (None if path != self.config else ""), mode)

    def _known_hosts(self, hosts: dict[str, re.Match[str]], host_keys: dict[str, list[str]], before: str) -> str:
        lines = []
        for url, match in hosts.items():
            name = (match["v6"] or match["host"]).lower()
            place = f"[{name}]:{match['port']}" if match["port"] not in (None, "22") else name
            keys = host_keys.get(url) or _known_keys(place, before)
            problem = ssh_keys.host_keys_problem(keys)
            if problem:
                raise ValueError(f"host_keys of {url}: {problem}")
            lines += [f"{place} {ssh_keys.whole_key(key)}" for key in keys]
        return "".join(f"{line}\n" for line in sorted(set(lines)))

    def _own(self, hosts: dict[str, re.Match[str]]) -> str:
        if not hosts:
            return ""
        lines = [self.mark]
        for user in sorted({match["user"] for match in hosts.values()}):
            names = sorted({match["v6"] or match["host"] for match in hosts.values() if match["user"] == user})
            lines += [
                f"Match user {user} originalhost {','.join(names)}",
                f'  UserKnownHostsFile "{self.directory}/known_hosts" ~/.ssh/known_hosts',
                "  StrictHostKeyChecking yes",
                # What the user's own settings give to other hosts: a daemon's host gets no way back.
                "  ForwardAgent no",
                "  ForwardX11 no",
                "  ClearAllForwardings yes",
            ]
            if (self.directory / KEY).exists():
                lines += [f'  IdentityFile "{self.directory / KEY}"', "  IdentitiesOnly yes"]
        return "\n".join(lines) + "\n"

    def _including(self, config: str, own: Path) -> str:
        """``config`` with the line that includes ``own`` before the first block, which else would narrow it."""
        line = f'Include "{own}"'
        for existing in config.splitlines():
            if _BLOCK.match(existing):
                break
            if existing == line:
                return config
        return f"{self.mark}\n{line}\n" + self._without(config, own)

    def _without(self, config: str, own: Path) -> str:
        for line in (f'{self.mark}\nInclude "{own}"\n', f'Include "{own}"\n'):
            config = config.replace(line, "")
        return config


def _known_keys(place: str, known_hosts: str) -> list[str]:
    """The keys of a host in the text of the fleet's known_hosts; what else there may be is left out."""
    found = []
    for line in known_hosts.splitlines():
        name, _separator, key = line.partition(" ")
        if name == place:
            with contextlib.suppress(ValueError):
                found.append(ssh_keys.whole_key(key))
    return found
