"""A command that is run while a host is looked at is run once."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.mooring.docker.plugins.module_utils._system.asking import asking_once
from ansible_collections.mooring.docker.plugins.module_utils._system.commands import run


def test_a_command_is_run_once_within(tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ("sh", "-c", f"echo x >> {log}; wc -l < {log}")
    with asking_once():
        with asking_once():
            assert run(*words).stdout.strip() == "1"
        assert run(*words).stdout.strip() == "1"
        assert run(*words, stdin="").stdout.strip() == "2"
    assert run(*words).stdout.strip() == "3"
    with asking_once():
        assert run(*words).stdout.strip() == "4"
