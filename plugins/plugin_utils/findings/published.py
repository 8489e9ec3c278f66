# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of published ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.mooring.docker.plugins.module_utils import _nftables, _published
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def published(rules: str | None, tables: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """A finding where the filter is not the one of these ``rules``; ``tables`` are ``host_info``'s nftables."""
    if not _nftables.due(tables, _published.NAME, rules):
        return
    table, there = _nftables.table(_published.NAME), tables.get(_published.NAME)
    if not there:
        observed = "there is none"
    elif rules and there["text"] == _nftables.script(_published.NAME, rules):
        observed = "it is not loaded at boot" if there["live"] else "it was flushed or changed by somebody else"
    else:
        observed = "there is another"
    expected = f"table {table} as docker_network_published says" if rules else f"no table {table}"
    yield Finding("published.filter", ERROR, expected, observed, APPLY)
