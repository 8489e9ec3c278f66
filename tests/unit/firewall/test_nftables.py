"""Rules stay between the braces of Mooring's own table."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import fragments
from ansible_collections.mooring.docker.plugins.module_utils._firewall import docker_proxy, nftables

CHAIN = "chain input { type filter hook input priority filter; tcp dport { 22, 80 } accept; }"


@pytest.mark.parametrize("rules", [CHAIN, 'chain c { iifname "}" drop; } # } a remark', ""])
def test_whole_rules_are_let_through(rules: str) -> None:
    assert nftables.problem(rules) is None


@pytest.mark.parametrize(
    "rules", ["}\nflush ruleset\ntable inet mooring_x {", CHAIN + "}", "chain input {", "} table ip nat { "]
)
def test_rules_that_leave_their_table_are_refused(rules: str) -> None:
    assert "brace" in (nftables.problem(rules) or "")


def test_one_transaction_replaces_or_removes_the_table() -> None:
    start = ["table inet mooring_x", "delete table inet mooring_x"]
    assert nftables.script("x", None).splitlines() == start
    assert nftables.script("x", CHAIN).splitlines() == [*start, "table inet mooring_x {", CHAIN, "}"]


def test_table_is_due_where_anything_of_it_is_otherwise() -> None:
    there = {"text": nftables.script("x", CHAIN), "live": True, "persistent": True, "required": True, "failed": False}
    assert not nftables.due({"x": there}, "x", CHAIN, True)
    assert not nftables.due({}, "x", None, True)
    assert not nftables.due({}, "x", "", True)
    assert nftables.due({}, "x", CHAIN, True)
    assert nftables.due({"x": there}, "x", None, True)
    assert nftables.due({"x": there}, "x", CHAIN, False)
    for change in ({"text": None}, {"live": False}, {"persistent": False}, {"required": False}):
        assert nftables.due({"x": {**there, **change}}, "x", CHAIN, True)
    # No run could mend it where the file that nft refuses is somebody else's.
    assert not nftables.due({"x": {**there, "failed": True}}, "x", CHAIN, True)


def test_table_that_is_required_says_so_beside_docker_service() -> None:
    ((path, text),) = nftables.engine_files("x", True).items()
    assert (str(path.parent), text.splitlines()[-1]) == (
        "/etc/systemd/system/docker.service.d",
        "ExecStartPre=/bin/sh /etc/mooring/load x",
    )
    assert nftables.engine_files("x", False) == {path: None}


@pytest.mark.parametrize("required", [True, False])
def test_engine_tells_the_filter_of_published_ports_also_where_it_is_not_required(required: bool) -> None:
    text = docker_proxy.files("published", required)[nftables.engine_drop_in("published")]
    dash = "" if required else "-"
    assert text is not None
    assert f"ExecStartPre={dash}/bin/sh {docker_proxy.SCRIPT}" in text.splitlines()


def test_filters_are_in_force_before_the_network_and_after_every_flush() -> None:
    """systemd.special(7): what orders itself before network-pre.target wants it too."""
    lines = nftables._SERVICE.splitlines()
    (before,) = (line for line in lines if line.startswith("Before="))
    assert {"network-pre.target", "docker.service", "docker.socket"} <= set(before[len("Before=") :].split())
    assert {"Wants=network-pre.target", "DefaultDependencies=no", "WantedBy=sysinit.target"} <= set(lines)
    # nftables.service flushes all tables at its start, its reload, and its stop.
    assert nftables._AFTER_FLUSH.splitlines() == [
        "[Service]",
        "ExecStartPost=-/bin/sh /etc/mooring/load",
        "ExecReload=-/bin/sh /etc/mooring/load",
        "ExecStopPost=-/bin/sh /etc/mooring/load",
    ]


@pytest.mark.parametrize("text", [nftables._LOADER, docker_proxy.files("published", True)[docker_proxy.SCRIPT]])
def test_scripts_are_what_a_shell_can_read(text: str) -> None:
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("kind", "status"), [("file", 0), ("nothing", 0), ("directory", 1), ("pipe", 1), ("broken link", 1)]
)
def test_what_is_no_file_is_a_failure_and_keeps_no_boot_waiting(tmp_path: Path, kind: str, status: int) -> None:
    """The loader, with an nft that only says what it was given, and finds every table in force."""
    (tmp_path / "nft").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "nft").chmod(0o755)
    there = tmp_path / "x.nft"
    if kind == "file":
        there.write_text("")
    elif kind == "directory":
        there.mkdir()
    elif kind == "pipe":
        os.mkfifo(there)
    elif kind == "broken link":
        there.symlink_to("nowhere")
    text = nftables._LOADER.replace("PATH=", f"PATH={tmp_path}:").replace(str(nftables.DIRECTORY), str(tmp_path))
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=5, check=False)
    assert (done.returncode, done.stdout) == (status, f"-f {there}\n" if kind == "file" else "")
    assert done.stderr == (f"{there} is no file\n" if status else "")


def test_a_table_that_nft_refuses_keeps_no_other_from_being_loaded(tmp_path: Path) -> None:
    (tmp_path / "nft").write_text('#!/bin/sh\necho "$@"\ncase "$*" in *a.nft) exit 1 ;; esac\n')
    (tmp_path / "nft").chmod(0o755)
    for name in ("a", "b"):
        (tmp_path / f"{name}.nft").write_text("")
    text = nftables._LOADER.replace("PATH=", f"PATH={tmp_path}:").replace(str(nftables.DIRECTORY), str(tmp_path))
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, timeout=5, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (1, [f"-f {tmp_path}/a.nft", f"-f {tmp_path}/b.nft"])


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_in_the_place_of_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object) -> None:
    """The host is observed all the same, as one without that filter."""
    monkeypatch.setattr(nftables, "DIRECTORY", tmp_path)
    there = tmp_path / "x.nft"
    make(there)  # type: ignore[operator]
    assert nftables._text(there) is None
    with pytest.raises(fragments.ConfigError, match=f"{there} is no file; move it away"):
        nftables.state.read(there)
