"""A canary runs with the daemon's defaults, tells in the daemon's words why it does not, and leaves nothing."""

from __future__ import annotations

import io
import re
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import canary, canary_image, live
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from ansible_collections.mooring.docker.plugins.module_utils._engine.canary import CanaryError

PROGRAM = b"a static program"
TIMEOUT = 7.0


class FakeDaemon:
    """Containers and images by name. ``fails`` says of a request ("POST start") what goes wrong with it."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.images: dict[str, bytes] = {}
        self.fails: Callable[[str], ApiError | None] = lambda _request: None
        self.status = 0
        self.error = ""
        self.import_answer: dict[str, str] = {"status": "sha256:0"}
        self.asked: list[str] = []
        self.created: dict[str, Any] = {}

    def _ask(self, request: str) -> None:
        self.asked.append(request)
        problem = self.fails(request)
        if problem is not None:
            raise problem

    def get(self, path: str) -> Any:
        if "/json?" not in path:
            return {"State": {"Error": self.error}}
        assert "io.mooring.canary" in path
        kind = path.split("/")[1]
        self._ask(f"GET {kind}")
        if kind == "containers":
            return [{"Id": name, "Names": [f"/{name}"]} for name in self.containers]
        return [{"RepoTags": [f"mooring-canary:{name}"]} for name in self.images]

    def post(self, path: str, content: Any) -> Any:
        name = re.findall(r"mooring-canary-\w+", path)[0]
        verb = "import" if path.startswith("/images") else path.partition("?")[0].rpartition("/")[2]
        self._ask(f"POST {verb}")
        if verb == "import":
            assert "LABEL+io.mooring.canary" in path
            self.images[name] = content
            return self.import_answer
        if verb == "create":
            self.containers[name] = self.created = content
            return {"Id": name}
        return {"StatusCode": self.status} if verb == "wait" else ""

    def delete(self, path: str) -> Any:
        _root, kind, name = path.partition("?")[0].split("/")
        self._ask(f"DELETE {kind}")
        store: dict[str, Any] = getattr(self, kind)
        if store.pop(name.rpartition(":")[2], None) is None:
            raise ApiError("no such thing", 404)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDaemon:
    """A daemon that runs what it is told."""
    found = FakeDaemon()
    program = tmp_path / "docker-init"
    program.write_bytes(PROGRAM)
    monkeypatch.setattr(canary_image, "static_program", lambda: program)
    monkeypatch.setattr(live, "local_api", lambda _config, _timeout: found)
    return found


def _is_clean(daemon: FakeDaemon) -> bool:
    return not (daemon.containers or daemon.images)


def test_it_runs_with_the_daemons_own_defaults(daemon: FakeDaemon) -> None:
    archives: list[bytes] = []
    daemon.fails = lambda _request: archives.extend(daemon.images.values())
    assert canary.run({}, TIMEOUT) is None
    assert [word for word in daemon.asked if word.startswith("POST")] == [
        "POST import",
        "POST create",
        "POST start",
        "POST wait",
    ]
    with tarfile.open(fileobj=io.BytesIO(archives[0])) as archive:
        entry = archive.getmember("canary")
        content = archive.extractfile(entry)
        assert content is not None
        assert (entry.mode, content.read()) == (0o755, PROGRAM)
    # Nothing is said of logging, runtime, limits, networks or restarts: all that is the daemon's.
    assert sorted(daemon.created) == ["Entrypoint", "Image", "Labels"]
    assert daemon.created["Labels"] == {"io.mooring.canary": "true"}
    assert _is_clean(daemon)


def test_daemon_without_a_default_network_is_asked_for_none(daemon: FakeDaemon) -> None:
    assert canary.run({"bridge": "none"}, TIMEOUT) is None
    assert daemon.created["HostConfig"] == {"NetworkMode": "none"}
    assert canary.run({"bridge": "br0"}, TIMEOUT) is None
    assert "HostConfig" not in daemon.created


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("POST import", "the image of a container cannot be made: no such driver"),
        ("POST create", "a container cannot be created: no such driver"),
        ("POST start", "a container does not start: no such driver"),
        ("POST wait", "a container that was started does not end: no such driver"),
        ("DELETE containers", "a container cannot be removed: no such driver"),
        ("DELETE images", "the image of a container cannot be removed: no such driver"),
    ],
)
def test_what_the_daemon_refuses_is_told_in_its_words(daemon: FakeDaemon, request_: str, message: str) -> None:
    daemon.fails = lambda request: ApiError("no such\n driver", 500) if request == request_ else None
    with pytest.raises(CanaryError) as failure:
        canary.run({}, TIMEOUT)
    assert str(failure.value) == message
    assert _is_clean(daemon) or request_.startswith("DELETE")
    assert canary.test({}, TIMEOUT) == {"problem": message, "obstacle": None}


def test_image_that_fails_after_the_daemon_has_answered(daemon: FakeDaemon) -> None:
    daemon.import_answer = {"error": "no space left on device"}
    with pytest.raises(CanaryError, match="the image of a container cannot be made: no space left on device"):
        canary.run({}, TIMEOUT)
    assert _is_clean(daemon)


@pytest.mark.parametrize(("error", "more"), [("", ""), ("out of memory", ": out of memory")])
def test_container_that_fails(daemon: FakeDaemon, error: str, more: str) -> None:
    daemon.status, daemon.error = 127, error
    with pytest.raises(CanaryError) as failure:
        canary.run({}, TIMEOUT)
    assert str(failure.value) == f"a container that was started ended with status 127{more}"
    assert _is_clean(daemon)


@pytest.mark.parametrize(("failures", "is_fine"), [(2, True), (3, False)])
def test_start_that_fails_now_and_then_is_tried_again(daemon: FakeDaemon, failures: int, is_fine: bool) -> None:
    def fail(request: str) -> ApiError | None:
        is_early = daemon.asked.count("POST start") <= failures
        return ApiError("read init-p: connection reset by peer", 500) if request == "POST start" and is_early else None

    daemon.fails = fail
    assert (canary.test({}, TIMEOUT)["problem"] is None) == is_fine
    assert daemon.asked.count("POST create") == 1
    assert _is_clean(daemon)


def test_container_that_never_ends(daemon: FakeDaemon) -> None:
    daemon.fails = lambda request: ApiError("timed out") if request == "POST wait" else None
    with pytest.raises(CanaryError, match="a container that was started does not end within 7 s"):
        canary.run({}, TIMEOUT)
    # Each time would take the whole timeout.
    assert daemon.asked.count("POST wait") == 1
    assert _is_clean(daemon)


def test_daemon_that_is_gone_is_no_verdict_on_containers(daemon: FakeDaemon) -> None:
    daemon.fails = lambda request: ApiError("connection refused") if request == "POST start" else None
    with pytest.raises(ApiError, match="connection refused"):
        canary.run({}, TIMEOUT)
    assert canary.test({}, TIMEOUT) == {"problem": "connection refused", "obstacle": None}


@pytest.mark.parametrize("request_", ["GET containers", "POST import", "POST create", "POST start", "POST wait"])
def test_what_a_plugin_forbids_is_no_failure(daemon: FakeDaemon, request_: str) -> None:
    denied = ApiError("authorization denied by plugin porter: no", 403)
    daemon.fails = lambda request: denied if request == request_ else None
    assert canary.run({}, TIMEOUT) == f"the daemon forbids it: {denied}"
    assert _is_clean(daemon)


def test_host_without_a_static_program(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_image, "static_program", lambda: None)
    assert canary.run({}, TIMEOUT) == "the host has no static program to run, such as docker-init"
    assert daemon.asked == []


def test_what_an_earlier_run_left_is_removed(daemon: FakeDaemon) -> None:
    daemon.containers["mooring-canary-0"] = {}
    daemon.images["mooring-canary-0"] = b""
    daemon.fails = lambda request: ApiError("no", 500) if request == "POST start" else None
    with pytest.raises(CanaryError):
        canary.run({}, TIMEOUT)
    assert _is_clean(daemon)


def test_container_of_somebody_else_stays(daemon: FakeDaemon) -> None:
    """Somebody may build an image on a canary's, and inherit its label."""
    daemon.containers["database"] = {}
    assert canary.run({}, TIMEOUT) is None
    assert list(daemon.containers) == ["database"]


def test_long_words_are_cut(daemon: FakeDaemon) -> None:
    daemon.fails = lambda request: ApiError("a" * 5000 + "b", 500) if request == "POST start" else None
    with pytest.raises(CanaryError, match=r"a+ \.\.\. a+b$") as failure:
        canary.run({}, TIMEOUT)
    assert len(str(failure.value)) < 600


# The program ---------------------------------------------------------------------------------------


def _elf(*kinds: int, wide: bool = True, order: str = "<") -> bytes:
    """An ELF header and program headers of these types (elf(5))."""
    start, size = (64, 56) if wide else (52, 32)
    header = bytearray(start)
    header[:6] = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2])
    struct.pack_into(order + ("Q" if wide else "I"), header, 32 if wide else 28, start)
    struct.pack_into(f"{order}HH", header, 54 if wide else 42, size, len(kinds))
    return bytes(header) + b"".join(struct.pack(f"{order}I", kind).ljust(size, b"\0") for kind in kinds)


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_only_a_program_without_a_loader_is_static(tmp_path: Path, wide: bool, order: str) -> None:
    path = tmp_path / "program"
    path.write_bytes(_elf(6, 1, 2, wide=wide, order=order))
    assert canary_image._is_static(path)
    path.write_bytes(_elf(6, 3, 1, wide=wide, order=order))
    assert not canary_image._is_static(path)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", _elf(1)[:66]])
def test_what_is_no_program_is_not_static(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    assert not canary_image._is_static(path)
    assert not canary_image._is_static(tmp_path / "missing")


def test_first_static_program_of_the_host_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_image, "_PATH", str(tmp_path))
    assert canary_image.static_program() is None
    for name, kind in [("docker-init", 3), ("ldconfig", 1)]:
        (tmp_path / name).write_bytes(_elf(kind))
        (tmp_path / name).chmod(0o755)
    assert canary_image.static_program() == tmp_path / "ldconfig"
