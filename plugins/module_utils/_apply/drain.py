# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers out of the way while their bridge changes, and back as they were.

``/var/lib/mooring/drained.json`` has those that are to run, from before the first is stopped until the last is seen
well again: what a run that was cut has stopped, the next one starts.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._config import state
from .._config.options import Config
from .._engine import daemon, live
from .._engine.api import ApiError
from .._system import commands

RECORD = state.STATE / "drained.json"


class DrainError(Exception):
    """A container could not be stopped or started, or is not as before; the message says which and why."""


# Seconds. What ends at once after its start is seen within them.
_FIRST_STEPS = 2.0


@dataclass(frozen=True)
class Container:
    """A container that runs.

    ``needs`` are ids and names of those that must run before it, ``ports`` its ports that are published, ``stop`` the
    seconds that it takes at most to stop, ``healthy`` those within which its healthcheck can find it well again, None
    where it did not.
    """

    id: str
    name: str
    started: str
    needs: list[str]
    ports: list[str]
    stop: int
    healthy: int | None


def survey(config: Config) -> tuple[list[Container], list[str]]:
    """The running containers of a daemon that answers, in the order of their starts, and which would not come back.

    Those are told with the reason. Where the daemon cannot be asked, or nobody could stop and start, that is one.
    """
    if shutil.which("docker") is None:
        return [], ["the docker CLI, which stops and starts them, is not on the host"]
    try:
        api = live.local_api(config)
        shown = [one for one in map(partial(_shown, api), api.get("/containers/json")) if one]
    except ApiError as error:
        return [], [f"the daemon does not tell its containers ({error})"]
    lost = [f"{one['Name'].lstrip('/')} {reason}" for one in shown if (reason := obstacle(one))]
    return ordered([describe(one) for one in shown]), sorted(lost)


def _shown(api: Any, listed: dict[str, Any]) -> dict[str, Any] | None:
    """A listed container as the API shows it, None where it has ended and gone meanwhile."""
    try:
        found: dict[str, Any] = api.get(f"/containers/{listed['Id']}/json")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return found


def obstacle(shown: dict[str, Any]) -> str | None:
    """Why a container, as the API shows it, would not be as before when it was stopped and started, or None."""
    if shown["HostConfig"].get("AutoRemove"):
        return "is removed when it stops (--rm)"
    if shown["State"].get("Paused"):
        return "is paused, and what it has in memory ends with it"
    if shown["State"].get("Restarting"):
        return "does not stay up (its restart policy starts it over and over)"
    if "com.docker.swarm.task.id" in (shown["Config"].get("Labels") or {}):
        return "is a swarm's, which would replace it (docker node update --availability drain moves it)"
    return None


def describe(shown: dict[str, Any]) -> Container:
    """A container as the API shows it."""
    host, config = shown["HostConfig"], shown["Config"]
    modes = [str(host.get(key) or "") for key in ("NetworkMode", "IpcMode", "PidMode")]
    needs = [mode[len("container:") :] for mode in modes if mode.startswith("container:")]
    needs += [link.split(":")[0].lstrip("/") for link in host.get("Links") or []]
    stop = config.get("StopTimeout")
    healthy = None
    if (shown["State"].get("Health") or {}).get("Status") == "healthy":
        check = config.get("Healthcheck") or {}
        # Docker's defaults; the API counts nanoseconds.
        spans = [check.get("StartPeriod") or 0, check.get("Interval") or 30e9, check.get("Timeout") or 30e9]
        healthy = int(sum(spans) / 1e9) + 1
    return Container(
        id=shown["Id"],
        name=shown["Name"].lstrip("/"),
        started=shown["State"]["StartedAt"],
        needs=needs,
        ports=published(shown),
        stop=10 if stop is None else 600 if stop < 0 else stop,
        healthy=healthy,
    )


def published(shown: dict[str, Any]) -> list[str]:
    """The container's ports that are published now."""
    ports = (shown.get("NetworkSettings") or {}).get("Ports") or {}
    return sorted(port for port, bindings in ports.items() if bindings)


def _moment(stamp: str) -> tuple[str, float]:
    """A time in UTC as Go writes it, which leaves out the zeros at its end, so that two compare."""
    whole, _point, fraction = stamp.rstrip("Z").partition(".")
    return whole, float(f"0.{fraction}")


def ordered(containers: list[Container]) -> list[Container]:
    """In the order of their starts, each after those that it needs."""
    found: list[Container] = []
    seen: set[str] = set()

    def place(one: Container) -> None:
        if one.id in seen:
            return
        seen.add(one.id)
        for other in by_start:
            if other.id in one.needs or other.name in one.needs:
                place(other)
        found.append(one)

    by_start = sorted(containers, key=lambda one: _moment(one.started))
    for one in by_start:
        place(one)
    return found


def left() -> list[Container]:
    """Those that an earlier run has stopped and not seen well again."""
    return [Container(**one) for one in state.read_state(RECORD) or []]


def merged(before: list[Container], now: list[Container]) -> list[Container]:
    """Those of ``before``, which may run again by now, and those of ``now``, in order."""
    known = {one.id for one in before}
    return ordered([*before, *(one for one in now if one.id not in known)])


def text(containers: list[Container]) -> str:
    """What the record says of them."""
    return json.dumps([dataclasses.asdict(one) for one in containers], indent=1) + "\n"


def stop(config: Config, containers: list[Container]) -> str | None:
    """Note who is to run, and stop them, who was started last first, each within its own time; the problem, or None."""
    state.write_state(RECORD, [dataclasses.asdict(one) for one in containers])
    try:
        for one in reversed(containers):
            if _runs(_inspect(config, one)):
                _docker(config, "stop", one, one.stop + 30)
    except (DrainError, ApiError) as error:
        return str(error)
    return None


def start(config: Config, containers: list[Container], timeout: float) -> str | None:
    """Start those that do not run, one after the other, and see that all are as before; the problem, or None.

    Those that were removed in the meantime are passed over. Health has ``timeout`` seconds and its check's own.
    """
    try:
        there = [one for one in containers if _inspect(config, one)]
        for one in there:
            if not _runs(_inspect(config, one)):
                _docker(config, "start", one, timeout)
        time.sleep(_FIRST_STEPS if there else 0)
        deadline = time.monotonic() + timeout
        for one in there:
            _await(config, one, deadline + (one.healthy or 0))
    except (DrainError, ApiError) as error:
        return str(error)
    state.write(RECORD, None)
    return None


def _await(config: Config, one: Container, deadline: float) -> None:
    """Wait until a container is as before. Raises DrainError when it is not, and will not be, or not in time."""
    while True:
        shown = _inspect(config, one)
        problem = unwell(shown, one)
        if problem is None:
            return
        if not _may_come(shown) or time.monotonic() > deadline:
            raise DrainError(f"{one.name} {problem}")
        time.sleep(0.5)


def _may_come(shown: dict[str, Any]) -> bool:
    """Whether a container that is not well yet can become so by itself: its restart policy may take several tries."""
    policy = ((shown.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name")
    is_tried_again = policy not in (None, "", "no") and (not _runs(shown) or shown["State"].get("Restarting"))
    return is_tried_again or _health(shown) == "starting"


def unwell(shown: dict[str, Any], one: Container) -> str | None:
    """What is wrong with a container, as the API shows it after its start, or None."""
    if not _runs(shown) or shown["State"].get("Restarting"):
        last = shown.get("State", {})
        return f"does not stay up (exit status {last.get('ExitCode')}) {last.get('Error') or ''}".strip()
    closed = sorted(set(one.ports) - set(published(shown)))
    if closed:
        return f"does not publish {', '.join(closed)}"
    health = _health(shown)
    return f"was healthy and is {health}" if one.healthy is not None and health != "healthy" else None


def _runs(shown: dict[str, Any]) -> bool:
    return bool(shown.get("State", {}).get("Running"))


def _health(shown: dict[str, Any]) -> str | None:
    health: str | None = (shown.get("State", {}).get("Health") or {}).get("Status")
    return health


def _inspect(config: Config, one: Container) -> dict[str, Any]:
    """The container as the API shows it, or nothing where it is gone. Raises DrainError where nobody answers."""
    try:
        found: dict[str, Any] = live.local_api(config).get(f"/containers/{one.id}/json")
    except ApiError as error:
        if error.status == 404:
            return {}
        raise DrainError(f"{one.name} cannot be looked at ({error})") from error
    return found


def _docker(config: Config, verb: str, one: Container, timeout: float) -> None:
    """``docker stop`` or ``docker start``. Raises DrainError where it fails."""
    done = commands.run("docker", "--host", f"unix://{live.local_socket(config)}", verb, one.id, timeout=timeout)
    if done.returncode != 0:
        raise DrainError(f"docker {verb} {one.name}: {done.stderr.strip()}")


def shell(config: Config, containers: list[Container]) -> tuple[str, str]:
    """Shell script that does the same: one to stop whoever runs, one to start ``containers`` again, and those.

    The second one's last status tells whether it worked; where not, the record stays.
    """
    if not containers:
        return "", ""
    sockets = " ".join(shlex.quote(path) for path in live.local_sockets(config))
    stopping = f"""\
engine() {{
    for socket in {sockets}; do
        docker --host "unix://$socket" version > /dev/null 2>&1 || continue
        docker --host "unix://$socket" "$@"
        return
    done
    return 1
}}
others=
if systemctl is-active --quiet {daemon.SERVICE}; then
    others=$(engine ps --quiet --no-trunc)
    [ -z "$others" ] || engine stop $others
fi"""
    starting = "\n".join(
        [
            f"for container in {' '.join(one.id for one in containers)} $others; do",
            '    engine start "$container" || [ -z "$(engine ps --all --quiet --filter "id=$container")" ] || return 1',
            f"done\nrm -f {RECORD}",
        ]
    )
    return stopping, starting
