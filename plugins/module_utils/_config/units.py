# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd units of the engine: what the packaged ones say, and the drop-ins that make room for ours.

dockerd refuses to start when a directive is both a flag and in ``daemon.json``, and every packaged unit has
``-H fd://``. The drop-in that takes it out is computed from the unit that is installed, so a package upgrade
that changes the unit is followed; packaged files are never edited (systemd.unit(5), drop-ins).
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from .option_names import KEY_OF_FLAG

_HOST_FLAG = re.compile(r"""\s+(?:-H|--host)(?:=|\s+|(?=[a-z]))(?:"[^"]*"|'[^']*'|[^\s"']+)""")


def settings(text: str) -> list[tuple[str, str, str]]:
    """(section, key, value) of a unit file in order, continuation lines joined (systemd.syntax(7))."""
    found = []
    section = ""
    joined = re.sub(r"\\\n", " ", text)
    for line in joined.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, separator, value = line.partition("=")
        if separator:
            found.append((section, key.strip(), value.strip()))
    return found


def values(texts: list[str], section: str, key: str) -> list[str]:
    """The values a list setting has after all ``texts`` (unit, then drop-ins); an empty one resets it."""
    found: list[str] = []
    for text in texts:
        for where, name, value in settings(text):
            if (where, name) != (section, key):
                continue
            if value:
                found.append(value)
            else:
                found = []
    return found


def environment(text: str) -> dict[str, str]:
    """The assignments of an EnvironmentFile (systemd.exec(5)), without the rare escapes."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"^\s*([A-Za-z_]\w*)=(.*)$", line)
        if match:
            value = match[2].strip()
            found[match[1]] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    return found


def command(exec_start: str, variables: dict[str, str]) -> list[str]:
    """The words of ``exec_start`` with its ``$NAME`` words replaced, as systemd would run them."""
    words = []
    for word in shlex.split(exec_start, posix=True):
        match = re.match(r"^\$(?:(\w+)|\{(\w+)\})$", word)
        if match is None:
            words.append(word)
        elif match[1]:
            words.extend(shlex.split(variables.get(match[1], "")))
        else:
            words.append(variables.get(match[2], ""))
    return words


def flags(words: list[str]) -> dict[str, str]:
    """The options of a dockerd command line, name in daemon.json to the flag as written."""
    found = {}
    for word in words[1:]:
        match = re.match(r"^(?:--([a-z0-9][a-z0-9-]*)|-([A-Za-z]))", word)
        if match:
            name = match[1] or match[2]
            found[KEY_OF_FLAG.get(name, name)] = word
    return found


def without_host_flag(exec_start: str) -> str:
    """``exec_start`` with every ``-H``/``--host`` taken out and all else as it was."""
    return _HOST_FLAG.sub("", exec_start)


def service_drop_in(
    exec_starts: list[str], source: str, without_host: bool = True, environment: str | None = None
) -> str | None:
    """The drop-in for docker.service, or None where there is nothing to say in it.

    ``without_host`` takes out ``-H``, where the unit has it. ``environment`` is the path of a file with variables.
    """
    cleaned = [without_host_flag(line) for line in exec_starts] if without_host else exec_starts
    lines = []
    if cleaned != exec_starts:
        lines += [
            "# Written by mooring.docker.daemon_config: the command of",
            f"# {source} without -H, which would clash with hosts in daemon.json.",
            "[Service]",
            "ExecStart=",
        ]
        lines += [f"ExecStart={line}" for line in cleaned]
    if environment:
        lines += ["# Written by mooring.docker.daemon_config: proxies, which this engine's daemon.json cannot have."]
        lines += ["[Service]", f"EnvironmentFile=-{environment}"]
    if not lines:
        return None
    return "\n".join(lines) + "\n"


def socket_drop_in(socket: dict[str, Any]) -> str:
    """The drop-in for docker.socket: ``socket`` has paths (empty: the packaged one), owner, group, mode."""
    lines = ["# Written by mooring.docker.daemon_config.", "[Socket]"]
    if socket["paths"]:
        lines.append("ListenStream=")
        lines += [f"ListenStream={path}" for path in socket["paths"]]
    lines += [
        f"SocketUser={socket['owner']}",
        f"SocketGroup={socket['group']}",
        f"SocketMode={socket['mode']}",
    ]
    return "\n".join(lines) + "\n"
