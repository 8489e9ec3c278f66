"""The drop-in takes out -H, and only that, whatever unit is installed."""

from __future__ import annotations

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import units

DEBIAN = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (DEBIAN, "/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"),
        ("/usr/bin/dockerd -H fd://", "/usr/bin/dockerd"),
        ("/usr/bin/dockerd --host=fd:// --host tcp://0.0.0.0:1 -D", "/usr/bin/dockerd -D"),
        ("/usr/bin/dockerd -Hfd:// --debug", "/usr/bin/dockerd --debug"),
        ("/usr/bin/dockerd --host-gateway-ip 10.0.0.1", "/usr/bin/dockerd --host-gateway-ip 10.0.0.1"),
    ],
)
def test_only_the_host_flag_goes(command: str, wanted: str) -> None:
    assert units.without_host_flag(command) == wanted


def test_unit_without_the_flag_needs_no_drop_in() -> None:
    assert units.service_drop_in(["/usr/bin/dockerd"], "docker.service") is None


def test_drop_in_resets_before_it_sets() -> None:
    drop_in = units.service_drop_in([DEBIAN], "docker.service")
    assert drop_in is not None
    assert units.values(["[Service]\nExecStart=" + DEBIAN, drop_in], "Service", "ExecStart") == [
        "/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"
    ]


def test_flags_are_named_as_in_daemon_json() -> None:
    words = units.command(DEBIAN, {"DOCKER_OPTS": "--label a=b -D --dns 1.1.1.1"})
    assert set(units.flags(words)) == {"hosts", "containerd", "labels", "debug", "dns"}


def test_the_socket_is_the_declared_one_from_its_first_moment() -> None:
    declared = {"paths": ["/srv/a.sock", "/srv/b.sock"], "owner": "root", "group": "docker", "mode": "0660"}
    text = units.socket_drop_in(declared)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "[Socket]",
        # An empty one takes the packaged unit's away.
        "ListenStream=",
        "ListenStream=/srv/a.sock",
        "ListenStream=/srv/b.sock",
        "SocketUser=root",
        "SocketGroup=docker",
        "SocketMode=0660",
    ]
    packaged = units.socket_drop_in({**declared, "paths": []})
    assert "ListenStream" not in packaged
    assert "SocketMode=0660" in packaged
