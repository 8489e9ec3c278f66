"""The hosts under test, a web server on each whose every request counts, and how a daemon's life is told."""

from __future__ import annotations

import functools
import json
import os
import threading
import time
import urllib.parse
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
        return int(self.host.check_output("systemctl show docker --property MainPID --value"))

    def starts(self) -> int:
        """How often systemd has started it since the host's boot."""
        line = "journalctl --boot --quiet --output cat _PID=1 UNIT=docker.service MESSAGE_ID=%s | wc -l"
        return int(self.host.check_output(line, _STARTED))

    def api(self, path: str) -> Any:
        """``GET path`` of the API."""
        return json.loads(self.host.check_output("curl -s --unix-socket /run/docker.sock http://docker%s", path))

    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api("/info")
        return found

    def reloaded(self) -> dict[str, str]:
        """The attributes of its last reload."""
        query = urllib.parse.urlencode(
            {"since": "1", "until": f"{time.time():.3f}", "filters": '{"type":["daemon"],"event":["reload"]}'}
        )
        url = f"http://docker/events?{query}"
        lines = self.host.check_output("curl -s --unix-socket /run/docker.sock %s", url).splitlines()
        attributes: dict[str, str] = json.loads(lines[-1])["Actor"]["Attributes"]
        return attributes

    def created(self) -> dict[str, Any]:
        """The HostConfig that a new container gets."""
        self.host.run_expect([0], "docker create --name probe busybox:lab /bin/busybox true")
        found: dict[str, Any] = self.api("/containers/probe/json")["HostConfig"]
        self.host.run_expect([0], "docker rm probe")
        return found

    def container_pid(self) -> int:
        return int(self.api("/containers/web/json")["State"]["Pid"])

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
        one.host.run_expect([0], "which curl || apt-get install --yes --no-install-recommends curl")
        one.host.run_expect(
            [0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab"
        )
    return found


@pytest.fixture
def web(daemons: list[Daemon]) -> Iterator[None]:
    """A container on each host that serves HTTP on the host's port 3000."""
    for one in daemons:
        one.host.run("docker rm --force web")
        one.host.run_expect([0], f"docker run -d --name web -p 3000:3000 busybox:lab /bin/busybox sh -c '{SERVE}'")
    yield
    for one in daemons:
        one.host.run("docker rm --force web")


@pytest.fixture
def plain(daemons: list[Daemon]) -> Iterator[None]:
    """The inventory's own declaration before and after."""
    converge()
    yield
    converge()


@dataclass
class Traffic:
    """Requests to one published port without pause, and those that failed."""

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
        while not stop.is_set():
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
