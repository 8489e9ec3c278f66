"""What a configuration names is looked for on the host where dockerd looks for it."""

from __future__ import annotations

import contextlib
import grp
import http.server
import json
import os
import pwd
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.container_values import ULIMITS
from ansible_collections.mooring.docker.plugins.module_utils._engine import surroundings
from ansible_collections.mooring.docker.plugins.module_utils._engine.surroundings import disk, observe


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path is short enough for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="plugins"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def plugins(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(surroundings, "PLUGIN_SOCKETS", place / "sockets")
    monkeypatch.setattr(surroundings, "PLUGIN_SPECS", (place / "specs", place / "lib"))
    for name in ("sockets", "specs", "lib"):
        (place / name).mkdir()
    return place


@contextlib.contextmanager
def serving(path: Path, answer: Any) -> Iterator[None]:
    """A plugin on a UNIX socket that answers each request so, with the status 500 where that is no JSON object."""

    class Plugin(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps(answer).encode()
            self.send_response(200 if isinstance(answer, dict) else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "mooring"

        def log_message(self, format: str, *args: Any) -> None:
            pass

    path.parent.mkdir(exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), Plugin) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def plugin_problem(name: str, root: Path) -> str | None:
    config = {"authorization-plugins": [name], "data-root": str(root)}
    return observe(config, config).plugins[name]


def test_plugin_that_answers(plugins: Path) -> None:
    with serving(plugins / "sockets/porter.sock", {"Implements": ["authz"]}):
        assert plugin_problem("porter", plugins) is None
    with serving(plugins / "sockets/deep/deep.sock", {"Implements": ["authz", "other"]}):
        assert plugin_problem("deep", plugins) is None
        (plugins / "specs/spec.spec").write_text(f"unix://{plugins}/sockets/deep/deep.sock\n")
        (plugins / "lib/json.json").write_text(json.dumps({"Addr": f"unix://{plugins}/sockets/deep/deep.sock"}))
        assert plugin_problem("spec", plugins) is None
        assert plugin_problem("json", plugins) is None


def test_plugin_that_does_not_serve(plugins: Path) -> None:
    assert "no such plugin" in (plugin_problem("nope", plugins) or "")
    with serving(plugins / "sockets/volumes.sock", {"Implements": ["VolumeDriver"]}):
        assert "but one for VolumeDriver" in (plugin_problem("volumes", plugins) or "")
    with serving(plugins / "sockets/silent.sock", {"Err": "x"}):
        assert "no proper answer" in (plugin_problem("silent", plugins) or "")
    assert (plugins / "sockets/silent.sock").is_socket()
    assert "does not answer" in (plugin_problem("silent", plugins) or "")
    (plugins / "specs/empty.json").write_text("{}")
    assert "no address" in (plugin_problem("empty", plugins) or "")


def test_plugin_whose_answer_nobody_can_judge_is_dockerds_matter(plugins: Path) -> None:
    with serving(plugins / "sockets/other.sock", "busy"):
        assert plugin_problem("other", plugins) is None
    (plugins / "specs/tls.json").write_text(json.dumps({"Addr": "https://192.0.2.1:1", "TLSConfig": {}}))
    assert plugin_problem("tls", plugins) is None


def test_plugin_of_docker_plugin_install(plugins: Path) -> None:
    for number, (name, enabled) in enumerate((("vendor/on:latest", True), ("vendor/off:latest", False))):
        directory = plugins / f"plugins/{number}"
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(json.dumps({"plugin": {"Name": name, "Enabled": enabled}}))
    assert plugin_problem("vendor/on", plugins) is None
    assert plugin_problem("vendor/on:latest", plugins) is None
    assert "not enabled" in (plugin_problem("vendor/off", plugins) or "")


def test_files_programs_groups_and_links(tmp_path: Path) -> None:
    program, profile = tmp_path / "runsc", tmp_path / "seccomp.json"
    program.write_text("#!/bin/sh\n")
    profile.write_text("{}")
    mine = grp.getgrgid(os.getgid()).gr_name
    config: dict[str, Any] = {
        "default-runtime": "x", "runtimes": {"x": {"path": str(program)}}, "seccomp-profile": str(profile),
        "group": mine, "log-driver": "splunk", "log-opts": {"splunk-capath": str(profile)}, "bridge": "lo",
    }  # fmt: skip
    seen = observe(config, {})
    assert seen.programs == {str(program): None}
    assert seen.profiles == {str(profile): None}
    assert seen.groups == {mine: True}
    assert seen.files == {str(profile): "file"}
    assert seen.links == {"lo": "other"}
    program.chmod(0o755)
    profile.write_text("[")
    seen = observe({**config, "group": "nosuch", "bridge": "nosuch0"}, {})
    assert seen.programs == {str(program): str(program)}
    assert "JSON" in (seen.profiles[str(profile)] or "")
    assert seen.groups == {"nosuch": False}
    assert seen.links == {"nosuch0": None}


def test_program_is_looked_up_in_the_path_of_services() -> None:
    config = {"default-runtime": "x", "runtimes": {"x": {"path": "sh"}}}
    assert Path(str(observe(config, {}).programs["sh"])).name == "sh"
    assert observe({**config, "runtimes": {"x": {"path": "nosuch"}}}, {}).programs == {"nosuch": None}


def test_what_comes_with_the_engine_is_not_missed_before_it() -> None:
    config = {
        "default-runtime": "x", "runtimes": {"x": {"path": "/nope"}}, "group": "docker", "containerd": "/nope.sock",
    }  # fmt: skip
    seen = observe(config, {}, has_engine=False)
    assert (seen.programs, seen.groups, seen.files) == ({}, {}, {})
    assert observe({**config, "group": "nosuch"}, {}, has_engine=False).groups == {"nosuch": False}


LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max processes             96365                96366                processes
Max locked memory         8388608              8388608              bytes
Max nice priority         0                    0
"""


def test_limits_of_a_process_that_cannot_raise_them(tmp_path: Path) -> None:
    (tmp_path / "limits").write_text(LIMITS)
    (tmp_path / "status").write_text("Name:\tsystemd\nCapBnd:\t000001fffeffffff\n")
    found = {"cpu": -1, "nproc": 96366, "memlock": 8388608, "nice": 0}
    assert surroundings._limits(tmp_path) == found
    (tmp_path / "status").write_text("Name:\tsystemd\nCapBnd:\t000001ffffffffff\n")
    assert surroundings._limits(tmp_path) == {}
    assert set(surroundings._LIMITS.values()) == set(ULIMITS)


def test_subordinate_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = (tmp_path / "subuid", tmp_path / "subgid")
    monkeypatch.setattr(surroundings, "SUBORDINATE_IDS", files)
    user = pwd.getpwuid(1)

    def problem(value: str) -> str | None:
        return observe({"userns-remap": value}, {}).subordinate_ids.get(value, "not looked for")

    assert "no such user" in (problem("nosuch") or "")
    assert f"no range in {files[0]}" in (problem(user.pw_name) or "")
    files[0].write_text(f"{user.pw_name}:100000:65536\n")
    assert f"no range in {files[1]}" in (problem(f"{user.pw_name}:{user.pw_name}") or "")
    files[1].write_text("1:100000:65536\n")
    assert problem(user.pw_name) is None
    assert problem("1") is None
    assert problem("default") == "not looked for"


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:50 / /srv rw - nfs4 server:/export rw
31 22 0:51 / /srv/local\\040disk rw,relatime - xfs /dev/sdb1 rw
32 22 0:52 / {place} ro - ext4 /dev/sdc1 rw
33 22 0:53 / {place} rw - tmpfs tmpfs rw
"""


def test_disk_is_that_of_the_nearest_directory(tmp_path: Path) -> None:
    mounts = MOUNTS.format(place=tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    (tmp_path / "file").write_text("")
    for name, is_directory in (
        ("there", True),
        ("link", True),
        ("not/yet/there", None),
        ("file", False),
        ("file/x", False),
    ):
        found = disk(tmp_path / name, mounts)
        # Of two mounts at one place the later is seen.
        assert (found.mount_point, found.filesystem, found.is_directory) == (str(tmp_path), "tmpfs", is_directory), name
        assert found.free > 0
    assert surroundings._mount(Path("/srv/docker"), mounts) == ("/srv", "nfs4")
    assert surroundings._mount(Path("/srv/local disk/docker"), mounts) == ("/srv/local disk", "xfs")
    assert surroundings._mount(Path("/srvx"), mounts) == ("/", "ext4")
    (tmp_path / "elsewhere").symlink_to("/proc")
    assert disk(tmp_path / "elsewhere").filesystem == "proc"


def test_data_root_that_stays_is_not_looked_at(tmp_path: Path) -> None:
    config = {"data-root": str(tmp_path)}
    assert observe(config, config).disks == {}
    assert set(observe(config, {}).disks) == {str(tmp_path)}
