"""A host with the hardened profile, a registry of its own, and a timer that prunes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
import reach
from conftest import Daemon

NAME = "trixie"
REGISTRY = "registry.example.com:5443"
TIMER, SERVICE = "mooring-prune.timer", "mooring-prune.service"
# What answers a pull is no registry, and that is what dockerd says where it trusts it.
SERVE = (
    "import http.server, ssl; s = http.server.HTTPServer(('', 5443), http.server.BaseHTTPRequestHandler); "
    "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); "
    "c.load_cert_chain('/run/registry/cert.pem', '/run/registry/key.pem'); "
    "s.socket = c.wrap_socket(s.socket, server_side=True); s.serve_forever()"
)


@pytest.fixture(scope="module")
def daemon() -> Daemon:
    """A daemon that keeps nothing, as on a new host."""
    found = Daemon(NAME)
    found.host.run_expect([0], "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force")
    found.host.run_expect([0], "docker system prune --all --force --volumes")
    return found


@pytest.fixture(scope="module")
def authority(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The authority, as PEM, of a registry that runs on the host, beside its loopback addresses."""
    directory = tmp_path_factory.mktemp("registry")
    issuer = forge.Authority(directory / "ca")
    pair = issuer.issue("registry", forge.SERVER, names=[REGISTRY.partition(":")[0]])
    address = reach.declared(NAME)["address"]
    put = [f"echo {shlex.quote(Path(file).read_text())} > /run/registry/{Path(file).name}" for file in pair]
    daemon.host.run_expect(
        [0],
        f"mkdir -p /run/registry; {'; '.join(put)}; echo {address} registry.example.com >> /etc/hosts;"
        f" systemd-run --quiet --unit registry python3 -c {shlex.quote(SERVE)};"
        f" timeout 30 bash -c 'until : < /dev/tcp/{address}/5443; do sleep 0.1; done'",
    )
    yield Path(issuer.ca).read_text()
    daemon.host.run("systemctl stop registry; rm -r /run/registry; sed -i /registry.example.com/d /etc/hosts")


@pytest.fixture(scope="module")
def hardened(daemon: Daemon, authority: str) -> Iterator[dict[str, Any]]:
    """The declaration, with which the host has converged."""
    declared = {
        "docker_engine_profile": "hardened",
        "docker_engine_registry_certificates": {REGISTRY: {"ca": authority}},
        "docker_engine_prune": {"schedule": "Sun 03:00", "filters": ["label!=keep"]},
    }
    assert "unknown authority" in _pull(daemon)
    done = reach.run(limit=NAME, **declared)
    assert done.status == 0, done.failures or done.output
    yield declared
    assert reach.run(limit=NAME).status == 0
    assert daemon.host.run(f"systemctl cat {TIMER}").rc != 0
    assert not daemon.host.file(f"/etc/docker/certs.d/{REGISTRY}").exists


def _pull(daemon: Daemon) -> str:
    """What docker says of it. dockerd looks into /etc/hosts again after some seconds."""
    script = (
        f"for _ in $(seq 15); do said=$(docker pull {REGISTRY}/nothing 2>&1); "
        'case $said in *"no such host"*) sleep 1 ;; *) break ;; esac; done; echo "$said"'
    )
    return str(daemon.host.check_output(script))


def _findings(*tags: str, **variables: Any) -> list[str]:
    """The findings of verification by their names."""
    done = reach.findings(reach.command("verify", limit=NAME, tags=",".join(tags), **variables))
    return re.findall(rf"^{NAME}: \w+ (\S+): ", done.stdout, re.MULTILINE)


def test_a_second_run_changes_nothing(hardened: dict[str, Any]) -> None:
    assert reach.run(limit=NAME, **hardened).changed == {NAME: 0}


def test_containers_run_confined(daemon: Daemon, hardened: dict[str, Any]) -> None:
    daemon.host.run_expect([0], "tar -C / -c bin/busybox | docker import - busybox:lab")
    status = reach.in_container(daemon.host, "busybox:lab", "/bin/busybox cat /proc/self/status")
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    # Root there is nobody here.
    mapped = reach.in_container(daemon.host, "busybox:lab", "/bin/busybox cat /proc/self/uid_map").split()
    assert (mapped[0], int(mapped[1]) > 0) == ("0", True)
    limit = reach.in_container(daemon.host, "busybox:lab", "/bin/busybox sh -c 'ulimit -n'")
    assert limit == "16384"
    assert daemon.info()["LoggingDriver"] == "journald"


def test_verification_finds_nothing_but_the_authorization_plugin(hardened: dict[str, Any]) -> None:
    assert _findings("cis", "engine", "configuration", **hardened) == ["cis.2.12"]


def test_a_registry_is_trusted_without_a_restart(daemon: Daemon, hardened: dict[str, Any]) -> None:
    assert "unknown authority" not in _pull(daemon)
    before = daemon.pid
    changed = {**hardened, "docker_engine_registry_certificates": {}}
    done = reach.run(limit=NAME, **changed)
    assert set(done.steps[NAME]) == {"host_files"}
    assert "unknown authority" in _pull(daemon)
    assert daemon.pid == before


def test_the_timer_removes_what_is_not_used_and_not_kept(daemon: Daemon, hardened: dict[str, Any]) -> None:
    host = daemon.host
    host.run_expect([0], "docker create --name gone busybox:lab /bin/busybox true")
    host.run_expect([0], "docker create --name kept --label keep busybox:lab /bin/busybox true")
    host.run_expect([0], "docker volume create data")
    assert host.check_output(f"systemctl is-active {TIMER}; systemctl is-enabled {TIMER}") == "active\nenabled"
    host.run_expect([0], f"systemctl start {SERVICE}")
    assert host.check_output("docker ps --all --format '{{.Names}}'") == "kept"
    assert host.check_output("docker volume ls --quiet") == "data"
    host.run_expect([0], f"docker rm kept; docker volume rm data; systemctl stop {TIMER}")
    assert _findings("engine", **hardened) == ["engine.prune_timer"]
