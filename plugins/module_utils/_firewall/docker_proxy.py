# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the filter of published ports knows docker-proxy on this host.

docker-proxy, and dockerd where it opens the socket for it, belong to the control group of docker.service. That is
another one each time the service starts, and nft knows one only while it is there. So its rule is a file of the running
system, which the service writes before dockerd starts and takes away when it has stopped; the table includes it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from .._config import state
from .._system import commands, observed
from . import nftables, published

RULE = Path(published.ENGINE_RULE)
SCRIPT = nftables.DIRECTORY / "published-engine"

# The level is how deep the group lies: /system.slice/docker.service is at 2.
_TELL = """\
group=$(systemctl show --property ControlGroup --value docker.service)
level=$(printf %s "$group" | tr -cd / | wc -c)
[ -z "$group" ] || printf 'socket cgroupv2 level %d "%s" goto outside\\n' "$level" "${group#/}"
"""

WRITE_RULE = f"""\
mkdir -p {RULE.parent}
{{
{_TELL}}} > {RULE}
[ -s {RULE} ] || rm {RULE}
"""

_TELL_FILTER = f"""\
#!/bin/sh
# Let the filter of published ports know the control group of the engine that starts. One that was loaded before knows
# only the engine of then.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
set -eu
{WRITE_RULE}nft -f {nftables.file(published.NAME)} &&
    nft list table {nftables.table(published.NAME)} > /dev/null && exit 0
{nftables.refusal(published.NAME)}"""


def files(name: str, required: bool) -> dict[Path, str | None]:
    """What goes with the table: an engine that starts tells it, and where it is ``required`` starts with it only."""
    drop_in = f"""\
# Written by mooring.docker.published_ports.
[Service]
ExecStartPre={"" if required else "-"}/bin/sh {SCRIPT}
ExecStopPost=-/bin/rm -f {RULE}
ExecStopPost=-/usr/sbin/nft -f {nftables.file(name)}
"""
    return {SCRIPT: _TELL_FILTER, nftables.engine_drop_in(name): drop_in}


def _told() -> str | None:
    """The rule for the engine as it runs, None where it does not."""
    return commands.run("sh", "-c", _TELL).stdout or None


class Filter(nftables.Table):
    """The table of published ports, with the rule for the engine as it runs.

    The rule is none of the files that a change saves: it must not outlive a boot, and may change meanwhile.
    """

    def __init__(self, rules: str | None, required: bool) -> None:
        self.rule = None if rules is None else _told()
        super().__init__(published.NAME, rules, required)

    def accompanying_files(self, required: bool) -> dict[Path, str | None]:
        """With what tells it of the engine."""
        return files(self.name, required)

    def resolved(self, text: str) -> str:
        """With the rule that it will include, which may not be there yet, or be an engine's that is gone."""
        return text.replace(published.INCLUDE, self.rule or "")

    @property
    def is_live(self) -> bool:
        """Whether it is in force, and would be again after a flush."""
        return bool(super().is_live) and state.read(RULE) == self.rule

    def load(self) -> None:
        """Put it in force, with the rule where the table includes it."""
        state.write(RULE, self.rule)
        super().load()
        if self.rule is None:
            with contextlib.suppress(OSError):
                RULE.parent.rmdir()


def require() -> None:
    """Raise NftError where the kernel or nft cannot tell a control group."""
    try:
        rule = 'chain probe { type filter hook input priority filter; socket cgroupv2 level 1 "system.slice" accept; }'
        nftables.canonical(published.NAME, nftables.script(published.NAME, rule))
    except nftables.NftError as error:
        raise nftables.NftError(
            f"published ports cannot be closed on this host, docker-proxy would stay open. That takes kernel 6.1, "
            f"nftables 0.9.9, and control groups v2 alone: {error}"
        ) from None


def observe(tables: dict[str, observed.FilterTable]) -> dict[str, observed.FilterTable]:
    """``tables`` as ``nftables.observe`` sees them: a filter that does not know the running engine is not live."""
    seen = tables.get(published.NAME)
    if seen and state.read(RULE) != _told():
        seen["live"] = False
    return tables
