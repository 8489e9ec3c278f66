# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of the daemon: which of them could be stopped and started again, in what order, and how they fare.

``/var/lib/mooring/drained.json`` has those that are to run, from before the first is stopped until the last is seen
well again. ``_apply.drain`` writes it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._config import state
from .._config.options import Config
from . import live
from .api import ApiError

RECORD = state.STATE / "drained.json"


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

    The latter are sentences with the reason. Where the daemon cannot be asked, or nobody could stop and start them,
    that is one.
    """
    if shutil.which("docker") is None:
        return [], ["the docker CLI, which stops and starts them, is not on the host"]
    try:
        api = live.local_api(config)
        shown = [details for details in map(partial(_details, api), api.get("/containers/json")) if details]
    except ApiError as error:
        return [], [f"the daemon does not tell its containers ({error})"]
    lost = [f"{details['Name'].lstrip('/')} {reason}" for details in shown if (reason := obstacle(details))]
    return ordered([describe(details) for details in shown]), sorted(lost)


def _details(api: Any, listed: dict[str, Any]) -> dict[str, Any] | None:
    """A listed container as the API shows it, None where it has ended and gone meanwhile."""
    try:
        details: dict[str, Any] = api.get(f"/containers/{listed['Id']}/json")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return details


def obstacle(details: dict[str, Any]) -> str | None:
    """Why a container, as the API shows it, would not be as before when it was stopped and started, or None."""
    if details["HostConfig"].get("AutoRemove"):
        return "is removed when it stops (--rm)"
    if details["State"].get("Paused"):
        return "is paused, and what it has in memory ends with it"
    if details["State"].get("Restarting"):
        return "does not stay up (its restart policy starts it over and over)"
    if "com.docker.swarm.task.id" in (details["Config"].get("Labels") or {}):
        return "is a swarm's, which would replace it (docker node update --availability drain moves it)"
    return None


def describe(details: dict[str, Any]) -> Container:
    """A container as the API shows it."""
    host, config = details["HostConfig"], details["Config"]
    modes = [str(host.get(key) or "") for key in ("NetworkMode", "IpcMode", "PidMode")]
    needs = [mode[len("container:") :] for mode in modes if mode.startswith("container:")]
    needs += [link.split(":")[0].lstrip("/") for link in host.get("Links") or []]
    stop = config.get("StopTimeout")
    healthy = None
    if (details["State"].get("Health") or {}).get("Status") == "healthy":
        check = config.get("Healthcheck") or {}
        # Docker's defaults; the API counts nanoseconds.
        spans = [check.get("StartPeriod") or 0, check.get("Interval") or 30e9, check.get("Timeout") or 30e9]
        healthy = int(sum(spans) / 1e9) + 1
    return Container(
        id=details["Id"],
        name=details["Name"].lstrip("/"),
        started=details["State"]["StartedAt"],
        needs=needs,
        ports=published(details),
        stop=10 if stop is None else 600 if stop < 0 else stop,
        healthy=healthy,
    )


def published(details: dict[str, Any]) -> list[str]:
    """The container's ports that are published now."""
    ports = (details.get("NetworkSettings") or {}).get("Ports") or {}
    return sorted(port for port, bindings in ports.items() if bindings)


def _moment(stamp: str) -> tuple[str, float]:
    """A time in UTC as Go writes it, which leaves out the zeros at its end, so that two compare."""
    whole, _point, fraction = stamp.rstrip("Z").partition(".")
    return whole, float(f"0.{fraction}")


def ordered(containers: Sequence[Container]) -> list[Container]:
    """In the order of their starts, each after those that it needs."""
    result: list[Container] = []
    seen: set[str] = set()

    def add(container: Container) -> None:
        if container.id in seen:
            return
        seen.add(container.id)
        for other in by_start:
            if other.id in container.needs or other.name in container.needs:
                add(other)
        result.append(container)

    by_start = sorted(containers, key=lambda container: _moment(container.started))
    for container in by_start:
        add(container)
    return result


def interrupted() -> list[Container]:
    """Those that an earlier run has stopped and not seen well again."""
    return [Container(**fields) for fields in state.read_state(RECORD) or []]


def merged(before: Sequence[Container], now: Sequence[Container]) -> list[Container]:
    """Those of ``before``, which may run again by now, and those of ``now``, in order."""
    known = {container.id for container in before}
    return ordered([*before, *(container for container in now if container.id not in known)])


def fields(containers: Sequence[Container]) -> list[dict[str, Any]]:
    """What the record keeps of them."""
    return [dataclasses.asdict(container) for container in containers]


def text(containers: Sequence[Container]) -> str:
    """The record of them as a text."""
    return json.dumps(fields(containers), indent=1) + "\n"


def inspect(config: Config, container: Container) -> dict[str, Any]:
    """The container as the API shows it, or nothing where it is gone. Raises ApiError where nobody answers."""
    try:
        details: dict[str, Any] = live.local_api(config).get(f"/containers/{container.id}/json")
    except ApiError as error:
        if error.status == 404:
            return {}
        raise ApiError(f"{container.name} cannot be looked at ({error})", error.status) from error
    return details


def runs(details: dict[str, Any]) -> bool:
    """Whether a container, as the API shows it, runs."""
    return bool(details.get("State", {}).get("Running"))


def may_recover(details: dict[str, Any]) -> bool:
    """Whether a container that is not well yet can become so by itself: its restart policy may take several tries."""
    policy = ((details.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name")
    is_tried_again = policy not in (None, "", "no") and (not runs(details) or details["State"].get("Restarting"))
    return is_tried_again or _health(details) == "starting"


def unwell(details: dict[str, Any], container: Container) -> str | None:
    """What is wrong with a container, as the API shows it after its start, or None."""
    if not runs(details) or details["State"].get("Restarting"):
        status = details.get("State", {})
        return f"does not stay up (exit status {status.get('ExitCode')}) {status.get('Error') or ''}".strip()
    closed = sorted(set(container.ports) - set(published(details)))
    if closed:
        return f"does not publish {', '.join(closed)}"
    health = _health(details)
    return f"was healthy and is {health}" if container.healthy is not None and health != "healthy" else None


def _health(details: dict[str, Any]) -> str | None:
    health: str | None = (details.get("State", {}).get("Health") or {}).get("Status")
    return health
