# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the daemon can run a container with its own defaults: logging driver, runtime, limits, default network.

The container (the canary) needs no registry and nothing of the network, never restarts, and is removed with its image.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from .._config.options import Config
from . import canary_image, live
from .api import Api, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "mooring-canary"
"""What the names of the container and of its image begin with."""

LABEL = "io.mooring.canary"
"""What both carry."""

PORT = 7
"""What a canary that rests publishes, by TCP."""

# On a busy host runc now and then fails to start one ("read init-p: connection reset by peer").
_ATTEMPTS = 3

# Of the daemon's words, which may quote a lot.
_LONGEST = 500


class CanaryError(Exception):
    """The daemon does not run a container; the message has its own words."""


class Resting(NamedTuple):
    """A canary that rests: its first process, its IPv4 address, and where ``PORT`` is published on the loopback."""

    pid: int
    address: str
    published: int | None


class Test(TypedDict):
    """How a test went: both None where a container ran."""

    problem: str | None
    """Why no container runs."""
    obstacle: str | None
    """Why that was not to be tried."""


def test(config: Config, timeout: float) -> Test:
    """What ``run`` does and raises, as data."""
    try:
        return {"problem": None, "obstacle": run(config, timeout)}
    except (ApiError, CanaryError) as error:
        return {"problem": str(error), "obstacle": None}


def run(config: Config, timeout: float) -> str | None:
    """Create, start, await and remove a container, each within ``timeout`` seconds.

    Returns None where it ran, or why that could not be tried: an authorization plugin forbids it, or the host has no
    program for it. What a run that was cut has left is removed too.

    Raises CanaryError where no container runs, ApiError where the daemon does not answer.
    """
    program = canary_image.static_program()
    if program is None:
        return f"the host has no static program to run, such as {canary_image.PROGRAMS[0]}"
    try:
        api = live.local_api(config, timeout)
        _remove(api)
        try:
            _run(api, canary_image.root(program), config, timeout)
        except BaseException:
            with contextlib.suppress(ApiError, CanaryError):
                _remove(api)
            raise
        _remove(api)
    except ApiError as error:
        # What an authorization plugin denies (moby, pkg/authorization).
        if error.status == 403:
            return f"the daemon forbids it: {_words(error)}"
        raise
    return None


@contextlib.contextmanager
def resting(config: Config, timeout: float) -> Iterator[Resting]:
    """A canary on docker0 that is there meanwhile, and removed then. It publishes ``PORT`` on 127.0.0.1.

    Raises CanaryError where there is none, ApiError where the daemon does not answer or forbids it, and OSError where
    the host has no program for it.
    """
    root = canary_image.sleeping_root()
    api = live.local_api(config, timeout)
    _remove(api)
    try:
        key = f"{PORT}/tcp"
        binding = {"HostIp": "127.0.0.1", "HostPort": ""}
        content = {
            "Entrypoint": canary_image.SLEEP,
            "ExposedPorts": {key: {}},
            "HostConfig": {"PortBindings": {key: [binding]}},
        }
        identifier = _launch(api, root, content)
        with _doing("a container that was started is not there"):
            found = api.get(f"/containers/{identifier}/json")
        settings = found["NetworkSettings"]
        ports = (settings.get("Ports") or {}).get(key) or [{}]
        ends = settings.get("Networks") or {}
        yield Resting(
            pid=found["State"]["Pid"],
            address=str((ends.get("bridge") or {}).get("IPAddress") or ""),
            published=int(ports[0].get("HostPort") or 0) or None,
        )
    finally:
        with contextlib.suppress(ApiError, CanaryError):
            _remove(api)


def _run(api: Api, root: bytes, config: Config, timeout: float) -> None:
    """Run ``root``. Raises as ``run`` does, and leaves container and image."""
    content: dict[str, Any] = {"Entrypoint": canary_image.COMMAND}
    if config.get("bridge") == "none":
        # There is no default network, and a container must say that it does without.
        content["HostConfig"] = {"NetworkMode": "none"}
    identifier = _launch(api, root, content)
    with _doing("a container that was started does not end"):
        try:
            status = api.post(f"/containers/{identifier}/wait", None)["StatusCode"]
        except ApiError as error:
            if str(error) == "timed out":
                raise CanaryError(f"a container that was started does not end within {timeout:.0f} s") from error
            raise
        said = api.get(f"/containers/{identifier}/json")["State"].get("Error") if status else ""
    if status:
        raise CanaryError(f"a container that was started ended with status {status}" + (f": {said}" if said else ""))


def _launch(api: Api, root: bytes, content: dict[str, Any]) -> str:
    """Create and start a container of ``root`` as ``content`` says, and return its id. Raises as ``run`` does."""
    name = f"{NAME}-{secrets.token_hex(4)}"
    source = {"fromSrc": "-", "repo": NAME, "tag": name, "changes": f"LABEL {LABEL}=true"}
    with _doing("the image of a container cannot be made"):
        answer = api.post(f"/images/create?{urllib.parse.urlencode(source)}", root)
        # The daemon has answered with success before it began.
        if isinstance(answer, dict) and "error" in answer:
            raise ApiError(str(answer["error"]), 500)
    content = {**content, "Image": f"{NAME}:{name}", "Labels": {LABEL: "true"}}
    with _doing("a container cannot be created"):
        identifier: str = api.post(f"/containers/create?name={name}", content)["Id"]
    _start(api, identifier)
    return identifier


def _start(api: Api, identifier: str) -> None:
    """Start a container, a few times at most. Raises as ``run`` does."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _doing("a container does not start"):
                api.post(f"/containers/{identifier}/start", None)
        except CanaryError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _remove(api: Api) -> None:
    """Remove every canary and its image. Raises ApiError and CanaryError."""
    query = urllib.parse.urlencode({"all": "1", "filters": json.dumps({"label": [LABEL]})})
    with _doing("a container cannot be removed"):
        for container in api.get(f"/containers/json?{query}"):
            if any(name.lstrip("/").startswith(NAME) for name in container["Names"]):
                _delete(api, f"/containers/{container['Id']}?force=1&v=1")
    with _doing("the image of a container cannot be removed"):
        for image in api.get(f"/images/json?{query}"):
            for tag in image.get("RepoTags") or []:
                if tag.startswith(f"{NAME}:"):
                    _delete(api, f"/images/{tag}?force=1")


def _delete(api: Api, path: str) -> None:
    """Delete what may be gone, or going, already. Raises ApiError."""
    try:
        api.delete(path)
    except ApiError as error:
        if error.status not in (404, 409):
            raise


@contextlib.contextmanager
def _doing(problem: str) -> Iterator[None]:
    """Raise CanaryError with ``problem`` for an error that the daemon answers, but for a plugin's denial."""
    try:
        yield
    except ApiError as error:
        if error.status in (None, 403):
            raise
        raise CanaryError(f"{problem}: {_words(error)}") from error


def _words(error: ApiError) -> str:
    text = " ".join(str(error).split())
    return text if len(text) < _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
