"""Runs that speak as loudly as they can, and all that they leave on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import reach
from clients import command


class Loud:
    """Runs that log, cache and keep temporary files in one directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.said: dict[str, str] = {}

    def run(self, name: str, playbook: str = "site", **variables: Any) -> int:
        """A run, by the name of what it is to show; its exit status."""
        done = subprocess.run(
            [*command(playbook, **variables), "-vvv", "--diff"],
            cwd=reach.PROJECT, env=self.environment, capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip
        self.said[name] = done.stdout + done.stderr
        return done.returncode

    @property
    def environment(self) -> dict[str, str]:
        """Where these runs leave what they leave."""
        found = {
            **os.environ,
            "ANSIBLE_LOG_PATH": str(self.place / "log"),
            "ANSIBLE_LOCAL_TEMP": str(self.place / "temporary"),
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.place / "facts"),
        }
        found.pop("ANSIBLE_KEEP_REMOTE_FILES", None)
        return found
