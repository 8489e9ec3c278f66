# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet filters that Mooring keeps: in force as declared, and over a boot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._firewall import backend, nftables
from ._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...module_utils._system.observed import FilterTable, NftablesBackend


def filters(
    declared: dict[str, str | None], seen: Mapping[str, FilterTable], required: bool = False
) -> Iterator[Finding]:
    """Findings on the tables of ``declared``, name to rules or to nothing; ``seen`` is ``host_info``'s nftables.

    ``required`` tells whether docker.service is to start only with them in force.
    """
    for name, rules in declared.items():
        table, there = nftables.table(name), seen.get(name)
        if not rules:
            if there:
                yield Finding("filter.undeclared", ERROR, f"no table {table}", "there is one", APPLY)
        elif not there or not (there["text"] or there["live"]):
            yield Finding("filter.missing", ERROR, f"table {table} keeps strangers out", "there is none", APPLY)
        elif there["text"] != nftables.script(name, rules):
            yield Finding("filter.differs", ERROR, f"table {table} is as declared", "its file has other rules", APPLY)
        elif not there["live"]:
            yield Finding(
                "filter.not_live",
                ERROR,
                f"table {table} is in force as declared",
                "it was flushed or changed by somebody else",
                f"find out who did it; systemctl restart {nftables.UNIT.name}, or {APPLY}",
            )
        elif not there["persistent"]:
            yield Finding("filter.not_persistent", ERROR, f"table {table} is loaded at boot", "it is not", APPLY)
        elif there["required"] != required:
            yield Finding(
                "filter.not_required",
                ERROR,
                f"docker.service starts {'only' if required else 'also without'} table {table}"
                f"{' in force' if required else ''}",
                f"{nftables.engine_drop_in(name)} says otherwise",
                APPLY,
            )
        if rules and there and there["failed"]:
            unit = nftables.UNIT.name
            yield Finding(
                "filter.unit_failed",
                ERROR,
                f"{unit} loads table {table} and all others",
                "the unit has failed",
                f"journalctl -u {unit} names the file that nft refused; mend it, then systemctl restart {unit}",
            )


def left_by_iptables(settings: Mapping[str, Any] | None, seen: NftablesBackend | None) -> Iterator[Finding]:
    """Findings on what drops packets that dockerd's nftables rules accept.

    ``settings`` are the daemon's, of ``host_info``'s engine, and ``seen`` is its nftables_backend.
    """
    if seen is None or not seen["configured"]:
        return
    options = {**(settings or {}), backend.OPTION: "nftables"}
    for program, rules in backend.dropping(options, seen["forward"]).items():
        yield Finding(
            "filter.forward_dropped",
            ERROR,
            f"the chain FORWARD of {program} accepts what dockerd's nftables rules let through",
            "its policy is DROP" + (f", and others have rules there, such as {rules[0]}" if rules else ""),
            f"give it the policy ACCEPT in the firewall that makes these rules ({program} -P FORWARD ACCEPT)"
            if rules
            else APPLY,
        )
