"""Who may connect to the TCP endpoint is who is declared, over IPv4 and IPv6, whatever else filters packets there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import reach
from clients import HOSTS, converge, everywhere, run

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
    with ThreadPoolExecutor() as pool:
        asked = pool.map(
            lambda address: reach.over_ssh(source).run("python3 -c %s", _ASK % address), _addresses(target)
        )
        return [repr(ANSWER) in done.stdout for done in asked]


def who_gets_in(*pairs: tuple[str, str]) -> dict[tuple[str, str], list[bool]]:
    """The same of many at once, source and target."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(pairs, pool.map(lambda pair: gets_in(*pair), pairs), strict=True))


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
    everywhere("which nft || apt-get install -qq --no-install-recommends nftables")
    everywhere(f"nft 'table inet neighbour {{ {_NEIGHBOUR} }}'")
    reach.over_ssh("trixie").run_expect([0], "which ufw || apt-get install -qq --no-install-recommends ufw")
    with socket.create_connection((_addresses("trixie")[0], 2376), 5) as connection:
        yield Before({one: files(one) for one in HOSTS}, {one: others(one) for one in HOSTS}, connection)


_PUBLISHED = {"docker_network_published": "closed"}


@pytest.fixture(scope="module")
def _filtered(before: Before) -> None:
    """Hosts with both filters, the other of which is for published ports."""
    converge(**allowed(), **_PUBLISHED)


pytestmark = pytest.mark.usefixtures("_filtered")

WHO = {
    ("trixie", "bookworm"): True,
    ("forky", "bookworm"): False,
    ("bookworm", "trixie"): True,
    ("forky", "trixie"): False,
    ("bookworm", "forky"): True,
    ("trixie", "forky"): True,
    # The host itself, which is not declared.
    ("forky", "forky"): True,
}


def test_who_is_declared_gets_in() -> None:
    assert who_gets_in(*WHO) == {pair: [may, may] for pair, may in WHO.items()}


def test_who_is_not_declared_loses_the_connection_he_has(before: Before) -> None:
    before.connection.settimeout(2)
    before.connection.sendall(REQUEST)
    with pytest.raises(TimeoutError):
        before.connection.recv(12)


def test_other_tables_are_as_before(before: Before) -> None:
    assert {name: others(name) for name in HOSTS} == before.others
    assert all("DOCKER" in text and "neighbour" in text for text in before.others.values())


MISCHIEF = {
    "bookworm": "nft delete table inet mooring_endpoint",
    "trixie": "nft add element inet mooring_endpoint allowed4 '{ %s }'; rm /etc/mooring/endpoint.nft",
}


def test_what_somebody_changed_by_hand_is_repaired() -> None:
    shown = f"{TABLE}; cat /etc/mooring/*"
    wanted = everywhere(shown)
    everywhere({name: did.replace("%s", _addresses("forky")[0]) for name, did in MISCHIEF.items()})
    done = converge(**allowed(), **_PUBLISHED)
    assert {name for name, changes in done.changed.items() if changes} == set(MISCHIEF)
    assert everywhere(shown) == wanted


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
    assert who_gets_in(*CONTROL) == CONTROL


CONTROL = {("bookworm", "trixie"): [True, True], ("forky", "trixie"): [False, False]}
_LOAD = "/usr/sbin/nft 'include \"/etc/mooring/*.nft\"'"
# What a host has that an older version of Mooring provisioned.
_OLDER = f"""
cd /etc/systemd/system
rm /etc/mooring/load docker.service.d/60-mooring-endpoint.conf
sed -i 's|^ExecStartPre=|ExecStartPre=-|' docker.service.d/60-mooring-published.conf
sed -i 's|=/bin/sh /etc/mooring/load|={_LOAD}|' mooring-nftables.service
sed -i 's|=-/bin/sh /etc/mooring/load|=-{_LOAD}|' nftables.service.d/50-mooring.conf
systemctl daemon-reload
"""
# What somebody breaks on a host, and what verify.yml says of it after a boot. The other filter is whole on each.
BROKEN = {
    "bookworm": ("endpoint", "echo nonsense > %s", {"filter.differs", "filter.unit_failed"}),
    "trixie": ("published", ": > %s", {"filter.missing", "filter.unit_failed"}),
    "forky": ("endpoint", "rm %s", {"filter.missing"}),
}
_RESTS = """
for _ in $(seq 300); do
    state=$(systemctl show docker --property ActiveState --value)
    [ $state = failed ] && break
    sleep 0.2
done
echo $state"""


def pids() -> dict[str, str]:
    """The life of each daemon."""
    found = everywhere("systemctl show docker --property MainPID --value")
    assert "0" not in found.values(), found
    return found


def test_host_of_an_older_version_gets_the_units_without_a_restart() -> None:
    lives = pids()
    tables = everywhere("nft -s list ruleset")
    everywhere(_OLDER)
    done = converge(**allowed(), **_PUBLISHED)
    assert all(done.changed.values())
    assert pids() == lives
    assert everywhere("nft -s list ruleset") == tables
    for shown in everywhere("systemctl show docker --property ExecStartPre").values():
        assert "ignore_errors=no" in shown
        assert "/etc/mooring/load endpoint" in shown
        assert "/etc/mooring/published-engine" in shown
    assert converge(**allowed(), **_PUBLISHED).changed == dict.fromkeys(HOSTS, 0)


def test_restart_that_could_not_come_back_is_not_begun() -> None:
    host, managed = reach.over_ssh("trixie"), reach.managed("trixie")
    lives = pids()
    host.run_expect([0], "mv /etc/mooring/endpoint.nft /run/; echo nonsense > /etc/mooring/endpoint.nft")
    try:
        managed.ansible(
            "mooring.docker.daemon_config", "fragments={'30-probe':{'no-new-privileges':True}}", check=False
        )
        done = managed.ansible("mooring.docker.daemon_apply", "restart=when_needed", check=False)
        assert (
            "was not begun, for dockerd would not start: docker.service requires /etc/mooring/endpoint.nft"
            in done["msg"]
        )
        assert pids() == lives
        assert lives["trixie"] == host.check_output("pidof dockerd")
        # By hand it comes back, for the table of before is in force still.
        host.run_expect([0], "systemctl restart docker")
    finally:
        host.run_expect([0], "mv /run/endpoint.nft /etc/mooring/")
        managed.ansible("mooring.docker.daemon_config", "fragments={'30-probe':{}}", check=False)
        managed.ansible("mooring.docker.daemon_apply", "restart=when_needed", check=False)


def test_engine_does_not_open_what_a_broken_filter_closed() -> None:
    """After a boot the other filter is in force, dockerd is not up, and no port answers. A run mends it."""
    for name, (table, breaking, _findings) in BROKEN.items():
        reach.over_ssh(name).run_expect([0], breaking, f"/etc/mooring/{table}.nft")
    reach.pull_the_plug()
    rests = everywhere(_RESTS)
    # Nor does a client of the socket wake it.
    clients = everywhere("timeout 20 docker version > /dev/null 2>&1; echo $?")
    for name, (table, _breaking, _findings) in BROKEN.items():
        host = reach.over_ssh(name)
        assert rests[name].strip() == "failed"
        other = "published" if table == "endpoint" else "endpoint"
        assert "chain" in host.check_output("nft list table inet mooring_%s", other)
        assert host.run("nft list table inet mooring_%s", table).rc != 0
        said = f"table inet mooring_{table} is not in force"
        assert said in host.check_output("journalctl --boot --unit docker --output cat")
        assert clients[name].strip() not in ("0", "")
    pairs = [*((name, name) for name in HOSTS), ("bookworm", "trixie"), ("trixie", "bookworm")]
    assert who_gets_in(*pairs) == {pair: [False, False] for pair in pairs}
    verified = run("verify", **allowed(), **_PUBLISHED)
    for name, (_table, _breaking, findings) in BROKEN.items():
        assert set(re.findall(r"error (filter\.\w+)", verified.failures[name])) == findings
    assert all(converge(**allowed(), **_PUBLISHED).changed.values())
    assert who_gets_in(*CONTROL, ("trixie", "bookworm")) == {**CONTROL, ("trixie", "bookworm"): [True, True]}
    assert "filter." not in str(run("verify", **allowed(), **_PUBLISHED).failures)


def test_ufw_goes_on_denying() -> None:
    host = reach.over_ssh("trixie")
    try:
        host.run_expect([0], "ufw default deny incoming && ufw allow 22/tcp && ufw --force enable && ufw reload")
        assert gets_in("bookworm", "trixie") == [False, False]
        host.run_expect([0], "ufw allow 2376/tcp && ufw reload")
        assert who_gets_in(*CONTROL) == CONTROL
        assert converge(limit="trixie", **allowed(), **_PUBLISHED).changed == {"trixie": 0}
        assert "Status: active" in host.check_output("ufw status")
    finally:
        host.run_expect([0], "ufw --force reset")


def test_a_variable_lets_the_engine_start_without_its_filters() -> None:
    lives = pids()
    converge(**allowed(), **_PUBLISHED, docker_engine_require_filters=False)
    assert pids() == lives
    host = reach.over_ssh("bookworm")
    host.run_expect([0], "for table in endpoint published; do echo nonsense > /etc/mooring/$table.nft; done")
    host.run_expect([0], "nft delete table inet mooring_endpoint; systemctl restart docker")
    assert gets_in("forky", "bookworm") == [True, True]


def test_without_the_variable_nothing_is_left(before: Before) -> None:
    converge()
    assert {name: files(name) for name in HOSTS} == before.files
    assert gets_in("forky", "trixie") == [True, True]
    assert not any("mooring" in tables for tables in everywhere("nft list tables").values())
