"""The engine is there, runs, and listens where it was declared and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

EXPECTED_ENGINE = {"bookworm": "20.10", "trixie": "26.1", "forky": "28."}


def test_engine_and_cli_are_of_one_release(host: Any, managed: Any, name: str) -> None:
    engine = managed.ansible("mooring.docker.host_info", check=False)["host"]["engine"]
    release = EXPECTED_ENGINE[name]
    assert engine["version"].startswith(release)
    assert engine["cli_version"].startswith(release)
    assert float(engine["api_version"]) >= 1.41
    host.run_expect([0], "docker info")


def test_service_runs_now_and_after_a_boot(host: Any) -> None:
    service = host.service("docker")
    assert service.is_running, host.check_output("journalctl -u docker -n 30 --no-pager")
    assert service.is_enabled


def test_socket_has_the_declared_owner_group_and_mode(host: Any) -> None:
    socket = host.file("/run/docker.sock")
    assert socket.is_socket
    assert (socket.user, socket.group, socket.mode) == ("root", "docker", 0o660)


def test_daemon_listens_on_the_declared_endpoints_and_no_other(managed: Any, declared: dict[str, Any]) -> None:
    observed = managed.ansible("mooring.docker.host_info", check=False)["host"]["listening"]
    wanted = sorted(url.replace("0.0.0.0", "[::]") for url in declared["endpoints"])
    assert sorted(url.replace("0.0.0.0", "[::]") for url in observed if "metrics" not in url) == wanted


def test_command_line_names_no_host(host: Any) -> None:
    command = host.check_output("tr '\\0' ' ' < /proc/$(pidof dockerd)/cmdline")
    assert " -H " not in command
    assert "--containerd=" in command


def test_nothing_waits_to_be_applied(managed: Any) -> None:
    assert managed.ansible("mooring.docker.host_info", check=False)["host"]["configuration"]["pending"] == {
        "action": "nothing",
        "keys": [],
        "reasons": [],
    }


@pytest.mark.parametrize("network", ["bridge", "host", "none"])
def test_docker_has_its_own_networks(managed: Any, network: str) -> None:
    networks = managed.ansible("mooring.docker.bridge_info", check=False)["networks"]
    assert network in [one["name"] for one in networks]


def test_private_keys_are_roots_alone(host: Any, declared: dict[str, Any]) -> None:
    key = host.file("/etc/docker/tls/server/key.pem")
    if not any(url.startswith("tcp") for url in declared["endpoints"]):
        assert not key.exists
        return
    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
