"""What the engine needs to start containers, on the machine that runs the tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import resources


def test_file_system_of_the_data_root_is_told(tmp_path: Path) -> None:
    (found, *_others) = resources.storage({"DockerRootDir": str(tmp_path)}, "/nope")
    seen = os.statvfs(tmp_path)
    assert (found["path"], found["size"]) == (str(tmp_path), seen.f_blocks * seen.f_frsize)
    assert 0 < found["free"] < found["size"]
    assert found["read_only"] is False


def test_what_is_not_there_is_not_told() -> None:
    assert "/nope" not in [one["path"] for one in resources.storage({"DockerRootDir": "/nope"}, "/none")]


@pytest.mark.parametrize(
    ("status", "images_are_in"),
    [([["driver-type", "io.containerd.snapshotter.v1"]], "/"), ([["x", "y"]], "/etc"), (None, "/etc")],
)
def test_images_are_where_the_image_store_is(status: Any, images_are_in: str) -> None:
    seen = resources.storage({"DockerRootDir": "/etc", "DriverStatus": status}, "/")
    assert [one["path"] for one in seen] == ["/etc", "/", "/run"]
    assert [one["path"] for one in seen if "images" in one["holds"]] == [images_are_in]
    assert [one["path"] for one in seen if "volumes" in one["holds"]] == ["/etc"]


def _program(path: Path) -> str:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o755)
    return str(path)


def test_runtime_is_on_the_daemons_path_and_its_shim_beside_containerd(tmp_path: Path) -> None:
    runc, shim = _program(tmp_path / "bin/runc"), _program(tmp_path / "engine/containerd-shim-runc-v2")
    info = {"DefaultRuntime": "runc", "Runtimes": {"runc": {"path": "runc"}}}
    environment = {"PATH": str(tmp_path / "bin")}
    found = resources.programs(info, environment, str(tmp_path / "engine/containerd"))
    assert found == {"runc": runc, "containerd-shim-runc-v2": shim}
    assert resources.programs(info, environment, None) == {"runc": runc, "containerd-shim-runc-v2": None}
    Path(runc).unlink()
    assert resources.programs(info, environment, None)["runc"] is None


def test_runtime_that_is_a_shim_has_no_path() -> None:
    info = {"DefaultRuntime": "kata", "Runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}}}
    assert resources.programs(info, {}, None) == {}
