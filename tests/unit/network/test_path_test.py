"""Connections between a host and a container: what comes up, what does not, and what nobody can tell."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import canary
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import ApiError
from ansible_collections.mooring.docker.plugins.module_utils._engine.canary import CanaryError, Resting
from ansible_collections.mooring.docker.plugins.module_utils._network import path_test
from ansible_collections.mooring.docker.plugins.module_utils._system import namespaces

NOTHING = dict.fromkeys(("to_container", "published", "outward", "obstacle"))
NETWORK: Any = {"addresses": [], "resolvers": [], "routes": []}
HERE = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HERE, 0)) as sock:
        return int(sock.getsockname()[1])


class Host:
    """A host whose container has an address of this machine's, and where ``shut_in`` keeps in what it asks for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.container = Resting(4711, HERE, None)
        self.inside = threading.local()
        self.shut_in = False
        self.failure: Exception | None = None
        self.left = False
        monkeypatch.setattr(path_test, "_TIMEOUT", 0.2)
        monkeypatch.setattr(canary, "PORT", free_port())
        monkeypatch.setattr(canary, "resting", self.resting)
        monkeypatch.setattr(namespaces, "enter_network", self.enter)
        answers = path_test._answers
        monkeypatch.setattr(
            path_test, "_answers", lambda target: not (self.shut_in and self.is_inside) and answers(target)
        )

    @property
    def is_inside(self) -> bool:
        return getattr(self.inside, "pid", None) == self.container.pid

    def enter(self, pid: int) -> None:
        self.inside.pid = pid

    @contextlib.contextmanager
    def resting(self, _config: Any, _timeout: float) -> Iterator[Resting]:
        if self.failure:
            raise self.failure
        yield self.container
        self.left = True


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


def test_connections_that_come_up(host: Host) -> None:
    # Published as by docker-proxy: what comes in there gets to the container.
    host.container = host.container._replace(published=canary.PORT)
    assert path_test.test({}, NETWORK, 1) == NOTHING
    assert host.left


def test_container_that_nobody_reaches(host: Host) -> None:
    # Its address is another machine's, from which nothing comes.
    host.container = host.container._replace(address="127.0.0.2", published=canary.PORT)
    reached = socket.create_server
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket, "create_server", lambda address: reached((HERE, address[1])))
        found = path_test.test({}, NETWORK, 1)
    assert found == {**NOTHING, "to_container": f"127.0.0.2:{canary.PORT}: Connection refused"}


def test_published_port_behind_which_is_something_else(host: Host) -> None:
    with socket.create_server((HERE, 0)) as other:
        host.container = host.container._replace(published=other.getsockname()[1])
        found = path_test.test({}, NETWORK, 1)
    assert found == {**NOTHING, "published": f"127.0.0.1:{host.container.published}: timed out"}


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A network with a DNS server that answers, and with one that does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    request, client = sock.recvfrom(512)
                    sock.sendto(request, client)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = sock.getsockname()[1]
        targets = [path_test._Target("127.0.0.9", port, True), path_test._Target(HERE, port, True)]
        monkeypatch.setattr(path_test, "_targets", lambda _network: targets)
        yield NETWORK


@pytest.mark.parametrize(("shut_in", "outward"), [(False, None), (True, f"the DNS server {HERE}")])
def test_what_the_host_reaches_the_container_must(
    host: Host, resolver: Any, shut_in: bool, outward: str | None
) -> None:
    host.shut_in = shut_in
    assert path_test.test({}, resolver, 1) == {**NOTHING, "outward": outward}


def test_what_the_host_does_not_reach_tells_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.shut_in = True
    silent = path_test._Target("127.0.0.9", free_port(), True)
    monkeypatch.setattr(path_test, "_targets", lambda _network: [silent])
    assert path_test.test({}, NETWORK, 1) == NOTHING


def test_machines_elsewhere_that_a_host_knows() -> None:
    network: Any = {
        "addresses": [{"interface": "host0", "address": "192.0.2.7/24"}],
        "resolvers": ["127.0.0.53", "192.0.2.7", "192.0.2.53", "fd00::53", "nonsense"],
        "routes": [
            {"destination": "default", "table": "main", "gateways": ["192.0.2.1", "fe80::1"]},
            {"destination": "default", "table": "77", "gateways": ["192.0.2.2"]},
        ],
    }
    assert list(map(str, path_test._targets(network))) == ["the DNS server 192.0.2.53", "the gateway 192.0.2.1"]


def test_refusal_of_a_gateway_is_an_answer() -> None:
    assert path_test._answers(path_test._Target(HERE, free_port(), False))


@pytest.mark.parametrize("failure", [ApiError("the plugin says no", 403), CanaryError("no room"), OSError("no sleep")])
def test_what_cannot_be_tried_is_told(host: Host, failure: Exception) -> None:
    host.failure = failure
    assert path_test.test({}, NETWORK, 1) == {**NOTHING, "obstacle": str(failure)}


def test_daemon_without_docker0_is_not_tried(host: Host) -> None:
    host.failure = AssertionError("it was")
    assert path_test.test({"bridge": "none"}, NETWORK, 1) is None
