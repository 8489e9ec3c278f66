"""A person's ways in are found wherever they are, and a host that cannot be looked at is no host without them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.removal import declared, plan, summary
from ansible_collections.mooring.docker.plugins.plugin_utils.signing import confirm
from test_signing import authority, client

LINE = 'restrict,command="docker system dial-stdio" ssh-ed25519 AAAA {}\n'


def ways(*keys: str, users: dict[str, Any] | None = None, owner: str = "root") -> dict[str, Any]:
    """What was seen of a host with these clients over SSH."""
    text = "# Mooring: docker_engine_ssh_clients\n" + "".join(LINE.format(name) for name in keys)
    sockets = [{"path": "/run/docker.sock", "owner": owner}]
    return {
        "host": {"host": {"users": users or {}, "sockets": sockets}},
        "keys": {"content": base64.b64encode(text.encode()).decode()},
    }


NOTHING = ways()
UNREACHABLE = {"host": {"unreachable": True}, "keys": {"unreachable": True}}
MEMBER = ways(users={"alice": {"uid": 1000, "groups": ["alice", "docker"]}})


@pytest.fixture
def fleet(tmp_path: Path) -> dict[str, Any]:
    for place in ("authorities", "issued/clients", "tls"):
        (tmp_path / place).mkdir(parents=True)
    authority(tmp_path, "client", 1)
    return {
        "ca_directory": str(tmp_path),
        "checked": ["a"],
        "hosts": {name: {"socket_group": "docker"} for name in "ab"},
    }


def hosts(before: dict[str, Any], after: dict[str, Any] = NOTHING) -> list[dict[str, Any]]:
    return [
        {"inventory_hostname": "a", "removal_before": NOTHING, "removal_after": NOTHING},
        {"inventory_hostname": "b", "removal_before": before, "removal_after": after},
    ]


def test_who_is_declared_anywhere_is_named_with_the_place() -> None:
    inventory = [
        {"inventory_hostname": "a", "docker_engine_ssh_clients": {"alice": "ssh-ed25519 AAAA"}},
        {"inventory_hostname": "b", "docker_engine_users": ["alice", "bob"], "docker_engine_ssh_clients": {}},
        {"inventory_hostname": "c", "docker_client_name": "alice"},
        {"inventory_hostname": "d", "docker_engine_socket_owner": "alice"},
        {"inventory_hostname": "e", "docker_engine_socket_owner": "root"},
    ]
    assert declared(inventory, "alice") == [
        "docker_engine_ssh_clients of a names alice: take it out there",
        "docker_engine_users of b names alice: take it out there",
        "docker_engine_socket_owner of d names alice: take it out there",
        "docker_client_name of c names alice: take it out there",
    ]
    assert declared(inventory, "ali") == []
    # Who is root has the socket whatever is declared.
    assert declared(inventory, "root") == []


OWNER = ways(users={"alice": {"uid": 1000, "groups": ["alice"]}}, owner="alice")


@pytest.mark.parametrize(
    ("before", "way"),
    [(ways("bob", "alice"), "SSH key"), (MEMBER, "UNIX account"), (OWNER, "ownership of the socket")],
)
def test_ways_beside_certificates_take_no_authority(fleet: dict[str, Any], before: dict[str, Any], way: str) -> None:
    assert plan(fleet, "alice", False, hosts(before)) == {"problem": "", "needs_authority": False}
    told = summary(fleet, "alice", hosts(before), False, False)
    assert told == {"lines": ["a: taken: nothing", f"b: taken: {way}"], "left": []}
    assert summary(fleet, "alice", hosts(before, before), False, False)["left"] == [f"b lets alice in by {way}"]
    assert summary(fleet, "alice", hosts(before, before), False, True) == {
        "lines": ["a: would be taken: nothing", f"b: would be taken: {way}"], "left": [],
    }  # fmt: skip


def test_nobody_is_taken_for_another(fleet: dict[str, Any]) -> None:
    """A part of a name, a comment, root, a group of the account's own."""
    for before in (
        ways(users={"alice": {"uid": 1000, "groups": ["alice"]}}),
        ways(users={"alice": {"uid": 0, "groups": ["docker"]}}, owner="alice"),
    ):
        assert summary(fleet, "alice", hosts(before, before), False, False)["left"] == []
        # Said again, a removal ends well.
        assert not plan(fleet, "alice", False, hosts(before))["problem"]
    for before in (ways("alice2", "malice"), ways(users={"alice": None})):
        assert (
            "no host has an SSH key or an account of that name" in plan(fleet, "alice", False, hosts(before))["problem"]
        )


def test_a_host_that_cannot_be_looked_at_may_let_anybody_in(fleet: dict[str, Any]) -> None:
    assert "(b could not be looked at)" in plan(fleet, "alice", True, hosts(UNREACHABLE))["problem"]
    lies = (
        {"host": {"host": ["root"]}, "keys": {"content": "x"}},
        {"host": {"host": {"users": 1}}, "keys": {"content": ""}},
    )
    unread = {**NOTHING, "keys": {"msg": "Source is a directory and must be a file: /x"}}
    for before, after in (
        (UNREACHABLE, NOTHING),
        (NOTHING, UNREACHABLE),
        (lies[0], NOTHING),
        (lies[1], NOTHING),
        (unread, NOTHING),
        (NOTHING, unread),
    ):
        assert plan(fleet, "alice", True, hosts(before))["problem"]
        (left,) = summary(fleet, "alice", hosts(before, after), False, False)["left"]
        assert left.startswith("b could not be looked at")


def test_certificates_take_another_authority(fleet: dict[str, Any], tmp_path: Path) -> None:
    for name in ("alice", "alice", "bob"):
        client(tmp_path, name)
        confirm(str(tmp_path), "client", name)
    problem = plan(fleet, "alice", False, hosts(MEMBER))["problem"]
    assert "alice has UNIX account on b; 2 certificates, 1 of them superseded, valid until" in problem
    assert "(bob)" in problem
    assert plan(fleet, "alice", True, hosts(MEMBER)) == {"problem": "", "needs_authority": True}
    # Trusted still: only a host that has a TLS endpoint lets it in by that.
    told = summary(fleet, "alice", hosts(MEMBER), True, False)
    assert told["lines"] == ["a: taken: nothing", "b: taken: UNIX account"]
    assert told["left"] == ["a lets alice in by certificate"]


@pytest.mark.parametrize("ending", [".pem", ".pem.next", ".pem.1f~"])
def test_a_certificate_that_cannot_be_read_is_not_one_that_ended(
    fleet: dict[str, Any], tmp_path: Path, ending: str
) -> None:
    """Nobody could say that it lets nobody in."""
    entry = tmp_path / "issued/clients" / f"alice{ending}"
    entry.write_text("")
    problem = plan(fleet, "alice", True, hosts(NOTHING))["problem"]
    assert f"{entry} cannot be read" in problem
    assert """-e '{"kinds": ["client"], "without": ["alice"]}'""" in problem
    # As the rotation that it names leaves it.
    entry.rename(f"{entry}.removed")
    assert not plan(fleet, "alice", True, hosts(NOTHING))["problem"]


def test_no_file_of_keys_is_no_key(fleet: dict[str, Any]) -> None:
    for message in ("file not found: /x", "File not found: /x"):
        none = {**NOTHING, "keys": {"msg": message}}
        assert summary(fleet, "alice", hosts(none, none), False, False)["left"] == []
