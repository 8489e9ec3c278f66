"""What the lab's releases of Debian have, and what only shows in a daemon's process and files."""

from __future__ import annotations

from typing import Any

from dockerd_help import differences

EXPECTED_ENGINE = {"bookworm": "20.10", "trixie": "26.1", "forky": "28."}


def test_engine_is_of_the_release(host: Any, name: str) -> None:
    assert host.check_output("docker version --format '{{.Server.Version}}'").startswith(EXPECTED_ENGINE[name])


def test_options_of_the_engine_are_those_of_the_table(host: Any) -> None:
    """Each flag of this dockerd has its row for this version, and each row its flag."""
    major, minor = host.check_output("docker version --format '{{.Server.Version}}'").split(".")[:2]
    found = differences(host.check_output("dockerd --help"), (int(major), int(minor)))
    assert found == {"unknown to the table": set(), "unknown to the engine": set()}


def test_command_line_names_no_host(host: Any) -> None:
    command = host.check_output("tr '\\0' ' ' < /proc/$(pidof dockerd)/cmdline")
    assert " -H " not in command
    assert "--containerd=" in command


def test_key_is_only_where_tls_is(host: Any, declared: dict[str, Any]) -> None:
    has_tls = any(url.startswith("tcp") for url in declared["endpoints"])
    assert host.file("/etc/docker/tls/server/key.pem").exists == has_tls
