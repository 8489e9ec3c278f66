"""Machines become clients: the real CLI and the SDK for Python run containers on the fleet by contexts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest
import reach
from clients import HOSTS, Client, listed

ECHO = ["/bin/busybox", "echo", "moored"]
FILES = {"certificate": "cert", "key": "key", "ca": "ca"}
NEIGHBOUR = "bookworm"
"""The host of the lab that is a client of the others."""

# The SDK of that host's distribution, which knows no contexts: the same files by hand.
SDK = """
import docker
files = "/root/.docker/lab/"
tls = docker.tls.TLSConfig(client_cert=(files + "cert.pem", files + "key.pem"), ca_cert=files + "ca.pem", verify=True)
client = docker.DockerClient(base_url="https://{address}:2376", tls=tls)
print(client.containers.run("busybox:lab", ["/bin/busybox", "echo", "moored"], remove=True).decode())
"""


@pytest.fixture(scope="module")
def neighbour(client: Client) -> Any:
    """Another machine as a client, with a key of its own."""
    assert client.join(NEIGHBOUR).status == 0
    return reach.over_ssh(NEIGHBOUR)


def test_second_run_changes_nothing(client: Client, neighbour: Any) -> None:
    # The daemons' hosts are there too, for their SSH keys.
    assert client.join(NEIGHBOUR).changed == dict.fromkeys(["localhost", *HOSTS], 0)


@pytest.mark.parametrize("name", HOSTS)
def test_cli_here(client: Client, name: str) -> None:
    done = client.docker("--context", name, "run", "--rm", "busybox:lab", *ECHO)
    assert done.stdout.strip() == "moored", done.stderr


@pytest.mark.parametrize("name", HOSTS)
def test_sdk_here(client: Client, name: str, own_bundle: None) -> None:
    context = docker.ContextAPI.get_context(name)
    engine = docker.DockerClient(base_url=context.Host, tls=context.TLSConfig)
    assert engine.info()["Name"] == name
    assert engine.containers.run("busybox:lab", ECHO, remove=True).decode().strip() == "moored"


@pytest.mark.parametrize("name", [name for name in HOSTS if name != NEIGHBOUR])
def test_cli_and_sdk_on_another_host(neighbour: Any, name: str) -> None:
    line = f"docker --context {name} run --rm busybox:lab {' '.join(ECHO)}"
    assert neighbour.check_output(line) == "moored"
    neighbour.run_expect([0], "dpkg -s python3-docker || apt-get install -qq --no-install-recommends python3-docker")
    script = SDK.format(address=reach.declared(name)["address"])
    assert neighbour.check_output("python3 -c %s", script) == "moored"


def test_keys_stay_where_they_are_used(client: Client, neighbour: Any) -> None:
    """Each client has a key of its own, readable by its user alone, once."""
    key = neighbour.file("/root/.docker/lab/client/key.pem")
    assert (key.user, key.group, key.mode) == ("root", "root", 0o600)
    mine = client.directory / "client" / "key.pem"
    assert mine.stat().st_mode & 0o777 == 0o600
    assert mine.read_text() != key.content_string
    assert [place.is_symlink() for place in client.of_contexts("key.pem")] == [True] * len(HOSTS)
    for name in HOSTS:
        server = reach.over_ssh(name).file("/etc/docker/tls/server/key.pem")
        assert (server.user, server.group, server.mode) == ("root", "root", 0o600)
        # A directory of pairs has one pair.
        found = reach.over_ssh(name).check_output("find /etc/docker /root /home /tmp -xdev -name 'key.pem' -type f")
        assert len(found.split()) == (2 if name == NEIGHBOUR else 1)


def test_a_context_of_somebody_else_is_left_alone(client: Client, tmp_path: Path) -> None:
    other = Client(tmp_path)
    assert other.docker("context", "create", "trixie", "--docker", "host=tcp://192.0.2.1:2376").returncode == 0
    refused = other.join()
    assert refused.status != 0
    assert "a context trixie that Mooring has not made" in refused.failures["localhost"]
    assert "192.0.2.1" in other.docker("context", "inspect", "trixie").stdout
    index = Path(reach.declared("trixie")["state"]) / "pki/issued/clients"
    assert (index / f"{client.directory.name}.pem").exists()
    assert not list(index.glob(f"{tmp_path.name}.pem*"))


def test_certificate_from_elsewhere(client: Client, tmp_path: Path) -> None:
    """Somebody else issues it: no authority and no passphrase is needed here, and a wrong file is refused by name."""
    other = Client(tmp_path / "other")
    provided = {name: str(client.directory / f"{file}.pem") for name, file in FILES.items()}
    elsewhere = {"docker_client_ca_directory": str(tmp_path / "nowhere"), "docker_client_ca_passphrase": ""}
    server = {**provided, "certificate": str(tmp_path / "server.pem")}
    Path(server["certificate"]).write_text(
        reach.over_ssh("trixie").file("/etc/docker/tls/server/cert.pem").content_string
    )
    refused = other.join(docker_client_provided_certificate=server, **elsewhere)
    assert f"{server['certificate']}: it is not for clients" in refused.failures["localhost"]
    assert other.docker("context", "ls", "--quiet").stdout.split() == ["default"]

    assert other.join(docker_client_provided_certificate=provided, **elsewhere).status == 0
    done = other.docker("--context", "trixie", "version", "--format", "{{.Server.Os}}")
    assert done.stdout.strip() == "linux", done.stderr
    assert not (other.directory / "client").exists()


def test_a_name_belongs_to_one_machine(client: Client, tmp_path: Path) -> None:
    """Of two operators who are both called root the second is refused, unless it says that it is the first."""
    index = Path(reach.declared("trixie")["state"]) / "pki/issued/clients"
    first, second = Client(tmp_path / "a" / "twin"), Client(tmp_path / "b" / "twin")
    try:
        assert first.join().status == 0
        entered = (index / "twin.pem").read_text()
        # As a run leaves it that is cut when the machine has the certificate and the index does not know.
        (index / "twin.pem").rename(index / "twin.pem.next")
        assert first.join().changed["localhost"] == 1
        assert (index / "twin.pem").read_text() == entered

        refused = second.join()
        assert refused.status != 0
        assert "another machine has the certificate of that name" in refused.failures["localhost"]
        assert not second.directory.exists()
        assert (index / "twin.pem").read_text() == entered

        assert second.join(docker_client_replace=True).status == 0
        assert [line.partition(" twin ")[2].split()[0] for line in listed() if " twin " in line] == [
            "current",
            "superseded",
        ]
        # That is what superseded means.
        for twin in (first, second):
            done = twin.docker("--context", "trixie", "version", "--format", "{{.Server.Os}}")
            assert done.stdout.strip() == "linux", done.stderr
    finally:
        for path in index.glob("twin.pem*"):
            path.unlink()
