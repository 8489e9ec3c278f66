"""What the running daemon shows, and what only its configuration says."""

from __future__ import annotations

from typing import Any

from ansible_collections.mooring.docker.plugins.module_utils._engine.settings import flags, settings

INFO: dict[str, Any] = {
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "old.example.com": {"Secure": False}},
    },
    "Plugins": {"Authorization": None},
    "LoggingDriver": "json-file",
    "LiveRestoreEnabled": True,
    "ExperimentalBuild": False,
    "Driver": "overlay2",
}


def test_defaults_of_dockerd_are_told() -> None:
    found = settings({}, INFO)
    assert found["userland-proxy"] is True
    assert found["iptables"] is True
    assert found["seccomp-profile"] == "builtin"
    assert found["userns-remap"] is False
    assert found["no-new-privileges"] is False
    assert found["authorization-plugins"] == []
    assert found["insecure-registries"] == ["127.0.0.0/8", "old.example.com"]


def test_configuration_counts_where_the_daemon_shows_nothing() -> None:
    found = settings({"userland-proxy": False, "no-new-privileges": True, "log-driver": "syslog"}, INFO)
    assert found["userland-proxy"] is False
    assert found["no-new-privileges"] is True
    # It runs with another, whatever is written.
    assert found["log-driver"] == "json-file"


def test_daemon_without_a_seccomp_profile_shows_none() -> None:
    assert settings({}, {**INFO, "SecurityOptions": ["name=userns"]})["seccomp-profile"] is None


def test_nothing_else_of_the_configuration_is_told() -> None:
    found = settings({"proxies": {"http-proxy": "http://user:secret@proxy"}, "log-opts": {"token": "secret"}}, INFO)
    assert "secret" not in str(found)


def test_switches_of_the_command_line_count() -> None:
    command = [
        "/usr/sbin/dockerd",
        "-H",
        "fd://",
        "--iptables=false",
        "--userland-proxy=false",
        "--ip6tables",
        "--debug",
    ]
    assert flags(command, []) == {"iptables": False, "userland-proxy": False, "ip6tables": True}
    assert flags(["dockerd"], ["PATH=/bin", "DOCKER_INSECURE_NO_IPTABLES_RAW=1"]) == {"allow-direct-routing": True}
    assert flags([], []) == {}
