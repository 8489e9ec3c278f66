# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose the configuration on a host: one owner's fragment in, all files of the engine out.

Nothing is written before everything is known to be right; ``daemon_apply`` makes the daemon read it.
"""

from __future__ import annotations

import dataclasses
import ssl
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._config import (
    fragments,
    host_values,
    option_names,
    options,
    proxy_environment,
    redaction,
    state,
    units,
    validation,
)
from .._config.fragments import ConfigError
from .._config.options import Config
from .._engine import containers, daemon, data_root, planning, surroundings
from .._network import mtu
from .._system import commands
from . import data_move

_TLS_KEYS = ("tlscacert", "tlscert", "tlskey")


@dataclass
class Composition:
    """``fragments`` and what they merge into, beside what is there; ``existing`` is the daemon.json of now.

    ``adopting`` tells that daemon.json is an operator's, which Mooring has not composed yet.
    """

    fragments: dict[str, Config]
    merged: Config
    before: dict[str, Config]
    existing: Config | None
    adopting: bool

    @property
    def hand_edited(self) -> bool:
        """Whether daemon.json is not what Mooring made of the fragments."""
        return not self.adopting and bool(self.before) and self.existing != fragments.merge(self.before)


def _compose(declared: dict[str, Config], on_conflict: str) -> Composition:
    before = state.fragments()
    ours = state.COMPOSED.exists()
    try:
        existing = state.daemon_json()
    except ConfigError:
        if not ours:
            raise
        existing = None  # It was ours, and a hand has broken it: the declared state replaces it.
    adopting = not ours and bool(existing)
    contents = {**before, **declared}
    adopted = contents.pop(fragments.ADOPTED, {})
    if adopting:
        adopted = dict(existing or {})
        adopted, contents = fragments.adopt(adopted, contents, on_conflict)
    else:
        adopted, remaining = fragments.adopt(adopted, declared, on_conflict)
        contents.update(remaining)
    contents[fragments.ADOPTED] = adopted
    contents = {name: content for name, content in contents.items() if content}
    return Composition(contents, fragments.merge(contents), before, existing, adopting)


def _check_flags(merged: Config, show: dict[str, str]) -> None:
    """Refuse a key that the unit's own command line sets too, for dockerd would not start."""
    lines, source = daemon.exec_starts(show)
    variables = daemon.environment_of(show)
    plain = {name: value for name, (value, _file) in variables.items()}
    for line in lines:
        for key, flag in units.flags(units.command(units.without_host_flag(line), plain)).items():
            if key not in merged and not (key in option_names.PROXIES and key in merged.get("proxies", {})):
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
    path = merged.get("tlskey")
    if path and Path(str(path)).stat().st_mode & stat.S_IROTH:
        raise ConfigError(f"tlskey {path} can be read by everybody: take that away (chmod o= {path})")
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


def _check_host(merged: Config, existing: Config, has_engine: bool, move: host_values.Move | None) -> None:
    """Refuse what dockerd, or a container, would miss on this host."""
    seen = dataclasses.replace(surroundings.observe(merged, existing, has_engine), move=move)
    found = host_values.problems(merged, seen)
    if found:
        raise ConfigError("; ".join(found))


def _check_with_dockerd(merged: Config, version: tuple[int, int] | None) -> None:
    """Ask the installed dockerd, which has ``--validate`` since 23.0."""
    program = daemon.dockerd()
    if program is None or version is None or version < (23, 0):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as stream:
        stream.write(fragments.render(merged))
        stream.flush()
        answer = commands.run(program, "--validate", "--config-file", stream.name)
    if answer.returncode != 0:
        reason = answer.stderr.strip().splitlines() or ["no reason given"]
        raise ConfigError(f"dockerd refuses the configuration: {reason[-1].replace(stream.name, 'daemon.json')}")


def configure(
    declared: dict[str, Config],
    on_conflict: str,
    socket: dict[str, Any] | None,
    policy: str | None = None,
    may_drain: bool = False,
    tls_to_come: bool = False,
    may_move: bool = False,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Write the ``declared`` fragments, by owner, and bring all that follows from them in line.

    ``socket`` (paths, owner, group, mode) sets docker.socket; None leaves it alone. ``policy`` refuses a
    restart that it would not allow; None and "never" refuse none. ``drain`` lets containers be stopped that keep the
    bridge from changing. ``tls_to_come`` tells that the TLS files are still to be made. ``may_move`` lets the daemon's
    data be moved where the data root changes. Returns changed, diff, files, effective, adopted and backup as documented
    in the module, ``plan`` as an ApplyPlan, and the ``keys`` of daemon.json that change.
    Raises ConfigError, with every file as it was.
    """
    version = daemon.installed_version()
    # The plan of a host without an engine cannot tell which one comes.
    has_defaults = version is None or version >= options.OPTIONS[mtu.DEFAULTS].since
    declared = {name: mtu.known(content, has_defaults) for name, content in declared.items()}
    composition = _compose(declared, on_conflict)
    merged = composition.merged
    show = commands.unit_properties(daemon.SERVICE)
    written, environment = merged, None
    if proxy_environment.is_needed(version) and proxy_environment.KEY in merged:
        environment = proxy_environment.text(merged[proxy_environment.KEY])
        written = proxy_environment.without(merged, environment)
    found = validation.problems(written, version, in_swarm=daemon.in_swarm(composition.existing or {}))
    if found:
        raise ConfigError("; ".join(found))
    has_unit = show.get("LoadState") not in (None, "not-found")
    if has_unit:
        _check_flags(merged, show)
    if not tls_to_come:
        _check_tls(merged)
    changes = _changes(composition, written, environment, show if has_unit else None, socket)
    move: host_values.Move | None = None
    existing = composition.existing or {}
    applied = daemon.applied(show, existing) if planning.is_active(show) else None
    inputs = daemon.inputs(merged, show, changes, tls_to_come)
    plan = planning.plan_apply(show, applied, inputs, may_drain)
    # What an interrupted run has begun is finished, whatever is allowed now.
    begun = data_root.pending(merged)
    if begun is not None:
        plan = planning.add_move(plan, applied, inputs, begun["old"], begun["new"])
    # What the daemon runs with needs no second opinion.
    if changes or plan.action != "nothing":
        old_root = data_root.current(existing, applied, planning.is_active(show))
        move = data_root.move(old_root, merged, plan.containers)
        moves = may_move and move is not None and bool(move.missing or move.running)
        _check_host(merged, existing, version is not None, None if moves else move)
        if moves and move:
            _check_move(move, options.changed_keys(existing, merged))
            plan = planning.add_move(plan, applied, inputs, move.old, move.new)
        if not tls_to_come:
            _check_with_dockerd(merged, version)
        else:
            move = None
    refusal = plan.refusal(policy) if policy not in (None, "never") else None
    if refusal:
        stopped = ", ".join(container.name for container in containers.interrupted())
        raise ConfigError(
            refusal + (f" (an earlier run was interrupted and has left {stopped} stopped)" if stopped else "")
        )
    current = {path: state.read(path) for path in changes}
    result: dict[str, Any] = {
        "changed": bool(changes),
        "files": sorted(str(path) for path in changes),
        "keys": sorted(options.changed_keys(composition.existing or {}, merged)),
        "effective": options.concealed(merged),
        "adopted": composition.adopting,
        "backup": None,
        "plan": plan,
        "diff": [_difference(path, current[path], text) for path, text in sorted(changes.items())],
    }
    if changes and not check_mode:
        _remember(show, composition.existing)
        # An operator's file is kept when it is adopted, also while it still says all that was declared.
        if composition.adopting or (state.DAEMON_JSON in changes and composition.hand_edited):
            kept = state.backup(state.DAEMON_JSON)
            result["backup"] = str(kept) if kept else None
        if move:
            data_move.begin(move.old, move.new)
        elif begun is None:
            data_move.forget_other(merged)
        _write(changes)
    return result


def _check_move(move: host_values.Move, keys: set[str]) -> None:
    """Refuse to move data where Mooring cannot, or not in this run."""
    obstacle = data_root.obstacle(move)
    if obstacle:
        raise ConfigError(f"data-root {move.new}: {obstacle}")
    others = sorted(key for key in keys if key in options.OPTIONS and options.OPTIONS[key].affects_connectivity)
    if others:
        raise ConfigError(
            f"data-root {move.new}: {', '.join(others)} change too, and the host could not revert both by itself: "
            "declare one after the other"
        )


def _changes(
    composition: Composition,
    written: Config,
    environment: str | None,
    show: dict[str, str] | None,
    socket: dict[str, Any] | None,
) -> dict[Path, str | None]:
    """The files to write, path to text (None: remove), in the order to write them.

    ``written`` is what daemon.json is to say, ``environment`` the text of the file with the proxies beside it.
    ``show`` is None without a unit.
    """
    wanted: dict[Path, str | None] = {}
    # The adopted fragment's name sorts first.
    for name in sorted({*composition.fragments, *composition.before}):
        content = composition.fragments.get(name)
        if content != composition.before.get(name):
            wanted[state.FRAGMENTS / f"{name}.json"] = fragments.render(content) if content else None
    # A daemon.json that says the same in other words stays as the operator wrote it.
    existing = composition.existing if composition.existing is not None else {}
    if existing != composition.merged or state.read(state.PROXIES) != environment:
        wanted[state.DAEMON_JSON] = fragments.render(written) if written else None
        wanted[state.PROXIES] = environment
    if show is not None:
        path = str(state.PROXIES) if environment else None
        wanted[state.SERVICE_DROP_IN] = units.service_drop_in(
            *daemon.exec_starts(show), without_host="hosts" in written, environment=path
        )
    if socket is not None:
        wanted[state.SOCKET_DROP_IN] = units.socket_drop_in(socket)
    return {path: text for path, text in wanted.items() if state.read(path) != text}


def _write(changes: dict[Path, str | None]) -> None:
    """In this order an interrupted run loses nothing.

    What is adopted has its fragment before daemon.json changes, and no daemon.json of ours is ever taken for an
    operator's.
    """
    fragment_paths = [path for path in changes if path.parent == state.FRAGMENTS]
    for path in fragment_paths:
        state.write(path, changes[path], state.mode_of(path))
    if state.read_state(state.COMPOSED) is None:
        state.write_state(state.COMPOSED, {"by": "mooring.docker"})
    for path in changes.keys() - fragment_paths:
        state.write(path, changes[path], state.mode_of(path))


def _difference(path: Path, before: str | None, after: str | None) -> dict[str, str]:
    """One entry of Ansible's diff, without secrets, but with a mark where one changes."""
    if path.suffix == ".json":
        old, new = _parsed(before), _parsed(after)
        before = before and (
            "(no valid JSON, not shown)\n" if old is None else fragments.render(options.concealed(old))
        )
        after = after and fragments.render(options.compared(old or {}, new or {}))
    else:
        # The command of a unit has options too, whoever wrote it.
        before, after = redaction.scrubbed([before, after], ())
    return {"before": before or "", "after": after or "", "before_header": str(path), "after_header": str(path)}


def _parsed(text: str | None) -> Config | None:
    try:
        return fragments.parse(text or "", "")
    except ConfigError:
        return None


def _remember(show: dict[str, str], existing: Config | None) -> None:
    """Before the files of a running daemon change for the first time, note what it has read."""
    if show.get("ActiveState") != "active" or (existing is None and state.DAEMON_JSON.exists()):
        return
    seen = daemon.applied(show, existing or {})
    if seen is not None:
        daemon.record_applied(show, seen)
        if state.read_state(state.GOOD) is None:
            state.write_state(state.GOOD, state.snapshot())
