# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would do on one host: ordered steps, or refusals and no steps."""

from __future__ import annotations

from typing import Any, TypedDict

STEPS = (
    "host_files",
    "packages",
    "sysctls",
    "published_filter",
    "ssh_access",
    "endpoint_filter",
    "certificate",
    "configuration",
    "socket_group",
    "apply",
    "confirm",
    "networks",
)
"""The names of all steps, in the order in which they are carried out."""


class Step(TypedDict):
    """One thing to do. Nothing in it is secret: the plan is shown, and kept in files."""

    name: str
    """One of ``STEPS``."""
    role: str
    """docker_engine or docker_network."""
    summary: str
    """What is done, in a few words: "install docker.io, nftables", "restart the daemon"."""
    reasons: list[str]
    effects: list[str]
    """What clients and containers notice, a sentence each; empty where nobody does."""
    parameters: dict[str, Any]
    """What its task needs, by the names of the module's options."""
    diff: list[dict[str, str]]
    """Entries of Ansible's diff: before, after, before_header, after_header."""


class Plan(TypedDict):
    """Of one host. With refusals there are no steps."""

    refusals: list[str]
    """Why there is no plan, a sentence each that names the variable, the value, and the way out."""
    steps: list[Step]
