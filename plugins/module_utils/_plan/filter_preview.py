# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the packet filters that are due would be once they are loaded. nft is asked, which loads nothing for that."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from .._firewall import docker_proxy, nftables
from . import filters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._system.observed import Host
    from .declaration import Declaration

Previews = dict[str, list[dict[str, str]]]
"""Entries of Ansible's diff by the name of the table: the rules as nft lists them, and the files."""


def preview(declaration: Declaration, host: Host) -> tuple[Previews, list[str]]:
    """The changes of each filter that is due, and why one cannot be loaded.

    A host that nft is still to be installed on can be asked nothing.
    """
    previews: Previews = {}
    refused: list[str] = []
    if not shutil.which("nft", path="/usr/sbin:/sbin"):
        return previews, refused
    try:
        for table in _due(declaration, host):
            previews[table.name] = table.diff()
    except nftables.NftError as error:
        refused.append(str(error))
    return previews, refused


def _due(declaration: Declaration, host: Host) -> Iterator[nftables.Table]:
    if due := filters.published_due(declaration, host):
        if due.rules is not None:
            docker_proxy.require()
        yield docker_proxy.Filter(due.rules, due.required)
    if due := filters.endpoint_due(declaration, host):
        yield nftables.Table(*due)
