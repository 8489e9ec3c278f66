# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fragments and what they merge into: ``/etc/docker/daemon.d/*.json`` become ``/etc/docker/daemon.json``.

Pure functions over parsed JSON; reading and writing files is ``_store``'s part.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
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


SHARED = ("default-network-opts",)
"""Options that several owners may set: what belongs to one of them is each option of a driver."""

_Path = tuple[str, ...]


def merge(fragments: dict[str, Config]) -> Config:
    """All fragments in one configuration, ``fragments`` being name to content.

    Raises ConfigError that names the key and both owners where two fragments set one key.
    """
    owner: dict[_Path, str] = {}
    merged: Config = {}
    for name in sorted(fragments):
        for path, value in _parts(fragments[name]):
            # An owner of a part does not own the others.
            is_container = value == {} and path[0] in SHARED and isinstance(_get(merged, path), dict)
            if _has(merged, path) and not is_container:
                raise ConfigError(
                    f"{_named(path)} is set by two fragments, {_owner(owner, path)} "
                    f"({short(path[-1], _get(merged, path))}) and {name} "
                    f"({short(path[-1], value, _get(merged, path))}): remove it from one of them"
                )
            if not is_container:
                owner[path] = name
                _set(merged, path, value)
    return merged


def adopt(existing: Config, declared: dict[str, Config], wins: str) -> tuple[Config, dict[str, Config]]:
    """Make room for an existing daemon.json beside the declared fragments.

    ``wins`` is "refuse", "declared" or "existing" and decides where they disagree; keys with equal values
    stay with the declared fragment. Returns the adopted fragment and the declared ones. Raises ConfigError
    for a disagreement that nobody decided.
    """
    adopted: Config = copy.deepcopy(existing)
    remaining: dict[str, Config] = copy.deepcopy(declared)
    clashes = []
    for name, content in declared.items():
        for path, value in _parts(content):
            there = _get(existing, path)
            if not _has(existing, path) or (path[0] in SHARED and value == {} and isinstance(there, dict)):
                continue
            if there == value or wins == "declared":
                _drop(adopted, path)
            elif wins == "existing":
                _drop(remaining[name], path)
            else:
                clashes.append(
                    f"{_named(path)} (there {short(path[-1], there)}, declared {short(path[-1], value, there)})"
                )
    if clashes:
        raise ConfigError(
            "the daemon.json that was here before Mooring disagrees with what is declared about "
            + "; ".join(sorted(clashes))
            + ": say which wins (docker_engine_on_conflict: declared or existing), or make them agree"
        )
    return adopted, remaining


def _parts(config: Config) -> Iterator[tuple[_Path, Any]]:
    """The parts of ``config`` that can have owners of their own, by their paths, {} for one that others are in."""
    for key, value in config.items():
        if key in SHARED and isinstance(value, dict):
            yield (key,), {}
            for driver, options in value.items():
                yield from _parts_of_driver((key, driver), options)
        else:
            yield (key,), value


def _parts_of_driver(path: _Path, options: Any) -> Iterator[tuple[_Path, Any]]:
    if not isinstance(options, dict):
        yield path, options
        return
    yield path, {}
    for name, value in options.items():
        yield (*path, name), value


def _named(path: _Path) -> str:
    return " ".join(path)


def _owner(owners: dict[_Path, str], path: _Path) -> str:
    """Whose the part at ``path`` is, or the one that it is in."""
    return next(owners[path[:length]] for length in range(len(path), 0, -1) if path[:length] in owners)


def _has(config: Any, path: _Path) -> bool:
    for name in path:
        if not isinstance(config, dict):
            return True  # Something else stands in its place.
        if name not in config:
            return False
        config = config[name]
    return True


def _get(config: Any, path: _Path) -> Any:
    """What is at ``path``, or stands in its place; None where nothing is."""
    for name in path:
        if not isinstance(config, dict):
            break
        config = config.get(name)
    return config


def _set(config: Config, path: _Path, value: Any) -> None:
    for name in path[:-1]:
        config = config[name]
    # What comes into one fragment's mapping must not show in another's.
    config[path[-1]] = {} if value == {} else value


def _drop(config: Config, path: _Path) -> None:
    """Take out what is at ``path``, and what is empty without it."""
    if len(path) > 1 and isinstance(config.get(path[0]), dict):
        _drop(config[path[0]], path[1:])
        if not config[path[0]]:
            del config[path[0]]
    else:
        config.pop(path[0], None)
