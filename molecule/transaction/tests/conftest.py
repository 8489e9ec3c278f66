"""The hosts under test, a web server on each whose every request counts, and how a daemon's life is told."""

from __future__ import annotations

import functools
import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import reach

# All engines and all samples, as `make thorough` asks for; or the oldest and the newest, and enough of them to guard
# every change.
THOROUGH = bool(os.environ.get("MOORING_THOROUGH"))
HOSTS = ["bookworm", "trixie", "forky"] if THOROUGH else ["bookworm", "forky"]
# What a container of the image busybox:lab serves HTTP on its port 3000 by.
SERVE = "/bin/busybox mkdir /www; echo moored > /www/index.html; exec /bin/busybox httpd -f -p 3000 -h /www"
# The daemon's own lives in the journal, systemd.journal-fields(7): SD_MESSAGE_UNIT_STARTED.
_STARTED = "39f53479d3a045ac8e11786248231fbf"


# Runs of playbooks on these hosts.
run = functools.partial(reach.run, limit=",".join(HOSTS))
command = functools.partial(reach.command, limit=",".join(HOSTS))


def converge(**variables: Any) -> reach.Run:
    """A run that must succeed."""
    done: reach.Run = run(**variables)
    assert done.status == 0, "\n".join(done.failures.values()) or done.output
    return done


@dataclass
class Daemon:
    """dockerd on one host."""

    name: str

    @property
    def host(self) -> Any:
        return reach.over_ssh(self.name)

    @property
    def pid(self) -> int:
        """The process of the daemon, which must run."""
        found = int(self.host.check_output("systemctl show docker --property MainPID --value"))
        assert found, f"{self.name}: no daemon runs"
        return found

    def starts(self) -> int:
        """How often systemd has started it since the host's boot."""
        line = "journalctl --boot --quiet --output cat _PID=1 UNIT=docker.service MESSAGE_ID=%s | wc -l"
        return int(self.host.check_output(line, _STARTED))

    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.host.check_output("docker info --format '{{json .}}'"))
        return found

    def inspect(self, *containers: str) -> list[dict[str, Any]]:
        """Containers as the API shows them."""
        found: list[dict[str, Any]] = json.loads(self.host.check_output(f"docker inspect {' '.join(containers)}"))
        return found

    def state(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = self.inspect(container)[0]["State"]
        return found

    def reloaded(self) -> dict[str, str]:
        """The attributes of its last reload."""
        line = (
            "docker events --since 1 --until $(date +%s.%N) --filter type=daemon --filter event=reload"
            " --format '{{json .}}' | tail --lines 1"
        )
        attributes: dict[str, str] = json.loads(self.host.check_output(line))["Actor"]["Attributes"]
        return attributes

    def created(self) -> dict[str, Any]:
        """The HostConfig that a new container gets."""
        text = self.host.check_output(
            "docker create --name probe busybox:lab /bin/busybox true > /dev/null && docker inspect probe"
            " && docker rm probe > /dev/null"
        )
        found: dict[str, Any] = json.loads(text)[0]["HostConfig"]
        return found

    def container_pid(self) -> int:
        """The process of the web server, which must run."""
        found = int(self.state("web")["Pid"])
        assert found, f"{self.name}: web does not run"
        return found

    def life(self) -> tuple[int, int]:
        """How often the daemon was started, and the process of the web server, which must run."""
        return self.starts(), self.container_pid()

    def effective(self) -> dict[str, Any]:
        """What daemon.json says."""
        found: dict[str, Any] = json.loads(self.host.check_output("cat /etc/docker/daemon.json"))
        return found

    def files(self) -> str:
        """Everything that Mooring may touch, and the daemon's life, as one text."""
        return str(
            self.host.check_output(
                "find /etc/docker /etc/systemd/system /var/lib/mooring -type f -exec sha256sum {} + | sort;"
                " systemctl show docker --property MainPID; ip -brief address show docker0;"
                " dpkg-query --show --showformat '${Package} ${Version}\\n'"
            )
        )


@pytest.fixture(params=HOSTS)
def daemon(request: pytest.FixtureRequest) -> Daemon:
    """dockerd of each host in turn."""
    return Daemon(request.param)


@pytest.fixture(scope="session")
def daemons() -> list[Daemon]:
    """dockerd of all hosts, with an image that needs no registry."""
    found = [Daemon(name) for name in HOSTS]
    for one in found:
        one.host.run_expect(
            [0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        )
    return found


@pytest.fixture(scope="module")
def inventory(daemons: list[Daemon]) -> Iterator[None]:
    """The inventory's own declaration, whatever was tested before, and no containers before and after."""
    remove = "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force"
    for one in daemons:
        one.host.run_expect([0], remove)
    converge()
    yield
    for one in daemons:
        one.host.run_expect([0], remove)


@pytest.fixture(scope="module")
def web(inventory: None, daemons: list[Daemon]) -> None:
    """A container on each host that serves HTTP on the host's port 3000."""
    for one in daemons:
        one.host.run_expect([0], f"docker run -d --name web -p 3000:3000 busybox:lab /bin/busybox sh -c '{SERVE}'")


@dataclass
class Traffic:
    """Requests to one published port, and those that failed, with the moment of each."""

    url: str
    requests: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)

    def silence(self) -> float:
        """Seconds from the first failed request to the last."""
        return self.failures[-1][0] - self.failures[0][0] if self.failures else 0.0


@contextmanager
def traffic() -> Iterator[dict[str, Traffic]]:
    """A client for each host's web server, from this machine, as long as the block runs."""
    clients = {name: Traffic(f"http://{reach.declared(name)['address']}:3000/") for name in HOSTS}
    stop = threading.Event()

    def ask(client: Traffic) -> None:
        # A pause leaves the machine to what is tested.
        while not stop.wait(0.01):
            client.requests += 1
            try:
                with urllib.request.urlopen(client.url, timeout=2) as response:
                    assert response.read() == b"moored\n"
            except (OSError, AssertionError) as error:
                client.failures.append((time.monotonic(), repr(error)))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients.values()]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        stop.set()
        for thread in threads:
            thread.join()
