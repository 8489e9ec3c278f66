# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fragments and what they merge into: ``/etc/docker/daemon.d/*.json`` become ``/etc/docker/daemon.json``.

Pure functions over parsed JSON; reading and writing files is ``_store``'s part.
"""

from __future__ import annotations

import json
from typing import Any

from .options import Config, short

ADOPTED = "00-adopted"
"""The fragment that holds what an operator had written into daemon.json before Mooring came."""


class ConfigError(Exception):
    """The configuration cannot be composed; the message says why and how to mend it."""


def render(config: Config) -> str:
    """``config`` as it is written to disk: stable, readable, with a final newline."""
    return json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse(text: str, name: str) -> Config:
    """The JSON object in ``text``; ``name`` is the file's, for the message.

    Raises ConfigError with line and column where the text is no JSON object, or names a key twice (Go's
    decoder would silently take the last).
    """

    def unique(pairs: list[tuple[str, Any]]) -> Config:
        keys = [key for key, _value in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ConfigError(f"{name} names {', '.join(twice)} twice")
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=unique) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{name} is not valid JSON (line {error.lineno}, column {error.colno}: {error.msg}); "
            "mend it or move it away, nothing was changed"
        ) from error
    if not isinstance(data, dict):
        raise ConfigError(f"{name} must hold one JSON object, not a {type(data).__name__}")
    return data


def merge(fragments: dict[str, Config]) -> Config:
    """All fragments in one configuration, ``fragments`` being name to content.

    Raises ConfigError that names the key and both owners where two fragments set one key.
    """
    owner: dict[str, str] = {}
    merged: Config = {}
    for name in sorted(fragments):
        for key, value in fragments[name].items():
            if key in owner:
                raise ConfigError(
                    f"{key} is set by two fragments, {owner[key]} ({short(key, merged[key])}) and "
                    f"{name} ({short(key, value, merged[key])}): remove it from one of them"
                )
            owner[key] = name
            merged[key] = value
    return merged


def adopt(existing: Config, declared: dict[str, Config], wins: str) -> tuple[Config, dict[str, Config]]:
    """Make room for an existing daemon.json beside the declared fragments.

    ``wins`` is "refuse", "declared" or "existing" and decides where they disagree; keys with equal values
    stay with the declared fragment. Returns the adopted fragment and the declared ones. Raises ConfigError
    for a disagreement that nobody decided.
    """
    adopted = dict(existing)
    remaining = {name: dict(content) for name, content in declared.items()}
    clashes = []
    for name, content in declared.items():
        for key, value in content.items():
            if key not in existing:
                continue
            if existing[key] == value or wins == "declared":
                del adopted[key]
            elif wins == "existing":
                del remaining[name][key]
            else:
                clashes.append(
                    f"{key} (there {short(key, existing[key])}, declared {short(key, value, existing[key])})"
                )
    if clashes:
        raise ConfigError(
            "the daemon.json that was here before Mooring disagrees with what is declared about "
            + "; ".join(sorted(clashes))
            + ": say which wins (docker_engine_on_conflict: declared or existing), or make them agree"
        )
    return adopted, remaining
