# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: the differences between what is declared and what is observed. Pure functions, a module for each subject.

``declared`` is the role docker_engine's ``_docker_engine_declared``, what is observed comes from ``*_info`` modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._firewall import endpoint_filter
from ...module_utils._system.platforms import problem
from . import (
    certificates,
    cis,
    configuration,
    endpoints,
    engine,
    files,
    filters,
    host_files,
    path,
    sockets,
    ssh,
)
from ._finding import ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOCK = 60
"""Seconds by which clocks may differ."""


def on_host(
    declared: dict[str, Any], observed: dict[str, Any], tried: dict[str, Any], probes: list[dict[str, Any]]
) -> Iterator[Finding]:
    """Findings on one host.

    ``observed``, ``tried`` and each of ``probes`` are results of ``host_info``, of ``daemon_config`` in a dry run, and
    of ``endpoint_info`` from the controller or, with a loop's item, from the machine that is its first part.
    """
    if observed.get("unreachable"):
        yield Finding("host.unreachable", ERROR, "an answer", _first_line(observed), "see that SSH gets in")
        return
    if "host" not in observed:
        yield Finding("host.unobserved", ERROR, "host_info tells what is there", _first_line(observed), "as it says")
        return
    host = observed["host"]
    unfit = problem(host["system"])
    if unfit:
        yield Finding("host.unfit", ERROR, "a Linux server that systemd runs, and root on it", unfit, "as it says")
        return
    yield from _clock(host["clock"]["ahead"])
    yield from engine.engine(declared, host)
    yield from engine.container(observed.get("test"))
    yield from path.path(observed.get("test"))
    if not host["engine"]["installed"]:
        return
    yield from configuration.configuration(host, tried)
    yield from sockets.sockets(declared, host)
    yield from ssh.ssh(declared["ssh"], host)
    yield from files.files(host)
    yield from host_files.host_files(host["host_files"])
    yield from filters.filters(declared["filters"], host["nftables"], declared["require_filters"])
    yield from filters.left_by_iptables(host["engine"]["settings"], host["nftables_backend"])
    yield from cis.recommendations(host)
    yield from endpoints.endpoints(declared, host)
    yield from _seen_from_outside(declared, host, probes)


def _let_in(declared: dict[str, Any], client: str | None, result: dict[str, Any]) -> bool | None:
    """Whether the packet filter lets in the machine that made ``result``; None where its address is not known.

    ``client`` is where this session comes from, None on the host itself. The controller itself may come from elsewhere,
    where the session goes through another machine.
    """
    if "item" in result:
        address = declared["probe_hosts"][result["item"][0]]
    elif client is None:
        return True
    else:
        address = client if client in declared["controller"] else ""
    allowed: bool | None = endpoint_filter.lets_in(declared["allowed"], address)
    return allowed


def _clock(ahead: float | None) -> Iterator[Finding]:
    """A finding on clocks that differ by more than the trip that compared them took."""
    if ahead is not None and abs(ahead) > _CLOCK:
        yield Finding(
            "host.clock",
            ERROR,
            f"the host's clock is the controller's within {_CLOCK} seconds",
            f"it is {abs(ahead):.0f} seconds {'ahead' if ahead > 0 else 'behind'}",
            "synchronize both (timedatectl set-ntp true): certificates begin and end by them",
        )


def _seen_from_outside(
    declared: dict[str, Any], host: dict[str, Any], probes: list[dict[str, Any]]
) -> Iterator[Finding]:
    """Findings on TLS. What a daemon shows counts; its file where it shows nothing."""
    if not declared["tls"]:
        return
    running = host["engine"]["service"]["active"] == "active"
    shown = None
    found: list[Finding] = []
    for result in probes:
        # The controller's own have no item.
        prober = result["item"][0] if "item" in result else "the controller"
        if "endpoint" not in result:
            expected = f"the endpoint can be tried from {prober}"
            found.append(Finding("endpoints.unobserved", ERROR, expected, _first_line(result), "as it says"))
        elif running:
            let_in = _let_in(declared, host["network"]["client"], result)
            found += endpoints.from_outside(declared, result["endpoint"], prober, let_in)
            if "item" not in result:
                shown = shown or result["endpoint"]["certificate"]
    # What several see alike is told once.
    yield from dict.fromkeys(found)
    paths = declared["certificate_files"]
    certificate = shown or host["certificates"].get(paths["certificate"])
    yield from certificates.served(declared, certificate, "the daemon's certificate")
    yield from certificates.trusted(
        declared, host["certificates"].get(paths["client_ca"]), host["certificates"].get(paths["certificate"])
    )


def _first_line(result: dict[str, Any]) -> str:
    lines = str(result.get("msg") or "").strip().splitlines() or ["no reason given"]
    return lines[0].removeprefix("Task failed: ")
