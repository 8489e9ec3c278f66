"""A person's ways in are found wherever they are, and a host that cannot be looked at is no host without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils.removal import Consent, Removal, plan, problems, summary
from ansible_collections.mooring.docker.plugins.plugin_utils.signing import confirm
from test_signing import authority, client

NO: Consent = {"replace_authority": False, "emergency": "false", "without": []}
YES: Consent = {"replace_authority": "true", "emergency": False, "without": []}


def ways(*keys: str, users: dict[str, Any] | None = None, owner: str = "root") -> dict[str, Any]:
    """What was seen of a host with these clients over SSH."""
    sockets = [{"path": "/run/docker.sock", "owner": owner}]
    ssh = {"authorized_keys": "0" * 64, "clients": list(keys)}
    return {"host": {"users": users or {}, "sockets": sockets, "ssh": ssh}}


NOTHING = ways()
UNREACHABLE = {"unreachable": True}
MEMBER = ways(users={"alice": {"uid": 1000, "groups": ["alice", "docker"]}})


@pytest.fixture
def fleet(tmp_path: Path) -> dict[str, Any]:
    for place in ("authorities", "issued/clients", "tls"):
        (tmp_path / place).mkdir(parents=True)
    authority(tmp_path, "client", 1)
    return {
        "ca_directory": str(tmp_path),
        "tls": ["a"],
        "checked": ["a"],
        "hosts": {name: {"socket_group": "docker", "restart": "only_without_containers"} for name in "ab"},
    }


def hosts(before: dict[str, Any], after: dict[str, Any] = NOTHING) -> list[dict[str, Any]]:
    return [
        {"inventory_hostname": "a", "removal_before": NOTHING, "removal_after": NOTHING},
        {"inventory_hostname": "b", "removal_before": before, "removal_after": after},
    ]


def problem_of(fleet: dict[str, Any], consent: Consent, those: list[dict[str, Any]]) -> str:
    """Why alice is not removed; "" where she is."""
    return "; ".join(plan(fleet, "alice", consent, those, False)["problems"])


def told_of(fleet: dict[str, Any], those: list[dict[str, Any]], certified: bool, check: bool) -> dict[str, list[str]]:
    """What is told of alice's removal, whose certificate let her in or did not."""
    removal: Removal = {**plan(fleet, "alice", YES, those, check), "needs_authority": certified}
    return summary(fleet, "alice", those, removal, check)


def test_who_is_declared_anywhere_is_named_with_the_place() -> None:
    inventory = [
        {"inventory_hostname": "a", "docker_engine_ssh_clients": {"alice": "ssh-ed25519 AAAA"}},
        {"inventory_hostname": "b", "docker_engine_users": ["alice", "bob"], "docker_engine_ssh_clients": {}},
        {"inventory_hostname": "c", "docker_client_name": "alice"},
        {"inventory_hostname": "d", "docker_engine_socket_owner": "alice"},
        {"inventory_hostname": "e", "docker_engine_socket_owner": "root"},
    ]
    named = [
        "docker_engine_ssh_clients of a names alice: take it out there",
        "docker_engine_users of b names alice: take it out there",
        "docker_engine_socket_owner of d names alice: take it out there",
        "docker_client_name of c names alice: take it out there",
    ]
    (problem,) = problems(inventory, "alice", ["localhost"], "")
    assert problem == f"Nothing was changed. The next playbooks/site.yml would let alice in again: {'; '.join(named)}"
    assert problems(inventory, "ali", ["localhost"], "") == []
    # Who is root has the socket whatever is declared.
    assert problems(inventory, "root", ["localhost"], "") == []


def test_a_name_and_this_controller_are_needed() -> None:
    assert problems([], "", ["localhost"], "") == ["client is not given: say -e client=NAME"]
    for name in ("-x", "a/b", "a b", "x" * 65, "a\n"):
        assert problems([], name, ["localhost"], "") == [f"client {name}: say -e client=NAME"]
    assert "say --limit a,localhost" in problems([], "alice", ["a"], "a")[0]


OWNER = ways(users={"alice": {"uid": 1000, "groups": ["alice"]}}, owner="alice")


@pytest.mark.parametrize(
    ("before", "way"),
    [(ways("bob", "alice"), "SSH key"), (MEMBER, "UNIX account"), (OWNER, "ownership of the socket")],
)
def test_ways_beside_certificates_take_no_authority(fleet: dict[str, Any], before: dict[str, Any], way: str) -> None:
    removal = plan(fleet, "alice", NO, hosts(before), False)
    assert (removal["problems"], removal["needs_authority"]) == ([], False)
    assert removal["rotation"]["steps"] == ["remove", "finish"]
    told = told_of(fleet, hosts(before), False, False)
    assert told == {"lines": ["a: taken: nothing", f"b: taken: {way}"], "left": []}
    assert told_of(fleet, hosts(before, before), False, False)["left"] == [f"b lets alice in by {way}"]
    assert told_of(fleet, hosts(before, before), False, True) == {
        "lines": ["a: would be taken: nothing", f"b: would be taken: {way}"], "left": [],
    }  # fmt: skip


def test_nobody_is_taken_for_another(fleet: dict[str, Any]) -> None:
    """A part of a name, a comment, root, a group of the account's own."""
    for before in (
        ways(users={"alice": {"uid": 1000, "groups": ["alice"]}}),
        ways(users={"alice": {"uid": 0, "groups": ["docker"]}}, owner="alice"),
    ):
        assert told_of(fleet, hosts(before, before), False, False)["left"] == []
        # Said again, a removal ends well.
        assert not problem_of(fleet, NO, hosts(before))
    for before in (ways("alice2", "malice"), ways(users={"alice": None})):
        assert "no host has an SSH key or an account of that name" in problem_of(fleet, NO, hosts(before))


def test_a_host_that_cannot_be_looked_at_may_let_anybody_in(fleet: dict[str, Any]) -> None:
    assert "(b could not be looked at)" in problem_of(fleet, YES, hosts(UNREACHABLE))
    lies = ({"host": ["root"]}, {"host": {**NOTHING["host"], "users": 1}})
    unread = {"host": {**NOTHING["host"], "ssh": {"authorized_keys": None, "clients": None}}}
    for before, after in (
        (UNREACHABLE, NOTHING),
        (NOTHING, UNREACHABLE),
        (lies[0], NOTHING),
        (lies[1], NOTHING),
        (unread, NOTHING),
        (NOTHING, unread),
    ):
        assert problem_of(fleet, YES, hosts(before))
        (left,) = told_of(fleet, hosts(before, after), False, False)["left"]
        assert left.startswith("b could not be looked at")


def test_certificates_take_another_authority(fleet: dict[str, Any], tmp_path: Path) -> None:
    for name in ("alice", "alice", "bob"):
        client(tmp_path, name)
        confirm(str(tmp_path), "client", name)
    problem = problem_of(fleet, NO, hosts(MEMBER))
    assert "alice has UNIX account on b; 2 certificates, 1 of them superseded, valid until" in problem
    assert "(bob)" in problem
    only = "; ".join(plan(fleet, "bob", NO, hosts(NOTHING), False)["problems"])
    assert "bob has 1 certificate, valid until" in only
    for consent in (YES, {**NO, "emergency": "true"}):
        removal = plan(fleet, "alice", {**consent, "without": ["bob"]}, hosts(MEMBER), False)
        assert (removal["problems"], removal["needs_authority"]) == ([], True)
        assert removal["rotation"]["kinds"] == ["client"]
        assert removal["rotation"]["leaving"] == ["alice", "bob"]
        assert removal["rotation"]["emergency"] is (consent is not YES)
        assert removal["rotation"]["steps"][0] == "begin"
    # Trusted still: only a host that has a TLS endpoint lets it in by that.
    told = told_of(fleet, hosts(MEMBER), True, False)
    assert told["lines"] == ["a: taken: nothing", "b: taken: UNIX account"]
    assert told["left"] == ["a lets alice in by certificate"]


@pytest.mark.parametrize("ending", [".pem", ".pem.next", ".pem.1f~"])
def test_a_certificate_that_cannot_be_read_is_not_one_that_ended(
    fleet: dict[str, Any], tmp_path: Path, ending: str
) -> None:
    """Nobody could say that it lets nobody in."""
    entry = tmp_path / "issued/clients" / f"alice{ending}"
    entry.write_text("")
    problem = problem_of(fleet, YES, hosts(NOTHING))
    assert f"{entry} cannot be read" in problem
    assert """-e '{"kinds": ["client"], "without": ["alice"]}'""" in problem
    # As the rotation that it names leaves it.
    entry.rename(f"{entry}.removed")
    assert not problem_of(fleet, YES, hosts(NOTHING))


def test_hosts_are_asked_for_what_they_have(fleet: dict[str, Any]) -> None:
    """Who has neither group nor keys is left alone, and so is one that could not be looked at, or answers nonsense."""
    group = ways("alice")["host"] | {"groups": {"docker": {"gid": 9}}}
    none = {"group": False, "keys": False}
    for before, present in (
        ({"host": group}, {"group": True, "keys": True}),
        ({"host": {**group, "ssh": {"authorized_keys": None, "clients": []}}}, {"group": True, "keys": False}),
        (UNREACHABLE, none),
        ({"host": {"groups": 1}}, none),
    ):
        assert plan(fleet, "alice", YES, hosts(before), False)["ways"]["b"] == present


def test_what_the_replacement_of_the_authority_cannot_do_is_refused_first(
    fleet: dict[str, Any], tmp_path: Path
) -> None:
    client(tmp_path, "alice")
    confirm(str(tmp_path), "client", "alice")
    fleet["hosts"]["a"]["restart"] = "never"
    assert "docker_engine_restart is never on a" in problem_of(fleet, YES, hosts(MEMBER))
    # An emergency goes on, and tells it at its end.
    assert not problem_of(fleet, {**NO, "emergency": True}, hosts(MEMBER))
