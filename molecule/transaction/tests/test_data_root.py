"""What the engine has moves to another data root whole or not at all, and no daemon starts without it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import reach
from conftest import THOROUGH, Daemon

NAME = "trixie"
OLD, NEW = "/var/lib/docker", "/srv/disk/docker"
MOVE = {"limit": NAME, "docker_engine_data_root": NEW, "docker_engine_data_root_change": "move"}
BACK = {"limit": NAME, "docker_engine_data_root_change": "move"}
RUN = (
    "docker volume create precious; docker run --detach --name web --publish 3000:3000 --volume precious:/data"
    " busybox:lab /bin/busybox sh -c '/bin/busybox echo kept > /data/x; /bin/busybox echo here > /layer;"
    " /bin/busybox dd if=/dev/urandom of=/data/big bs=1M count=300; exec /bin/busybox sleep 100000';"
    " docker run --detach --name other busybox:lab /bin/busybox sleep 100000"
)
WRITTEN = "docker exec web /bin/busybox cat /data/x /layer"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """A host whose engine has a volume, an image, and containers that run."""
    found = Daemon(NAME)
    host = found.host
    clear = "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force; docker volume rm --force precious"
    host.run(clear)
    assert reach.run(limit=NAME).status == 0
    host.run_expect([0], "docker image inspect busybox:lab || tar -C / -c bin/busybox | docker import - busybox:lab")
    host.run_expect([0], RUN)
    host.run_expect([0], "mkdir /srv/disk")
    yield found
    host.run(f"rm -r /srv/disk; {clear}")


def _root(daemon: Daemon) -> str:
    return str(daemon.info()["DockerRootDir"])


def _as_before(daemon: Daemon, root: str) -> None:
    """The daemon has this data root, with all that it had."""
    assert _root(daemon) == root
    assert daemon.host.check_output(WRITTEN).split() == ["kept", "here"]
    names = daemon.host.check_output("docker ps --format '{{.Names}}'").split()
    assert sorted(names) == ["other", "web"]
    assert daemon.host.check_output("docker image ls --quiet busybox:lab")
    assert daemon.host.check_output("ls /srv/disk") in ("", "docker")


def test_without_permission_nothing_moves(daemon: Daemon) -> None:
    before = daemon.files()
    done = reach.run(limit=NAME, docker_engine_options={"data-root": NEW})
    for words in ("2 containers, 1 image, 1 volume", f"there in {OLD}", "docker_engine_data_root_change: move", "MiB"):
        assert words in done.failures[NAME]
    assert daemon.files() == before
    _as_before(daemon, OLD)


def test_data_do_not_move_where_they_would_be_lost(daemon: Daemon) -> None:
    before = daemon.files()
    done = reach.run(**{**MOVE, "docker_engine_data_root": "/run/docker-data"})
    assert "in memory, which loses all images" in done.failures[NAME]
    assert daemon.files() == before


_HALT = f"""
for _ in $(seq 3000); do
    test -e {NEW}.mooring-part && kill -STOP $(pidof cp) && exit 0
    sleep 0.01
done
exit 1
"""
"""Lets the copy go no further than it is."""
_KILL = """
for process in /proc/[0-9]*; do
    ! readlink $process/fd/* 2> /dev/null | grep --quiet mooring-docker.lock || kill -9 ${process#/proc/}
done
kill -9 $(pidof cp)
"""
"""Ends the run's process on the host, and what it has started."""


@pytest.mark.parametrize("boots", [False, True] if THOROUGH else [False])
def test_run_that_is_killed_in_the_middle_of_the_copy_is_finished(daemon: Daemon, boots: bool) -> None:
    run = reach.start(reach.command(**MOVE))
    daemon.host.run_expect([0], _HALT)
    if boots:
        reach.pull_the_plug(NAME)
    else:
        daemon.host.run(_KILL)
    reach.kill(run)
    assert daemon.host.check_output(f"readlink {NEW}") == OLD
    assert daemon.host.run(f"test -e {NEW}.mooring-part").rc == 0
    if boots:
        deadline = time.monotonic() + 60
        while daemon.host.run("docker info").rc and time.monotonic() < deadline:
            time.sleep(0.5)
        # Whatever starts the daemon, it has what it had.
        assert daemon.host.check_output("docker image ls --quiet busybox:lab")
        assert daemon.host.check_output("docker volume ls --quiet") == "precious"
    done = reach.run(**MOVE)
    assert done.status == 0, done.failures
    assert f"the data in {OLD} move to {NEW}" in done.steps[NAME]["apply"]
    _as_before(daemon, NEW)
    assert reach.run(**MOVE).changed == {NAME: 0}
    verified = reach.run("verify", **MOVE)
    assert (
        f"warning configuration.old_data_root: expected: the data root has all that the engine keeps; found: {OLD}"
        in (verified.output)
    )
    # And back again, where the old one is in the way until somebody has removed it.
    refused = reach.run(**BACK)
    assert f"there is something in {OLD} already: move it away or remove it" in refused.failures[NAME]
    daemon.host.run_expect([0], f"rm -r {OLD}")
    done = reach.run(**BACK)
    assert done.status == 0, done.failures
    _as_before(daemon, OLD)
    daemon.host.run_expect([0], f"rm -r {NEW}")


def test_daemon_that_does_not_start_there_is_back_with_its_data(daemon: Daemon) -> None:
    drop_in = "/run/systemd/system/docker.service.d/break.conf"
    broken = f"[Service]\nExecStartPre=/bin/sh -c 'test -L {NEW} || ! grep {NEW} /etc/docker/daemon.json'\n"
    daemon.host.run_expect(
        [0], "mkdir -p /run/systemd/system/docker.service.d && printf %s %s > %s", "%s", broken, drop_in
    )
    try:
        done = reach.run(**MOVE)
    finally:
        daemon.host.run_expect([0], f"rm {drop_in}; systemctl daemon-reload")
    assert "The last good state is back and the daemon answers" in done.failures[NAME]
    _as_before(daemon, OLD)
    assert daemon.host.check_output("ls /srv/disk") == ""
