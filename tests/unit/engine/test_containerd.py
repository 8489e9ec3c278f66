"""containerd's own directory is found wherever it was told of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import containerd


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its usual configuration; it runs without a word on its command line."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(containerd, "_CONFIG", path)
    monkeypatch.setattr(containerd, "_OF_DOCKERD", tmp_path / "containerd.toml")
    monkeypatch.setattr(containerd, "_pid", lambda: "0")
    return path


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ('version = 3\nroot = "/srv/containerd"\n[plugins]\n', "/srv/containerd"),
        ("  root='/srv/a b'   # here\n", "/srv/a b"),
        ('version = 2\n[plugins]\n  root = "/srv/of-a-plugin"\n', containerd.ROOT),
        ('#root = "/srv/containerd"\n', containerd.ROOT),
        ("", containerd.ROOT),
    ],
)
def test_root_is_that_of_the_configuration(config: Path, text: str, root: str) -> None:
    assert containerd.root(True) == containerd.ROOT
    config.write_text(text)
    assert containerd.root(True) == root


@pytest.mark.parametrize(
    "words", [["--root", "/srv/x"], ["--root=/srv/x"], ["--log-level", "debug", "--root", "/srv/x"], ["-c", "CONFIG"]]
)
def test_command_line_says_more(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    config.write_text('root = "/srv/usual"\n')
    (tmp_path / "other.toml").write_text('root = "/srv/x"\n')
    words = [word.replace("CONFIG", str(tmp_path / "other.toml")) for word in words]
    seen = Path.read_text

    def read(path: Path, **more: str) -> str:
        return "\0".join(["containerd", *words, ""]) if path == Path("/proc/0/cmdline") else seen(path, **more)

    monkeypatch.setattr(Path, "read_text", read)
    assert containerd.root(True) == "/srv/x"


def test_one_that_dockerd_has_started_has_a_configuration_of_its_own(tmp_path: Path, config: Path) -> None:
    config.write_text('root = "/srv/of-the-service"\n')
    (tmp_path / "containerd.toml").write_text('root = "/var/lib/docker/containerd/daemon"\n')
    assert containerd.root(False) == "/var/lib/docker/containerd/daemon"


@pytest.mark.parametrize(
    ("status", "has"),
    [
        ([["driver-type", "io.containerd.snapshotter.v1"]], True),
        ([["Backing Filesystem", "extfs"], ["driver-type", "io.containerd.snapshotter.v1"]], True),
        ([["Backing Filesystem", "extfs"]], False),
        (None, False),
    ],
)
def test_image_store_of_containerd_is_told_by_its_snapshotter(status: list[list[str]] | None, has: bool) -> None:
    assert containerd.has_images({"DriverStatus": status}) == has


def test_program_is_that_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert containerd.program() is None
    monkeypatch.setattr(containerd, "_pid", lambda: str(os.getpid()))
    assert Path(str(containerd.program())) == Path(f"/proc/{os.getpid()}/exe").readlink()
