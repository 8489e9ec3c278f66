"""A fleet whose daemons can all be reached from elsewhere, and this machine as a client of it."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import reach

HOSTS = ["bookworm", "trixie", "forky"]
ENDPOINTS = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]

run = functools.partial(reach.run, docker_engine_endpoints=ENDPOINTS)
command = functools.partial(reach.command, docker_engine_endpoints=ENDPOINTS)


def converge(playbook: str = "site", **variables: Any) -> reach.Run:
    """A run that must succeed."""
    done: reach.Run = run(playbook, **variables)
    assert done.status == 0, "\n".join(done.failures.values()) or done.output
    return done


def listed() -> list[str]:
    """The lines that playbooks/list_certificates.yml shows."""
    done = subprocess.run(command("list_certificates"), cwd=reach.PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@dataclass
class Client:
    """The docker CLI on this machine, with the TLS files and the contexts in one directory."""

    directory: Path

    @property
    def variables(self) -> dict[str, str]:
        """The role's variables for it."""
        return {
            "clients": "localhost",
            "docker_client_name": self.directory.name,
            "docker_client_directory": str(self.directory),
            "docker_client_cli": reach.docker_cli(),
        }

    def join(self, **variables: Any) -> reach.Run:
        """Become a client, as an operator does it."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("DOCKER_CONFIG", str(self.directory))
            return run("client", **self.variables, **variables)

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI."""
        line = [reach.docker_cli(), "--config", str(self.directory), *words]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=30)


@pytest.fixture(scope="session")
def fleet() -> Iterator[None]:
    """All hosts with a TLS endpoint, and an image that needs no registry."""
    converge()
    for name in HOSTS:
        reach.over_ssh(name).run_expect(
            [0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        )
    yield
    assert reach.run().status == 0


@pytest.fixture(scope="session")
def client(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """This machine, made a client as an operator does it."""
    found = Client(tmp_path_factory.mktemp("controller"))
    os.environ["DOCKER_CONFIG"] = str(found.directory)
    # A lab that was tested before knows another machine by that name.
    converge("client", docker_client_replace=True, **found.variables)
    return found


@pytest.fixture
def own_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's library requests prefers these, where they are set, to the authority that the SDK was given."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
