# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the engine's defaults a host does not get. Pure functions.

Defaults are options that the operator has not named one by one. They give way to every other owner of the option, and
nobody's daemon restarts, or loses sight of its images, because of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .selection import ENGINE_FRAGMENT, NETWORK_FRAGMENT

if TYPE_CHECKING:
    from .._system.observed import Host
    from .declaration import Declaration

LOGGING = ("log-driver", "log-opts")
"""A driver and its options, which mean nothing without each other."""

_REMAP = "userns-remap"
_ADOPTED = "00-adopted"


def left_out(declaration: Declaration, host: Host, starts: bool) -> list[str]:
    """The keys among the engine's defaults that this host does not get.

    ``starts`` tells that the daemon starts or restarts anyway, so that a default that waits for that is in time.
    """
    engine = declaration["engine"]
    if engine is None:
        return []
    seen = host["configuration"]
    own = set(seen["fragments"].get(ENGINE_FRAGMENT, []))
    others = _of_others(declaration, host)
    found = [key for key in engine["defaults"] if key in others]
    if not starts:
        found += [key for key in engine["deferred"] if key not in own]
    # To say nothing of what an operator's daemon.json says would end in a refusal that nobody can understand.
    operators = set(seen["fragments"].get(_ADOPTED, seen["effective"] if not seen["fragments"] else []))
    found += [key for key in engine["deferred"] if key in operators]
    if host["engine"]["used"] and _REMAP not in seen["effective"]:
        found += [key for key in engine["defaults"] if key == _REMAP]
    if not set(LOGGING).isdisjoint(found):
        found += [key for key in LOGGING if key in engine["defaults"]]
    return sorted(set(found))


def _of_others(declaration: Declaration, host: Host) -> set[str]:
    """The options that other fragments than the engine's will have; the adopted one is compared, not obeyed."""
    network = declaration["network"]
    fragments = {
        name: keys
        for name, keys in host["configuration"]["fragments"].items()
        if name not in (ENGINE_FRAGMENT, _ADOPTED) and not (network is not None and name == NETWORK_FRAGMENT)
    }
    if network is not None:
        fragments[NETWORK_FRAGMENT] = list(network["options"])
    found = {key for keys in fragments.values() for key in keys}
    if network is not None and network["options"].get("iptables") is False:
        # icc is enforced by iptables, and dockerd refuses the one without the other.
        found.add("icc")
    return found
