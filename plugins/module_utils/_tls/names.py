# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses as they stand in a certificate, such as "DNS:trixie" and "IP:192.0.2.7".

Names are in lower case, addresses in their shortest form.
"""

from __future__ import annotations

import ipaddress
import re

# RFC 1123, 2.1, and the underscores that inventories have. A last label of digits would be an address to some.
_NAME = re.compile(r"(\*\.)?(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")


def canonical(text: str) -> str | None:
    """A name or an address as it stands in a certificate; None for what can be neither."""
    address = ip_address(text)
    if address is not None:
        return f"IP:{address}"
    name = str(text).lower().rstrip(".")
    fits = len(name) <= 253 and _NAME.fullmatch(name) and not name.rpartition(".")[2].isdigit()
    return f"DNS:{name}" if fits else None


def normal(name: str) -> str:
    """A name of a certificate, such as "DNS:Trixie", as it is written here."""
    kind, _separator, value = name.partition(":")
    return canonical(value) or f"{kind}:{value.lower()}"


def lacking(wanted: list[str], deployed: list[str]) -> list[str]:
    """Those of the ``wanted`` names that are not among the ``deployed``, which ``certificates.describe`` tells."""
    has = {normal(name) for name in deployed}
    return [name for name in wanted if name not in has]


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address without a scope, and out of IPv6 where it is of IPv4: clients compare what is left."""
    try:
        address = ipaddress.ip_address(str(text).strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
