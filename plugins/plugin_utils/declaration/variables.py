# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared variables that no role knows: Ansible ignores them, so what they were to declare would not hold."""

from __future__ import annotations

import difflib
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROLES = Path(__file__).resolve().parents[2] / "roles"


@functools.cache
def known(role: str) -> frozenset[str]:
    """The names of all variables in the argument specs of ``role``. Raises OSError where there is no such role."""
    specs = yaml.safe_load((_ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    entry_points = specs["argument_specs"].values()
    return frozenset(name for entry_point in entry_points for name in entry_point.get("options", {}))


def unknown(role: str, names: Iterable[str], facts: Iterable[str] = ()) -> list[str]:
    """A sentence for each of ``names`` that begins like a variable of ``role`` and is none.

    ``facts`` are the names that the role itself sets during a run.
    """
    strangers = sorted(name for name in {*names} - {*facts} - known(role) if name.startswith(f"{role}_"))
    return [f"{name} is not a variable of the role {role}{_suggestion(name, role)}" for name in strangers]


def _suggestion(name: str, role: str) -> str:
    close = difflib.get_close_matches(name, known(role), n=1, cutoff=0.8)
    return f": did you mean {close[0]}?" if close else f"; `ansible-doc -t role mooring.docker.{role}` lists them"
