"""A fleet whose daemons can all be reached from elsewhere, and this machine as a client of it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import reach
from docker_client import DockerClient

HOSTS = ["bookworm", "trixie", "forky"]
ACCOUNT = "docker-remote"
"""The account of clients over SSH."""

ENDPOINTS = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]

Answer = TypeVar("Answer")

run = functools.partial(reach.run, docker_engine_endpoints=ENDPOINTS)
command = functools.partial(reach.command, docker_engine_endpoints=ENDPOINTS)


def converge(playbook: str = "site", **variables: Any) -> reach.Run:
    """A run that must succeed."""
    done: reach.Run = run(playbook, **variables)
    assert done.status == 0, "\n".join(done.failures.values()) or done.output
    return done


def per_host(values: dict[str, Any], default: Any) -> str:
    """A variable that has another value on some hosts."""
    return f"{{{{ {values!r}.get(inventory_hostname, {default!r}) }}}}"


def everywhere(script: str | dict[str, str]) -> dict[str, str]:
    """What a shell script, or one for each host, says on all hosts at once. It must succeed."""
    scripts = script if isinstance(script, dict) else dict.fromkeys(HOSTS, script)
    return at_once(lambda name: str(reach.over_ssh(name).check_output(scripts[name])), *scripts)


def at_once(look: Callable[[str], Answer], *names: str) -> dict[str, Answer]:
    """What a function tells of each of these hosts, all at once."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(look, names), strict=True))


def on_hosts(module: str, arguments: dict[str, Any] | None = None, *words: str) -> dict[str, dict[str, Any]]:
    """What a module answers on each host."""
    line = ["ansible", "-i", str(reach.INVENTORY), ",".join(HOSTS), "-m", module]
    line += ["-a", json.dumps(arguments)] if arguments else []
    done = subprocess.run(
        [*line, *words],
        cwd=reach.PROJECT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"},
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = json.loads(done.stdout[done.stdout.find("{") :])["plays"][0]["tasks"][0]["hosts"]
    assert sorted(found) == sorted(HOSTS), done.stdout + done.stderr
    return found


def listed() -> list[str]:
    """The lines that playbooks/list_certificates.yml shows."""
    done = subprocess.run(command("list_certificates"), cwd=reach.PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


ROLE_DEFAULTS = {
    "docker_client_directory": "~/.docker/lab",
    "docker_client_cli": "docker",
    "docker_client_ssh_config": "~/.ssh/config",
}
"""Those of docker_client, which hold on the lab's hosts."""


class Client(DockerClient):
    """One that can join the fleet, together with hosts of the lab."""

    def of_contexts(self, name: str) -> list[Path]:
        """The files of its contexts by that name, one for each host."""
        found = list((self.directory / "contexts/tls").glob(f"*/docker/{name}"))
        assert len(found) == len(HOSTS)
        return found

    def join(self, *hosts: str, **variables: Any) -> reach.Run:
        """Become a client, as an operator does it, together with hosts of the lab by what the role's defaults are."""
        own = self.variables
        if hosts:
            own = {name: per_host({"localhost": own[name]}, ROLE_DEFAULTS[name]) for name in own.keys() & ROLE_DEFAULTS}
            name = f"{self.directory.name!r} if inventory_hostname == 'localhost' else inventory_hostname"
            own["docker_client_name"] = f"{{{{ {name} }}}}"
            own["clients"] = ",".join(["localhost", *hosts])
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("DOCKER_CONFIG", str(self.directory))
            return run("client", **own, **variables)

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI."""
        line = [reach.docker_cli(), "--config", str(self.directory), *words]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=30)


def let_in(client: Client) -> list[str]:
    """The hosts on which a client gets in by its certificate."""
    answers = at_once(lambda name: client.docker("--context", name, "version").returncode, *HOSTS)
    return [name for name, status in answers.items() if status == 0]


def ssh_line(name: str, key: Path, *words: str, user: str = ACCOUNT) -> list[str]:
    """The command line of plain ssh to a host, by one key. HOST in ``words`` stands for its address.

    A sshd that reloads refuses connections for a moment: it executes itself again.
    """
    known = f"UserKnownHostsFile={reach.declared(name)['state']}/ssh/known_hosts"
    line = ["ssh", "-F", "none", "-o", known]
    line += ["-o", "IdentitiesOnly=yes", "-o", f"IdentityFile={key}", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
    line += ["-o", "ConnectionAttempts=10"]
    return [*line, "-l", user, *(word.replace("HOST", reach.declared(name)["address"]) for word in words)]


def ssh(name: str, key: Path, *words: str, user: str = ACCOUNT, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(
        ["timeout", "15", *ssh_line(name, key, *words, user=user)],
        input=stdin, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def new_key(path: Path) -> Path:
    """A key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@dataclass
class Shared:
    """A connection that outlives its first command (ControlMaster), of one key to one host."""

    name: str
    key: Path
    control: Path

    def open(self) -> Shared:
        """Open it; it lives until somebody ends it."""
        words = ["-o", "ControlMaster=yes", "-o", f"ControlPath={self.control}", "-fN", "HOST"]
        # Not by ssh(): what stays behind holds what it was given for its output.
        quiet = subprocess.DEVNULL
        line = ssh_line(self.name, self.key, *words)
        subprocess.run(line, stdin=quiet, stdout=quiet, stderr=quiet, check=True, timeout=30)
        return self

    def ping(self) -> str:
        """What the daemon answers over it, and over no new connection."""
        line = ssh_line(self.name, self.key, "-o", "ControlMaster=no", "-o", f"ControlPath={self.control}")
        refuse = ["-o", "ProxyCommand=false", "HOST"]
        return ask([*line, *(word.replace("HOST", reach.declared(self.name)["address"]) for word in refuse)])

    def close(self) -> None:
        """End it from here, where it lives still."""
        line = ["ssh", "-F", "none", "-o", f"ControlPath={self.control}", "-O", "exit", "HOST"]
        subprocess.run(line, capture_output=True, check=False, timeout=30)


def ask(line: list[str]) -> str:
    """The first line of what a daemon answers, at the other end of a command; empty for none."""
    done = subprocess.run(
        ["timeout", "15", *line], input="GET /_ping HTTP/1.0\r\n\r\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.partition("\n")[0]


@pytest.fixture(scope="session")
def fleet() -> None:
    """All hosts with a TLS endpoint, and an image that needs no registry."""
    converge()
    everywhere("docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab")


@pytest.fixture(scope="session")
def client(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """This machine, made a client as an operator does it."""
    found = Client(tmp_path_factory.mktemp("controller"))
    os.environ["DOCKER_CONFIG"] = str(found.directory)
    # A lab that was tested before knows another machine by that name.
    converge("client", docker_client_replace=True, **found.variables)
    return found
