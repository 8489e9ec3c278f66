# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables tables of Mooring's own, live and over a boot, beside whatever else filters packets on the host."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .._config import fragments, pending, state
from .._system import commands, observed

if TYPE_CHECKING:
    from collections.abc import Callable

DIRECTORY = Path("/etc/mooring")
UNIT = pending.SYSTEM / "mooring-nftables.service"
AT_BOOT = pending.SYSTEM / "sysinit.target.wants" / UNIT.name
DROP_IN = pending.SYSTEM / "nftables.service.d" / "50-mooring.conf"

LOADER = DIRECTORY / "load"
_LOAD = f"/bin/sh {LOADER}"

_SERVICE = f"""\
[Unit]
Description=Packet filters of Mooring
DefaultDependencies=no
RequiresMountsFor={DIRECTORY}
After=local-fs.target nftables.service
Before=network-pre.target docker.service docker.socket shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ProtectSystem=full
ProtectHome=true
ExecStart={_LOAD}

[Install]
WantedBy=sysinit.target
"""

# nftables.service flushes everybody's tables at its start, its stop, and with the distribution's nftables.conf at a
# reload too.
_AFTER_FLUSH = f"""\
[Service]
ExecStartPost=-{_LOAD}
ExecReload=-{_LOAD}
ExecStopPost=-{_LOAD}
"""


def refusal(name: str) -> str:
    """Shell that ends with a failure, and says what docker.service misses without the table of that name."""
    return f"""\
echo "The packet filter table inet mooring_{name} is not in force: nft cannot load" \\
    "{DIRECTORY}/{name}.nft (see above). dockerd does not start where it is required." \\
    "playbooks/site.yml writes the file anew; docker_engine_require_filters: false lets dockerd start without it." >&2
exit 1
"""


_LOADER = f"""\
#!/bin/sh
# Load Mooring's packet filters, each by itself: a file that nft refuses keeps no other from being loaded.
# docker.service gives the name of one, without which it does not start.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
in_force() {{ nft list table inet "mooring_$1" > /dev/null; }}
load() {{
    [ -f "$1" ] || {{ echo "$1 is no file" >&2; return 1; }}
    nft -f "$1"
}}
if [ $# -eq 0 ]; then
    status=0
    for file in {DIRECTORY}/*.nft; do
        [ "$file" = "{DIRECTORY}/*.nft" ] || {{ load "$file" && in_force "$(basename "$file" .nft)"; }} || status=1
    done
    exit $status
fi
if load "{DIRECTORY}/$1.nft"; then
    in_force "$1" && exit 0
# The one that was loaded before still filters, unless it was flushed.
elif nft list table inet "mooring_$1" 2>&- | grep -qE "drop|reject"; then
    exit 0
fi
{refusal("$1")}"""


class NftError(Exception):
    """The rules cannot be loaded; the message says why."""


def table(name: str) -> str:
    """The table of that name as nft writes it. The family inet sees IPv4 and IPv6."""
    return f"inet mooring_{name}"


def script(name: str, rules: str | None) -> str:
    """What nft is given to have exactly these rules in the table, or no table, in one transaction."""
    # The first line makes the second one work where there is no table yet.
    start = f"table {table(name)}\ndelete table {table(name)}\n"
    return start if rules is None else f"{start}table {table(name)} {{\n{rules.rstrip()}\n}}\n"


def problem(rules: str) -> str | None:
    """What is wrong with rules that are to stand between the braces of one table, as far as text alone tells."""
    depth = 0
    for mark in re.findall(r"[{}]", re.sub(r'"[^"\n]*"|#.*', "", rules)):
        depth += 1 if mark == "{" else -1
        if depth < 0:
            break
    return "the rules close a brace that they have not opened, or leave one open" if depth else None


def canonical(name: str, text: str) -> str:
    """The table as nft lists it once it is loaded, found out where nothing can happen: in a network of its own."""
    line = f"nft -f - && exec nft -s list table {table(name)}"
    done = commands.run("unshare", "--net", "sh", "-c", line, stdin=text)
    if done.returncode != 0:
        hint = ""
        if "Interface does not exist" in done.stderr:
            hint = (
                ". The filter is loaded before there are interfaces: write iifname and oifname instead of iif and oif"
            )
        raise NftError(f"nft refuses the rules of table {table(name)}: {done.stderr.strip()}{hint}")
    return str(done.stdout)


def live(name: str, *options: str) -> str | None:
    """The table as it is in force, or None. Counters are left out with the option -s."""
    done = commands.run("nft", *options, "list", "table", *table(name).split())
    return done.stdout if done.returncode == 0 else None


def file(name: str) -> Path:
    """From where the table is loaded."""
    return DIRECTORY / f"{name}.nft"


def engine_drop_in(name: str) -> Path:
    """By which docker.service starts with that table in force."""
    return Path(str(state.FILTER_DROP_INS).replace("*", name))


def engine_files(name: str, required: bool) -> dict[Path, str | None]:
    """What docker.service needs to start only with that table in force, where that is ``required``."""
    text = f"""\
# Written by mooring.docker.nftables_table.
[Service]
ExecStartPre={_LOAD} {name}
"""
    return {engine_drop_in(name): text if required else None}


def obstacle() -> str | None:
    """Why docker.service would not start: nft refuses the file of a table that it requires. None where it would."""
    for path in sorted(state.FILTER_DROP_INS.parent.glob(state.FILTER_DROP_INS.name)):
        name = path.stem[len("60-mooring-") :]
        if "ExecStartPre=/" not in (state.read(path) or ""):
            continue
        text = state.read(file(name))
        if text is None:
            return f"there is no file {file(name)}, which docker.service requires"
        try:
            # What a table includes comes with the engine's start.
            canonical(name, re.sub(r"^\s*include .*$", "", text, flags=re.MULTILINE))
        except NftError as error:
            return f"docker.service requires {file(name)}: {error}"
    return None


def _text(path: Path) -> str | None:
    """What a file says; None where there is none, or something else in its place."""
    with contextlib.suppress(fragments.ConfigError):
        return state.read(path)
    return None


def _persistent() -> bool:
    """Whether what is in the directory is loaded at boot, and after a flush."""
    files = (_text(LOADER), _text(UNIT), _text(DROP_IN))
    return files == (_LOADER, _SERVICE, _AFTER_FLUSH) and AT_BOOT.is_symlink()


def has_failed() -> bool:
    """Whether the unit could not load all tables when it last ran."""
    return bool(commands.unit_properties(UNIT.name).get("ActiveState") == "failed")


def observe(files: dict[str, Callable[[str, bool], dict[Path, str | None]]]) -> dict[str, observed.FilterTable]:
    """Mooring's tables by name: the ``text`` of the file, whether it is ``live`` as it says, and ``persistent``.

    ``required`` tells whether docker.service starts only with it in force, ``failed`` whether the unit that loads all
    tables has failed. ``files`` are functions like ``engine_files`` for tables that have their own.
    """
    names = {path.stem for path in DIRECTORY.glob("*.nft")}
    names.update(re.findall(r"^table inet mooring_(\w+)$", commands.run("nft", "list", "tables").stdout, re.MULTILINE))
    drop_ins = state.FILTER_DROP_INS.parent.glob(state.FILTER_DROP_INS.name)
    names.update(path.stem[len("60-mooring-") :] for path in drop_ins)
    failed = bool(names) and has_failed()
    found: dict[str, observed.FilterTable] = {}
    for name in sorted(names):
        text = _text(file(name))
        wanted = None
        if text is not None:
            with contextlib.suppress(NftError):
                wanted = canonical(name, text)
        required, optional = (
            all(_text(path) == content for path, content in files.get(name, engine_files)(name, needed).items())
            for needed in (True, False)
        )
        found[name] = {
            "text": text,
            "live": wanted is not None and live(name, "-s") == wanted,
            "persistent": text is not None and _persistent() and (required or optional),
            "required": required,
            "failed": failed,
        }
    return found


def due(tables: dict[str, observed.FilterTable], name: str, rules: str | None, required: bool) -> bool:
    """Whether a table, from the ``tables`` that ``observe`` saw, is another than one of these ``rules``, or than none.

    ``required`` tells whether docker.service is to start only with it in force.
    """
    seen = tables.get(name)
    if not rules or seen is None:
        return bool(rules) or seen is not None
    is_whole = seen["live"] and seen["persistent"] and seen["required"] == required
    return not is_whole or seen["text"] != script(name, rules)


class Table:
    """The way to the wanted table, None for none, from what is in force and what is on disk.

    ``required`` tells whether docker.service is to start only with it in force.
    """

    def __init__(self, name: str, rules: str | None, required: bool = False) -> None:
        self.name = name
        self.text = None if rules is None else script(name, rules)
        self.wanted = None if self.text is None else canonical(name, self.resolved(self.text))
        self.present = live(name, "-s")
        others = set(DIRECTORY.glob("*.nft")) - {file(name)}
        # In this order an interrupted run leaves no service that needs a file which is not there.
        self.files: dict[Path, str | None] = {file(name): self.text}
        if self.text is not None or not others:
            self.files.update({LOADER: _LOADER, UNIT: _SERVICE, DROP_IN: _AFTER_FLUSH})
        self.files.update(self.accompanying_files(required))
        if self.text is None:
            self.files = dict.fromkeys(reversed(list(self.files)))
        self.old = {path: state.read(path) for path in self.files}

    def accompanying_files(self, required: bool) -> dict[Path, str | None]:
        """What comes and goes with it."""
        return engine_files(self.name, required)

    def resolved(self, text: str) -> str:
        """What ``text`` will be once it is loaded."""
        return text

    @property
    def is_live(self) -> bool:
        """Whether the wanted table is in force."""
        return self.present == self.wanted

    @property
    def boots_wrong(self) -> bool:
        """Whether systemd has to be told something."""
        units = [path for path in self.files if pending.SYSTEM in path.parents]
        return any(self.old[path] != self.files[path] for path in units) or (
            UNIT in self.files and AT_BOOT.is_symlink() != (self.text is not None)
        )

    @property
    def changed(self) -> bool:
        return not self.is_live or self.old != self.files or self.boots_wrong

    def diff(self) -> list[dict[str, str]]:
        """What differs, in force and on disk, for --diff."""
        pairs = [(f"table {table(self.name)}", self.present, self.wanted)]
        pairs += [(str(path), self.old[path], text) for path, text in self.files.items()]
        return [
            {"before_header": where, "after_header": where, "before": old or "", "after": new or ""}
            for where, old, new in pairs
            if old != new
        ]

    def load(self) -> None:
        """Put the wanted table in force."""
        done = commands.run("nft", "-f", "-", stdin=self.text or script(self.name, None))
        if done.returncode != 0:
            raise NftError(f"nft refuses to load the table: {done.stderr.strip()}")

    def enable(self) -> None:
        """Load the tables at boot, or leave no trace of that."""
        if self.text is None:
            if UNIT in self.files:
                state.write(AT_BOOT, None)
            for directory in {path.parent for path in self.files}:
                with contextlib.suppress(OSError):
                    directory.rmdir()
        elif not AT_BOOT.is_symlink():
            AT_BOOT.parent.mkdir(exist_ok=True)
            AT_BOOT.symlink_to(UNIT)
        done = commands.run("systemctl", "daemon-reload")
        if done.returncode != 0:
            raise NftError(f"systemctl daemon-reload: {done.stderr.strip()}")
