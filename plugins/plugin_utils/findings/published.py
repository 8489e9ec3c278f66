# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports as the controller reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._config import endpoints
from ...module_utils._firewall import published
from ._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


_MOST = 512
"""Ports of a host that are tried: each may take its time, and the host says how many there are."""


def closed(policy: Any, urls: list[str], address: str, client: str | None, own: list[str]) -> list[int]:
    """The TCP ports published at a host's ``address``, as ``host_info`` tells them, that ``client`` must not reach.

    ``own`` are the controller's addresses. A client without an address is the host itself, which the policy is not
    about; behind one that is none of them, nobody knows where the controller's own connections come from.
    """
    if client not in own:
        return []
    ports = {one.port for one in map(endpoints.parse, urls) if one.host in ("0.0.0.0", "::", address)}
    return sorted(port for port in ports if not published.may_let_in(policy, client, port))[:_MOST]


def reached(ports: list[int]) -> Iterator[Finding]:
    """Findings on the ports that took a connection from the controller and must not."""
    for port in ports:
        yield Finding(
            "published.reached",
            ERROR,
            f"port {port} takes no connection from the controller, as docker_network_published says",
            "it takes one",
            f"{APPLY}, or let it in by docker_network_published",
        )
