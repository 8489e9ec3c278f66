"""This machine as a client of the lab's daemons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reach


@dataclass
class DockerClient:
    """The docker CLI on this machine, with all that it has of a client in one directory, whose name is the client's."""

    directory: Path

    @property
    def variables(self) -> dict[str, Any]:
        """The role's variables for it."""
        return {
            "clients": "localhost",
            "docker_client_name": self.directory.name,
            "docker_client_directory": str(self.directory),
            "docker_client_cli": reach.docker_cli(),
        }
