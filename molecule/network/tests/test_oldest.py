"""The oldest Debian that Mooring takes becomes a Docker host, by its own engine, Python, systemd, nft and sshd."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import reach
import testinfra

NAME = "bullseye"
OLDEST = reach.PROJECT / "molecule/network/oldest"


@pytest.fixture(scope="module")
def host() -> Iterator[Any]:
    """The host, bare; its lab has a network of its own."""
    lab = ["python", "-m", "lab"]
    try:
        subprocess.run([*lab, "up", str(OLDEST)], cwd=reach.PROJECT, check=True)
        yield testinfra.get_host(f"ansible://{NAME}", ansible_inventory=str(OLDEST), force_ansible=True)
    finally:
        subprocess.run([*lab, "down", str(OLDEST)], cwd=reach.PROJECT, check=True)


def test_it_is_provisioned_once_and_verified_and_becomes_a_client(host: Any) -> None:
    done = reach.run(inventory=OLDEST)
    assert done.status == 0, done.failures or done.output
    steps = {"packages", "sysctls", "ssh_access", "endpoint_filter", "certificate", "configuration", "socket_group"}
    assert set(done.steps[NAME]) == {*steps, "apply", "networks"}
    seen = host.ansible("mooring.docker.host_info")["host"]
    assert (seen["engine"]["version"].partition("+")[0], seen["system"]["distribution_version"]) == ("20.10.5", "11")
    assert seen["system"]["python"].startswith("3.9.")
    again = reach.run(inventory=OLDEST)
    assert (again.status, again.changed, again.steps) == (0, {NAME: 0}, {NAME: {}}), again.output
    verified = reach.run("verify", inventory=OLDEST)
    assert (verified.status, verified.failures) == (0, {}), verified.failures
    assert reach.run("client", inventory=OLDEST, clients=NAME).status == 0
    # Both tell their version, the server over TLS.
    assert host.check_output(f"docker --context {NAME} version").count("20.10.5") == 2
