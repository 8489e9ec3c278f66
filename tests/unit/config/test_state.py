"""The host's files and lock: one run at a time, which a lost connection does not cut, and no half of a file."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import state

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in list(vars(state).items()):
        if isinstance(value, Path):
            monkeypatch.setattr(state, name, tmp_path / str(value).lstrip("/"))
    state.LOCK.parent.mkdir()
    # A shell may have told this process to ignore them.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_second_run_waits_until_the_first_has_ended() -> None:
    with state.locked(), pytest.raises(TimeoutError, match="another run holds"), state.locked(timeout=0):
        pass
    with state.locked(timeout=0):
        pass
    assert state.LOCK.stat().st_mode & 0o777 == 0o600


def test_a_lost_connection_does_not_cut_what_has_begun() -> None:
    with state.locked():
        assert [signal.getsignal(number) for number in SIGNALS] == [signal.SIG_IGN] * 3


def test_what_may_have_a_password_is_roots_alone(tmp_path: Path) -> None:
    for path in (state.DAEMON_JSON, state.FRAGMENTS / "10-engine.json"):
        assert state.mode_of(path) == 0o600
    assert state.mode_of(state.SERVICE_DROP_IN) == 0o644
    state.write_state(state.APPLIED, {"inputs": {}})
    assert state.APPLIED.stat().st_mode & 0o777 == 0o600
    assert state.STATE.stat().st_mode & 0o777 == 0o700
    state.DAEMON_JSON.parent.mkdir(parents=True)
    state.DAEMON_JSON.write_text("{}")
    assert state.backup(state.DAEMON_JSON) is not None
    assert state.STATE.stat().st_mode & 0o777 == 0o700


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    state.write(path, "old")
    inode = path.stat().st_ino

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(state.os, "fsync", fail)
        with pytest.raises(OSError, match="No space left on device") as caught:
            state.write(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.glob("*file*")) == [path]
    # Who reads it meanwhile has the old one whole: the new one is another file.
    with path.open() as reader:
        state.write(path, "new", 0o600)
        assert reader.read() == "old"
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o600
    state.write(path, None)
    state.write(path, None)
    assert not path.exists()


def test_all_files_are_restored_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    state.write(state.DAEMON_JSON, "{}\n", 0o600)
    state.write(state.SERVICE_DROP_IN, "[Service]\n")
    good = state.snapshot()
    state.write(state.DAEMON_JSON, '{"debug": true}\n', 0o600)
    state.write(state.SERVICE_DROP_IN, None)
    state.write(state.SOCKET_DROP_IN, "[Socket]\n")
    state.write(state.FRAGMENTS / "20-network.json", "{}\n", 0o600)
    tried = state.snapshot()
    stage = state._stage

    def full(path: Path, text: str, mode: int) -> Path:
        if path == state.SERVICE_DROP_IN:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return stage(path, text, mode)

    with monkeypatch.context() as patch:
        patch.setattr(state, "_stage", full)
        with pytest.raises(OSError, match="No space"):
            state.restore(good)
    assert state.snapshot() == tried
    assert [path.name for path in state.DAEMON_JSON.parent.iterdir() if path.name.startswith(".")] == []
    state.restore(good)
    assert state.snapshot() == good
    assert state.DAEMON_JSON.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "\udcff"])
def test_a_part_of_a_record_is_none(text: str) -> None:
    state.GOOD.parent.mkdir(parents=True)
    state.GOOD.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert state.read_state(state.GOOD) is None
