"""Hosts of the lab to measure on, all alike, and their inventories."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab import connections, identity

from .commands import BenchmarkError

PROJECT = Path(__file__).resolve().parents[2]
PLACE = PROJECT / ".cache" / "benchmark"
"""Always the same directory, so that the next benchmark finds the hosts of one that was killed."""
_PEER_OFFSET = 100
_COMMON = {
    "docker_engine_endpoints": ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"],
    "docker_network_networks": [{"name": "backend", "ranges": [{"subnet": "172.30.8.0/24"}]}],
}
# The daemon's process, and what it was told.
_STATE = "systemctl show --property MainPID --value docker; cat /etc/docker/daemon.json | sha256sum"


class Fleet:
    """So many hosts, and as many for a peer's playbook where there is one."""

    def __init__(self, size: int, with_peer: bool) -> None:
        self.size = size
        self.hosts = {f"bench-{number:02}": number + 1 for number in range(1, size + 1)}
        self._peers = (
            {f"peer-{number:02}": number + 1 + _PEER_OFFSET for number in range(1, size + 1)} if with_peer else {}
        )
        self._everything = PLACE / "everything.json"
        self.inventory = PLACE / "fleet.json"
        self.peer_inventory = PLACE / "peers.json"
        self._lab = identity.identify(self.inventory, os.environ)
        self._label, self._log_size = 0, 10

    def write(self) -> None:
        """Write the inventories, with how the lab's hosts are reached as in inventory/lab."""
        variables = PLACE / "group_vars"
        variables.unlink(missing_ok=True)
        variables.symlink_to(PROJECT / "inventory" / "lab" / "group_vars")
        options = {
            "labels": [f"benchmark={self._label}"],
            "log-driver": "json-file",
            "log-opts": {"max-size": f"{self._log_size}m"},
        }
        _inventory(self.inventory, self.hosts, {**_COMMON, "docker_engine_options": options})
        _inventory(self.peer_inventory, self._peers, {})
        _inventory(self._everything, {**self.hosts, **self._peers}, {})

    def declare_reloadable_change(self) -> None:
        """Declare another label, which a reload applies."""
        self._label += 1
        self.write()

    def declare_restart(self) -> None:
        """Declare another size of logs, which only a restart applies."""
        self._log_size += 1
        self.write()

    def boot_bare(self) -> None:
        """Boot all hosts as they come from the base image, without authorities on the controller."""
        self.remove()
        self.write()
        _lab("up", self._everything)
        for address in self.addresses.values():
            # A host that is still busy with its boot would be measured, too. Its status does not matter ("degraded").
            self._ssh(address, "systemctl is-system-running --wait", check=False)

    def remove(self) -> None:
        """Remove all hosts, also those that a killed benchmark has left."""
        _lab("down", self.inventory)

    def disconnect(self) -> None:
        """Let the next run connect anew, as an operator's first run of the day."""
        connections.close(self._lab)

    @property
    def addresses(self) -> dict[str, str]:
        """Those of all hosts, by name."""
        return {name: str(self._lab.address(octet)) for name, octet in {**self.hosts, **self._peers}.items()}

    def login(self, ssh: str = "ssh") -> list[str]:
        """The words by which ``ssh`` logs in, up to the address."""
        known = self._lab.ssh / "known_hosts"
        return [
            *(ssh, "-F", "none", "-i", str(self._lab.ssh / "id_ed25519"), "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "ControlPath=none"),
            *("-l", "admin"),
        ]

    def states(self) -> dict[str, list[str]]:
        """The number of the daemon's process and the digest of daemon.json of each of our hosts."""
        return {name: self._ssh(self.addresses[name], _STATE).split()[:2] for name in self.hosts}

    def expect_tls(self) -> None:
        """Raise BenchmarkError unless all our hosts speak TLS at 2376 and want a client's certificate."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for name in self.hosts:
            try:
                with (
                    socket.create_connection((self.addresses[name], 2376), 10) as connection,
                    context.wrap_socket(connection) as session,
                ):
                    session.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    answer = session.recv(256)
            except ssl.SSLError as error:
                if "CERTIFICATE_REQUIRED" in str(error) or "BAD_CERTIFICATE" in str(error):
                    continue
                raise BenchmarkError(f"{name} does not speak TLS: {error}") from None
            except OSError as error:
                raise BenchmarkError(f"{name} has no TLS endpoint: {error}") from None
            raise BenchmarkError(f"{name} let in a client without a certificate: {answer!r}")

    def _ssh(self, address: str, command: str, check: bool = True) -> str:
        words = [*self.login(), address, f"sudo sh -c '{command}'"]
        try:
            return subprocess.run(words, capture_output=True, text=True, check=check, timeout=120).stdout
        except subprocess.SubprocessError as error:
            raise BenchmarkError(f"{address}: {error}") from None


@contextlib.contextmanager
def temporary(size: int, with_peer: bool) -> Iterator[Fleet]:
    """Hosts to boot, of which nothing is left at the end, however it ends."""
    fleet = Fleet(size, with_peer)
    try:
        yield fleet
    finally:
        fleet.remove()


def _inventory(file: Path, hosts: Mapping[str, int], variables: Mapping[str, Any]) -> None:
    """Write an inventory of hosts, each with the last part of its address, and variables of all of them.

    Operators name no interpreter, so Ansible discovers it here too, unlike on the hosts of inventory/lab.
    """
    common = {"lab_suite": "trixie", "ansible_python_interpreter": "auto_silent"}
    listed = {name: {**common, "lab_address": octet} for name, octet in hosts.items()}
    file.write_text(json.dumps({"docker_hosts": {"hosts": listed, "vars": variables}}, indent=2), encoding="utf-8")


def _lab(command: str, inventory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", command, str(inventory)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"`python -m lab {command}` failed:\n{done.stdout}")
