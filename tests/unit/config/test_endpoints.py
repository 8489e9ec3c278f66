"""Endpoints are read as Docker writes them, and open doors are refused."""

from __future__ import annotations

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.endpoints import (
    EndpointError,
    daemon_hosts,
    parse,
    problems,
    socket_paths,
    without_metrics,
)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:2375", "no known scheme"),
        ("/run/docker.sock", "no known scheme"),
        ("unix://run/docker.sock", "relative path"),
        ("unix:///run/a b.sock", "white space"),
        ("tcp://:2376", "no address"),
        ("tcp://0.0.0.0", "address and a port"),
        ("tcp://0.0.0.0:0", "bad port"),
        ("tcp://0.0.0.0:65536", "bad port"),
        ("tcp://0.0.0.0:99999", "bad port"),
        ("tcp://300.0.0.1:2376", "bad IPv4"),
        ("tcp://[::zz]:2376", "bad IPv6"),
        ("fd://3", "fd:// alone"),
    ],
)
def test_malformed_endpoint_is_refused(url: str, reason: str) -> None:
    with pytest.raises(EndpointError, match=reason):
        parse(url)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [("tcp://127.0.0.1:2375", True), ("tcp://[::1]:2375", True), ("tcp://localhost:2375", True),
     ("tcp://192.168.0.2:2376", False), ("tcp://[fd00::2]:2376", False),
     ("tcp://0.0.0.0:2376", False), ("tcp://[::]:2376", False), ("tcp://docker.example:2376", False)],
)  # fmt: skip
def test_loopback_is_told_from_the_world(url: str, loopback: bool) -> None:
    assert parse(url).is_loopback is loopback


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.168.0.2", "docker.example"])
def test_world_without_tls_is_refused_whatever_else_is_allowed(address: str) -> None:
    found = problems(["fd://", f"tcp://{address}:2375"], tls=False, plaintext_loopback=True)
    assert "root on the host" in "; ".join(found)


def test_loopback_without_tls_needs_a_word() -> None:
    urls = ["fd://", "tcp://127.0.0.1:2375"]
    assert problems(urls, tls=False, plaintext_loopback=False)
    assert problems(urls, tls=False, plaintext_loopback=True) == []


def test_daemon_without_a_local_socket_is_refused() -> None:
    assert "local socket" in "; ".join(problems(["tcp://0.0.0.0:2376"], tls=True, plaintext_loopback=False))


def test_same_socket_by_two_names_is_refused() -> None:
    urls = ["unix:///run/docker.sock", "unix:///var/run/docker.sock"]
    assert "twice" in "; ".join(problems(urls, tls=True, plaintext_loopback=False))


@pytest.mark.parametrize(
    ("urls", "hosts", "paths"),
    [
        (["unix:///run/docker.sock"], ["fd://"], ["/run/docker.sock"]),
        (["fd://", "tcp://0.0.0.0:2376"], ["fd://", "tcp://0.0.0.0:2376"], []),
        (["fd://", "unix:///srv/a.sock"], ["fd://"], ["/srv/a.sock", "/run/docker.sock"]),
        (["unix:///var/run/docker.sock"], ["fd://"], ["/run/docker.sock"]),
    ],
)
def test_systemd_opens_the_sockets_and_dockerd_the_rest(urls: list[str], hosts: list[str], paths: list[str]) -> None:
    assert daemon_hosts(urls) == hosts
    assert socket_paths(urls) == paths


@pytest.mark.parametrize("metrics", ["127.0.0.1:9323", "localhost:9323", ":9323"])
def test_metrics_are_no_endpoint_of_the_api(metrics: str) -> None:
    api = ["tcp://0.0.0.0:2376", "unix:///run/docker.sock"]
    assert without_metrics(["tcp://127.0.0.1:9323", *api], metrics) == api


def test_an_endpoint_that_nobody_declared_is_none_of_metrics() -> None:
    listening = ["tcp://0.0.0.0:2375", "unix:///run/docker.sock"]
    assert without_metrics(listening, None) == without_metrics(listening, "127.0.0.1:9323") == listening
