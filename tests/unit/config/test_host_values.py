"""What a host has not, and what its daemon or a container would miss, is a reason to refuse; nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.host_values import (
    LEAST_SPACE,
    Disk,
    Surroundings,
    named_files,
    named_programs,
    problems,
)

LOCAL = Disk("/", "ext4", False, 50 * 2**30)


def on_disk(mount_point: str = "/srv", filesystem: str = "ext4", **more: Any) -> Surroundings:
    return Surroundings(
        disks={"/srv/docker": Disk(**{**vars(LOCAL), "mount_point": mount_point, "filesystem": filesystem, **more})}
    )


SYSLOG = {"log-driver": "syslog", "log-opts": {"syslog-address": "unix:///run/log.sock"}}
TLS = {"log-driver": "syslog", "log-opts": {"syslog-address": "tcp+tls://h", "syslog-tls-ca-cert": "/etc/ca.pem"}}
ROOT = {"data-root": "/srv/docker"}
RUNTIME = {"default-runtime": "x", "runtimes": {"x": {"path": "/nope"}, "y": {"path": "/other"}}}

REFUSED: list[tuple[dict[str, Any], Surroundings, str]] = [
    (RUNTIME, Surroundings(programs={"/nope": None}), "runtimes x, the default-runtime, path /nope: there is no such"),
    ({"init": True, "init-path": "/nope"}, Surroundings(programs={"/nope": None}), "init-path /nope"),
    ({"userland-proxy-path": "/nope"}, Surroundings(programs={"/nope": None}), "userland-proxy-path /nope"),
    (
        SYSLOG,
        Surroundings(files={"/run/log.sock": None}),
        "log-opts syslog-address /run/log.sock: there is no such socket",
    ),
    (TLS, Surroundings(files={"/etc/ca.pem": None}), "log-opts syslog-tls-ca-cert /etc/ca.pem: there is no such file"),
    (TLS, Surroundings(files={"/etc/ca.pem": "directory"}), "is no file"),
    ({"containerd": "/run/c.sock"}, Surroundings(files={"/run/c.sock": "file"}), "containerd /run/c.sock is no socket"),
    ({"group": "nosuch"}, Surroundings(groups={"nosuch": False}), "group nosuch: there is no such group"),
    (
        {"authorization-plugins": ["nope"]},
        Surroundings(plugins={"nope": "there is no such plugin on this host"}),
        "authorization-plugins nope: there is no such plugin on this host; start it first, or take it out",
    ),
    ({"seccomp-profile": "/p"}, Surroundings(profiles={"/p": "there is no such file"}), "seccomp-profile /p: there is"),
    (
        {"userns-remap": "x"},
        Surroundings(subordinate_ids={"x": "there is no such user"}),
        "userns-remap x: there is no",
    ),
    ({"bridge": "br0"}, Surroundings(links={"br0": None}), "bridge br0: there is no such interface"),
    ({"bridge": "eth0"}, Surroundings(links={"eth0": "other"}), "that is no bridge"),
    (
        {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 1048577}}},
        Surroundings(open_files=1048576),
        "Hard 1048577, and the kernel of this host allows 1048576 (fs.nr_open)",
    ),
    (
        {"default-ulimits": {"memlock": {"Name": "memlock", "Soft": -1, "Hard": -1}}},
        Surroundings(limits={"memlock": 8388608, "core": -1}),
        "memlock has Hard -1, and dockerd may set at most 8388608 on this host",
    ),
    (
        {"default-ulimits": {"nproc": {"Name": "nproc", "Soft": 1, "Hard": 96366}}},
        Surroundings(limits={"nproc": 96365}),
        "nproc has Hard 96366",
    ),
    ({"cgroup-parent": "/apps"}, Surroundings(), "cgroup-parent /apps: the cgroup driver of this host is systemd"),
    ({"cpu-rt-runtime": 950000}, Surroundings(), "cpu-rt-runtime: this host has cgroup v2"),
    (ROOT, on_disk(filesystem="nfs4"), "data-root /srv/docker: /srv is nfs4, on the network"),
    (ROOT, on_disk(filesystem="cifs"), "on the network"),
    (ROOT, on_disk(filesystem="fuse.sshfs"), "on the network"),
    (ROOT, on_disk("/tmp", "tmpfs"), "/tmp is tmpfs, in memory"),
    (ROOT, on_disk(filesystem="vfat"), "keeps no owners"),
    (ROOT, on_disk(read_only=True), "/srv is mounted read-only"),
    (ROOT, on_disk(free=LEAST_SPACE - 1), "/srv has 511 MiB free, and at least 512 are needed"),
    (ROOT, on_disk(is_directory=False), "no directory"),
]


@pytest.mark.parametrize(("config", "seen", "reason"), REFUSED)
def test_host_that_cannot_carry_it(config: dict[str, Any], seen: Surroundings, reason: str) -> None:
    (problem,) = problems(config, seen)
    assert reason in problem


CARRIED: list[tuple[dict[str, Any], Surroundings]] = [
    ({}, Surroundings()),
    (RUNTIME, Surroundings(programs={"/nope": "/nope"})),
    (SYSLOG, Surroundings(files={"/run/log.sock": "socket"})),
    (TLS, Surroundings(files={"/etc/ca.pem": "file"})),
    ({"group": "docker"}, Surroundings(groups={"docker": True})),
    ({"authorization-plugins": ["porter"]}, Surroundings(plugins={"porter": None})),
    ({"bridge": "br0"}, Surroundings(links={"br0": "bridge"})),
    ({"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 1048576}}}, Surroundings(open_files=1048576)),
    ({"default-ulimits": {"memlock": {"Name": "memlock", "Soft": -1, "Hard": -1}}}, Surroundings(open_files=1024)),
    (
        {
            "default-ulimits": {
                name: {"Name": name, "Soft": 0, "Hard": hard} for name, hard in (("core", -1), ("cpu", 10))
            }
        },
        Surroundings(limits={"core": -1, "cpu": 10}),
    ),
    ({"cgroup-parent": "apps.slice"}, Surroundings()),
    ({"cgroup-parent": "/apps"}, Surroundings(unified_cgroups=False)),
    ({"cgroup-parent": "/apps", "exec-opts": ["native.cgroupdriver=cgroupfs"]}, Surroundings()),
    ({"cpu-rt-runtime": 950000}, Surroundings(unified_cgroups=False)),
    (ROOT, on_disk(free=LEAST_SPACE)),
    *[(ROOT, on_disk(filesystem=name)) for name in ("ext4", "xfs", "btrfs", "zfs", "overlay", "fuseblk")],
]


@pytest.mark.parametrize(("config", "seen"), CARRIED)
def test_host_that_carries_it(config: dict[str, Any], seen: Surroundings) -> None:
    assert problems(config, seen) == []


def test_only_what_is_used_is_looked_for() -> None:
    """A runtime that is not the default can come later; without the proxy or an init nobody needs the program."""
    assert set(named_programs(RUNTIME)) == {"/nope"}
    assert named_programs({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}) == {}
    assert named_programs({"init-path": "/nope", "userland-proxy": False, "userland-proxy-path": "/nope"}) == {}
    assert named_programs({"default-runtime": "x", "runtimes": {"x": {"runtimeType": "io.containerd.x.v1"}}}) == {}
    assert named_files({"log-driver": "local", "log-opts": {"syslog-tls-cert": "/x"}}) == {}
    assert named_files({"log-driver": "syslog", "log-opts": {"syslog-address": "udp://h"}}) == {}
