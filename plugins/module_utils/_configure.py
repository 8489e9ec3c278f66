# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose the configuration on a host: one owner's fragment in, all files of the engine out.

Nothing is written before everything is known to be right; ``daemon_apply`` makes the daemon read it.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils import (
    _config,
    _daemon,
    _rules,
    _store,
    _units,
)
from ansible_collections.mooring.docker.plugins.module_utils._config import Config, ConfigError

_TLS_KEYS = ("tlscacert", "tlscert", "tlskey")


def _compose(
    owner: str, options: Config, on_conflict: str
) -> tuple[dict[str, Config], Config, dict[str, Config], Config | None, bool]:
    """(fragments to write, what they merge into, fragments before, daemon.json before, adopted now)."""
    before = _store.fragments()
    try:
        existing = _store.daemon_json()
    except ConfigError:
        if not before:
            raise
        existing = None  # It was ours, and a hand has broken it: the declared state replaces it.
    fragments = {name: content for name, content in before.items() if name != owner}
    adopting = not before and bool(existing)
    adopted = dict(existing or {}) if adopting else fragments.pop(_config.ADOPTED, {})
    adopted, declared = _config.adopt(adopted, {owner: options}, on_conflict)
    fragments.update({name: content for name, content in declared.items() if content})
    if adopted:
        fragments[_config.ADOPTED] = adopted
    return fragments, _config.merge(fragments), before, existing, adopting


def _check_flags(merged: Config, show: dict[str, str]) -> None:
    """Refuse a key that the unit's own command line sets too, for dockerd would not start."""
    lines, source = _daemon.exec_starts(show)
    variables = _daemon.environment_of(show)
    plain = {name: value for name, (value, _file) in variables.items()}
    for line in lines:
        for key, flag in _units.flags(_units.command(_units.without_host_flag(line), plain)).items():
            if key not in merged:
                continue
            where = next((f"{name} in {file}" for name, (text, file) in variables.items() if flag in text), source)
            raise ConfigError(
                f"{key} is set in daemon.json and by {flag} in {where}, so dockerd would not start: "
                "remove the flag there, or the option here"
            )


def _check_tls(merged: Config) -> None:
    """Refuse TLS files that dockerd could not use: unreadable, no certificate, or a key of another one."""
    if not (merged.get("tls") or merged.get("tlsverify")):
        return
    for key in _TLS_KEYS:
        if key in merged and not Path(str(merged[key])).is_file():
            raise ConfigError(f"{key}: there is no file {merged[key]}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(str(merged["tlscert"]), str(merged["tlskey"]), password=lambda: b"")
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(
            f"tlskey {merged.get('tlskey')} and tlscert {merged.get('tlscert')} do not belong together "
            f"or cannot be read ({error})"
        ) from error
    if "tlscacert" in merged:
        try:
            context.load_verify_locations(str(merged["tlscacert"]))
        except OSError as error:
            raise ConfigError(f"tlscacert {merged['tlscacert']} holds no certificate ({error})") from error


def _check_with_dockerd(merged: Config, version: tuple[int, int] | None) -> None:
    """Ask the installed dockerd, which has ``--validate`` since 23.0."""
    program = _daemon.dockerd()
    if program is None or version is None or version < (23, 0):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as stream:
        stream.write(_config.render(merged))
        stream.flush()
        answer = _daemon.run(program, "--validate", "--config-file", stream.name)
    if answer.returncode != 0:
        reason = answer.stderr.strip().splitlines() or ["no reason given"]
        raise ConfigError(f"dockerd refuses the configuration: {reason[-1].replace(stream.name, 'daemon.json')}")


def configure(
    owner: str, options: Config, on_conflict: str, socket: dict[str, Any] | None, check_mode: bool
) -> dict[str, Any]:
    """Write ``options`` as the fragment ``owner`` and bring all that follows from it in line.

    ``socket`` (paths, owner, group, mode) sets docker.socket; None leaves it alone. Returns changed, diff,
    effective, adopted and backup as documented in the module. Raises ConfigError, with every file as it was.
    """
    fragments, merged, before, existing, adopting = _compose(owner, options, on_conflict)
    show = _daemon.properties(_daemon.SERVICE)
    version = _daemon.installed_version()
    found = _rules.problems(merged, version)
    if found:
        raise ConfigError("; ".join(found))
    has_unit = show.get("LoadState") not in (None, "not-found")
    if has_unit:
        _check_flags(merged, show)
    # A dry run on a bare host has no certificates yet; the run itself makes them before it comes here.
    tls_is_to_come = check_mode and any(key in merged and not Path(str(merged[key])).exists() for key in _TLS_KEYS)
    if not tls_is_to_come:
        _check_tls(merged)
        _check_with_dockerd(merged, version)

    wanted: dict[Path, str | None] = {
        _store.FRAGMENTS / f"{name}.json": None for name in before if name not in fragments
    }
    for name, content in fragments.items():
        if before.get(name) != content:
            wanted[_store.FRAGMENTS / f"{name}.json"] = _config.render(content)
    # A daemon.json that says the same in other words stays as the operator wrote it.
    if (existing if existing is not None else {}) != merged:
        wanted[_store.DAEMON_JSON] = _config.render(merged) if merged else None
    if has_unit:
        drop_in = _units.service_drop_in(*_daemon.exec_starts(show)) if "hosts" in merged else None
        wanted[_store.SERVICE_DROP_IN] = drop_in
    if socket is not None:
        wanted[_store.SOCKET_DROP_IN] = _units.socket_drop_in(socket)
    current = {path: _store.read(path) for path in wanted}
    changes = {path: text for path, text in wanted.items() if current[path] != text}
    result: dict[str, Any] = {
        "changed": bool(changes),
        "effective": merged,
        "adopted": adopting,
        "backup": None,
        "diff": [
            {
                "before": current[path] or "",
                "after": text or "",
                "before_header": str(path),
                "after_header": str(path),
            }
            for path, text in sorted(changes.items())
        ],
    }
    if changes and not check_mode:
        _remember(show, existing)
        hand_edited = bool(before) and existing != _config.merge(before)
        if _store.DAEMON_JSON in changes and (adopting or hand_edited):
            kept = _store.backup(_store.DAEMON_JSON)
            result["backup"] = str(kept) if kept else None
        for path, text in changes.items():
            _store.write(path, text, _store.mode_of(path))
    return result


def _remember(show: dict[str, str], existing: Config | None) -> None:
    """Before the files of a running daemon change for the first time, note what it has read."""
    if show.get("ActiveState") != "active" or (existing is None and _store.DAEMON_JSON.exists()):
        return
    seen = _daemon.applied(show, existing or {})
    if seen is not None:
        _daemon.record_applied(show, seen)
        if _store.recall(_store.GOOD) is None:
            _store.private(_store.GOOD, _store.snapshot())
