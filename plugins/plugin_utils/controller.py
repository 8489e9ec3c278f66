# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller itself, as its hosts would see it."""

from __future__ import annotations

import contextlib
import socket


def addresses_towards(host: str) -> list[str]:
    """The controller's own addresses on its ways to ``host``, each once; none where it knows no way.

    The kernel chooses one when a datagram socket is connected. No packet is sent, apart from those of a resolver for a
    host that is named and not numbered.
    """
    addresses = []
    with contextlib.suppress(OSError, UnicodeError):
        for family, kind, protocol, _name, address in socket.getaddrinfo(host, 22, type=socket.SOCK_DGRAM):
            with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as way:
                way.connect(address)
                addresses.append(way.getsockname()[0])
    return list(dict.fromkeys(addresses))
