"""Rules stay between the braces of Mooring's own table."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.mooring.docker.plugins.module_utils import _nftables, _proxies

CHAIN = "chain input { type filter hook input priority filter; tcp dport { 22, 80 } accept; }"


@pytest.mark.parametrize("rules", [CHAIN, 'chain c { iifname "}" drop; } # } a remark', ""])
def test_whole_rules_are_let_through(rules: str) -> None:
    assert _nftables.problem(rules) is None


@pytest.mark.parametrize(
    "rules", ["}\nflush ruleset\ntable inet mooring_x {", CHAIN + "}", "chain input {", "} table ip nat { "]
)
def test_rules_that_leave_their_table_are_refused(rules: str) -> None:
    assert "brace" in (_nftables.problem(rules) or "")


def test_one_transaction_replaces_or_removes_the_table() -> None:
    start = ["table inet mooring_x", "delete table inet mooring_x"]
    assert _nftables.script("x", None).splitlines() == start
    assert _nftables.script("x", CHAIN).splitlines() == [*start, "table inet mooring_x {", CHAIN, "}"]


def test_table_is_due_where_anything_of_it_is_otherwise() -> None:
    there = {"text": _nftables.script("x", CHAIN), "live": True, "persistent": True, "required": True, "failed": False}
    assert not _nftables.due({"x": there}, "x", CHAIN, True)
    assert not _nftables.due({}, "x", None, True)
    assert not _nftables.due({}, "x", "", True)
    assert _nftables.due({}, "x", CHAIN, True)
    assert _nftables.due({"x": there}, "x", None, True)
    assert _nftables.due({"x": there}, "x", CHAIN, False)
    for change in ({"text": None}, {"live": False}, {"persistent": False}, {"required": False}):
        assert _nftables.due({"x": {**there, **change}}, "x", CHAIN, True)
    # No run could mend it where the file that nft refuses is somebody else's.
    assert not _nftables.due({"x": {**there, "failed": True}}, "x", CHAIN, True)


def test_table_that_is_required_says_so_beside_docker_service() -> None:
    ((path, text),) = _nftables.engine_files("x", True).items()
    assert (str(path.parent), text.splitlines()[-1]) == (
        "/etc/systemd/system/docker.service.d",
        "ExecStartPre=/bin/sh /etc/mooring/load x",
    )
    assert _nftables.engine_files("x", False) == {path: None}


@pytest.mark.parametrize("required", [True, False])
def test_engine_tells_the_filter_of_published_ports_also_where_it_is_not_required(required: bool) -> None:
    text = _proxies.files("published", required)[_nftables.engine_drop_in("published")]
    dash = "" if required else "-"
    assert text is not None
    assert f"ExecStartPre={dash}/bin/sh {_proxies.SCRIPT}" in text.splitlines()


@pytest.mark.parametrize("text", [_nftables._LOADER, _proxies.files("published", True)[_proxies.SCRIPT]])
def test_scripts_are_what_a_shell_can_read(text: str) -> None:
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
