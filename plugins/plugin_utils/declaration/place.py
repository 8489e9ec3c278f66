# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else than its own variables decides about the declaration of a host."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ..names import Fleet


@dataclass(frozen=True)
class Authorities:
    """The certificate authorities in a directory of the controller, as ``authorities`` and ``generations`` see them."""

    server: dict[str, Any]
    """As in ``authorities.view``."""
    client: dict[str, Any]
    work: list[str]
    """``generations.due``."""


@dataclass(frozen=True)
class Place:
    """A host in its inventory."""

    name: str
    """Its name in the inventory."""
    address: str
    """``ansible_host``; where there is none, the name."""
    hosts: Collection[str] = ()
    """The names of all hosts of the inventory."""
    fleet: Fleet = field(default_factory=dict)
    """By what each host of the inventory is known."""
    authorities: Authorities | None = None
    """Of the directory that the variables name; None where no certificate is to be issued."""
