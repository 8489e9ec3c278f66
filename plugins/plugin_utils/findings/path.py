# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections between the host and a container that was started for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._finding import ERROR, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...module_utils._system.observed import ContainerTest

_SEE = (
    "correct the other findings on bridge, networks and filter, if there are any; otherwise see what stands between "
    "(tc qdisc, ebtables, bpftool net), or restart the daemon"
)


def path(test: ContainerTest | None) -> Iterator[Finding]:
    """Findings of the ``test`` of ``host_plan``, None where there was none."""
    tried = test["path"] if test else None
    if tried is None:
        return
    if tried["to_container"]:
        expected = "the host connects to a container on docker0"
        yield Finding("bridge.unreachable", ERROR, expected, tried["to_container"], _SEE)
    if tried["published"]:
        expected = "the host connects to a port that a container publishes on 127.0.0.1"
        yield Finding("published.unreachable", ERROR, expected, tried["published"], _SEE)
    if tried["outward"]:
        expected = f"a container on docker0 reaches {tried['outward']}, as the host itself does"
        yield Finding("bridge.no_answer", WARNING, expected, "no answer gets to it", _SEE)
    if tried["obstacle"]:
        expected, found = "connections of a container can be tried", f"they cannot: {tried['obstacle']}"
        yield Finding("bridge.path_untested", WARNING, expected, found, "as it says")
