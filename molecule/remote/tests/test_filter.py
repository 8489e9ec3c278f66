"""Who may connect to the TCP endpoint is who is declared, over IPv4 and IPv6, whatever else filters packets there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import reach
from conftest import HOSTS, converge

TABLE = "nft -s list table inet mooring_endpoint"
# Plain HTTP is answered by the TLS endpoint itself: who reads this has reached dockerd.
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ANSWER = b"HTTP/1.0 400"
_ASK = f"""
import socket
with socket.create_connection(("%s", 2376), 1.5) as connection:
    connection.sendall({REQUEST!r})
    print(connection.recv(12))
"""
# Somebody else's table, that looks at the same packets.
_NEIGHBOUR = "chain input { type filter hook input priority -20; tcp dport 2376 counter accept; };"


def _addresses(name: str) -> list[str]:
    return [reach.declared(name)["address"], reach.declared(name)["address6"]]


def allowed() -> dict[str, Any]:
    """Two of the hosts get in, the third and this machine do not."""
    return {"docker_engine_allowed_clients": [*_addresses("bookworm"), *_addresses("trixie")]}


def gets_in(source: str, target: str) -> list[bool]:
    """Whether the daemon of ``target`` answers ``source``, by IPv4 and by IPv6."""
    asked = [reach.over_ssh(source).run("python3 -c %s", _ASK % address) for address in _addresses(target)]
    return [repr(ANSWER) in done.stdout for done in asked]


def others(name: str) -> str:
    """All tables of a host but Mooring's own."""
    text = reach.over_ssh(name).check_output("nft -s list ruleset")
    return re.sub(r"^table inet mooring_.*?^}$", "", text, flags=re.MULTILINE | re.DOTALL).strip()


def files(name: str) -> str:
    """Everything in which a filter of Mooring's could leave a trace."""
    return str(
        reach.over_ssh(name).check_output(
            "ls -d /etc/mooring; find /etc/systemd -ls | awk '{print $3, $5, $6, $11, $13}'"
        )
    )


@dataclass
class Before:
    """What there was before the filter: files and tables of each host, and an open connection of this machine."""

    files: dict[str, str]
    others: dict[str, str]
    connection: socket.socket


@pytest.fixture(scope="module")
def before(fleet: None) -> Iterator[Before]:
    """All hosts with the filter."""
    for name in HOSTS:
        host = reach.over_ssh(name)
        host.run_expect([0], "which nft || apt-get install -qq --no-install-recommends nftables")
        host.run_expect([0], "nft %s", f"table inet neighbour {{ {_NEIGHBOUR} }}")
    reach.over_ssh("trixie").run_expect([0], "which ufw || apt-get install -qq --no-install-recommends ufw")
    with socket.create_connection((_addresses("trixie")[0], 2376), 5) as connection:
        yield Before({one: files(one) for one in HOSTS}, {one: others(one) for one in HOSTS}, connection)


@pytest.fixture(scope="module")
def _filtered(before: Before) -> None:
    converge(**allowed())


pytestmark = pytest.mark.usefixtures("_filtered")


@pytest.mark.parametrize(
    ("source", "target", "may"),
    [
        ("trixie", "bookworm", True),
        ("forky", "bookworm", False),
        ("bookworm", "trixie", True),
        ("forky", "trixie", False),
        ("bookworm", "forky", True),
        ("trixie", "forky", True),
        # The host itself, which is not declared.
        ("forky", "forky", True),
    ],
)
def test_who_is_declared_gets_in(source: str, target: str, may: bool) -> None:
    assert gets_in(source, target) == [may, may]


def test_who_is_not_declared_loses_the_connection_he_has(before: Before) -> None:
    before.connection.settimeout(2)
    before.connection.sendall(REQUEST)
    with pytest.raises(TimeoutError):
        before.connection.recv(12)


def test_second_run_changes_nothing() -> None:
    assert converge(**allowed()).changed == dict.fromkeys(HOSTS, 0)


def test_other_tables_are_as_before(before: Before) -> None:
    assert {name: others(name) for name in HOSTS} == before.others
    assert all("DOCKER" in text and "neighbour" in text for text in before.others.values())


@pytest.mark.parametrize(
    "mischief",
    [
        "nft delete table inet mooring_endpoint",
        "nft add element inet mooring_endpoint allowed4 '{ %s }'; rm /etc/mooring/*",
    ],
)
def test_what_somebody_changed_by_hand_is_repaired(mischief: str) -> None:
    host = reach.over_ssh("trixie")
    wanted = host.check_output(f"{TABLE}; cat /etc/mooring/*")
    host.run_expect([0], mischief.replace("%s", _addresses("forky")[0]))
    assert converge(limit="trixie", **allowed()).changed["trixie"] > 0
    assert host.check_output(f"{TABLE}; cat /etc/mooring/*") == wanted


def test_filter_outlives_flushes_restarts_and_boots() -> None:
    host = reach.over_ssh("trixie")
    wanted = host.check_output(TABLE)
    for line in ("restart nftables", "reload nftables", "stop nftables", "restart docker"):
        host.run_expect([0], f"systemctl {line}")
        assert host.check_output(TABLE) == wanted, line
    reach.pull_the_plug("trixie")
    assert host.check_output(TABLE) == wanted
    # In place before the network was.
    moments = "systemctl show %s --property %s --value"
    loaded = host.check_output(moments, "mooring-nftables", "InactiveEnterTimestampMonotonic")
    assert 0 < int(loaded) < int(host.check_output(moments, "systemd-networkd", "ActiveEnterTimestampMonotonic"))
    # SSH answers before dockerd does; this waits for it.
    host.run_expect([0], "systemctl start docker")
    assert gets_in("bookworm", "trixie") == [True, True]
    assert gets_in("forky", "trixie") == [False, False]


def test_ufw_goes_on_denying() -> None:
    host = reach.over_ssh("trixie")
    try:
        host.run_expect([0], "ufw default deny incoming && ufw allow 22/tcp && ufw --force enable && ufw reload")
        assert gets_in("bookworm", "trixie") == [False, False]
        host.run_expect([0], "ufw allow 2376/tcp && ufw reload")
        assert gets_in("bookworm", "trixie") == [True, True]
        assert gets_in("forky", "trixie") == [False, False]
        assert converge(limit="trixie", **allowed()).changed == {"trixie": 0}
        assert "Status: active" in host.check_output("ufw status")
    finally:
        host.run_expect([0], "ufw --force reset")


def test_without_the_variable_nothing_is_left(before: Before) -> None:
    converge()
    assert {name: files(name) for name in HOSTS} == before.files
    assert gets_in("forky", "trixie") == [True, True]
    assert not any("mooring" in reach.over_ssh(name).check_output("nft list tables") for name in HOSTS)
