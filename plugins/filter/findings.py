# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks/verify.yml asks: the findings on a host and on this controller, and how they read."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Callable

from ansible_collections.mooring.docker.plugins.plugin_utils import injected_facts
from ansible_collections.mooring.docker.plugins.plugin_utils.findings import (
    certificates,
    filters,
    network,
    on_host,
    published,
)
from ansible_collections.mooring.docker.plugins.plugin_utils.findings._finding import ERROR, Finding
from ansible_collections.mooring.docker.plugins.plugin_utils.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def _asked(findings: Iterable[Finding], host: str, tags: list[str], skipped: list[str]) -> list[dict[str, Any]]:
    """The findings of the subjects that ``--tags`` and ``--skip-tags`` ask for, as plain data.

    A host that could not be looked at is told whatever is asked for.
    """
    return [
        {"host": host, **dataclasses.asdict(one)}
        for one in findings
        if one.subject == "host" or (one.subject not in skipped and ("all" in tags or one.subject in tags))
    ]


def _about_host(function: Callable[..., list[dict[str, Any]]]) -> Callable[..., list[dict[str, Any]]]:
    """``function``, whose last words are a host, tags, and skipped tags. What it cannot read of a host is a finding."""

    @functools.wraps(function)
    def told(*words: Any) -> list[dict[str, Any]]:
        try:
            return function(*words)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            seen = f"something that cannot be read ({type(error).__name__}: {error})"
            found = Finding("host.unobserved", ERROR, "host_info tells what is there", seen, "look at the host")
            return _asked([found], *words[-3:])

    return told


@_about_host
def host_findings(
    declared: dict[str, Any],
    observed: dict[str, Any],
    tried: dict[str, Any],
    probes: list[dict[str, Any]],
    host: str,
    tags: list[str],
    skipped: list[str],
) -> list[dict[str, Any]]:
    """The findings on ``host``, see ``plugin_utils.findings.on_host``."""
    return _asked(on_host(declared, observed, tried, probes), host, tags, skipped)


@_about_host
def network_findings(
    options: dict[str, Any],
    networks: list[dict[str, Any]],
    observed: dict[str, Any],
    collisions: list[str],
    host: str,
    tags: list[str],
    skipped: list[str],
) -> list[dict[str, Any]]:
    """The findings on docker0, with its ``options`` of daemon.json, and on user-defined networks.

    ``observed`` is ``host_info``'s with its bridges.
    """
    seen, kernel = observed["bridge"], observed["network"]
    found = [
        *network.bridge(options, seen, kernel["without_ipv6"]),
        *network.forwarding(options, networks, kernel["forwarding"]),
        *network.networks(networks, seen),
        *network.ways(seen),
        *network.collisions(collisions),
    ]
    return _asked(found, host, tags, skipped)


@_about_host
def sysctl_findings(
    wanted: dict[str, str], observed: dict[str, Any], host: str, tags: list[str], skipped: list[str]
) -> list[dict[str, Any]]:
    """The findings on the kernel's parameters, where ``observed`` is ``host_info``'s."""
    return _asked(network.sysctls(wanted, observed["sysctls"]), host, tags, skipped)


@_about_host
def published_findings(
    rules: str | None,
    tables: dict[str, dict[str, Any]],
    required: bool,
    reached: list[int],
    host: str,
    tags: list[str],
    skipped: list[str],
) -> list[dict[str, Any]]:
    """The findings on published ports: on their filter, where ``tables`` are ``host_info``'s nftables and ``required``
    is as for ``filters``, and on those that the controller reached and must not.
    """
    found = [*filters.filters({"published": rules}, tables, required), *published.reached(reached)]
    return _asked(found, host, tags, skipped)


def controller_findings(
    directory: str, client_days: int, authority_days: int, host: str, tags: list[str], skipped: list[str]
) -> list[dict[str, Any]]:
    """The findings on the fleet's authorities in ``directory`` and on its clients."""
    return _asked(certificates.controller(directory, client_days, authority_days), host, tags, skipped)


def finding_line(finding: dict[str, Any]) -> str:
    """A finding on one line, for logs and for monitoring."""
    return printable(
        f"{finding['host']}: {finding['severity']} {finding['id']}: "
        f"expected: {finding['expected']}; found: {finding['observed']}; remedy: {finding['remedy']}"
    )


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "controller_findings": injected_facts.refused(controller_findings),
            "finding_line": finding_line,
            "host_findings": host_findings,
            "network_findings": network_findings,
            "published_findings": published_findings,
            "published_closed": published.closed,
            "sysctl_findings": sysctl_findings,
        }
