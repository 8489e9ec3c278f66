"""What /proc tells of a container's first process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._network import datapath

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
SOCKETS = "  sl  local_address rem_address\n 1234: 0B00007F:A3B1 00000000:0000 07\n"

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the tables are of such a machine")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container's process with id 7, and its parent."""
    for name, text in {
        "7/status": "Name:\tsleep\nPPid:\t6\n",
        "7/net/route": ROUTES,
        "7/net/udp": SOCKETS,
        "7/ns/net": "",
        "6/comm": "containerd-shim\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "resolv.conf").write_text("# x\nnameserver 127.0.0.11\nsearch lab\nnameserver fe80::1\n")
    (tmp_path / "handle").hardlink_to(tmp_path / "7/ns/net")
    monkeypatch.setattr(datapath, "_PROC", tmp_path)
    return tmp_path


def _look(proc: Path, pid: int | None = 7, mode: str = "back", handle: str = "/handle") -> dict[str, Any]:
    container: Any = {"pid": pid, "network_mode": mode}
    datapath.add_process(container, str(proc), datapath.Handles(handle, "/resolv.conf"))
    return {key: value for key, value in container.items() if key not in ("pid", "network_mode")}


def test_routes_resolver_handle_and_shim_are_told(proc: Path) -> None:
    everything = {
        "parent": "containerd-shim",
        "gateways": ["172.17.0.1"],
        "resolver": True,
        "nameservers": ["127.0.0.11", "fe80::1"],
        "sandboxed": True,
    }
    assert _look(proc) == everything
    (proc / "7/net/udp").write_text(SOCKETS.replace("0B00007F", "0C00007F"))
    (proc / "7/net/route").write_text("".join(ROUTES.splitlines(keepends=True)[::2]))
    assert _look(proc, handle="/7/status") == {**everything, "gateways": [], "resolver": False, "sandboxed": False}
    assert _look(proc, handle="/nope")["sandboxed"] is False


def test_container_in_the_hosts_network_has_no_routes_of_its_own(proc: Path) -> None:
    assert _look(proc, mode="host") == {"parent": "containerd-shim"}


def test_one_that_ended_meanwhile_is_not_judged(proc: Path) -> None:
    nothing = {"parent": None, "gateways": None, "resolver": None, "nameservers": None, "sandboxed": None}
    assert _look(proc, pid=8) == nothing
    assert _look(proc, pid=None) == {}
