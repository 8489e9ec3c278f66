"""Authorities pass from one generation to the next without a moment in which a client or a daemon is locked out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.filter.certificates import certificate_due, client_contexts, trust_due
from ansible_collections.mooring.docker.plugins.plugin_utils.authorities import (
    KINDS,
    STEPS,
    RotationError,
    State,
    load,
    name_problem,
    outstanding,
    replace_at_once,
    rotation_plan,
    seen,
    step,
    upcoming,
    view,
)

BOTH = list(KINDS)


def first() -> State:
    return load("/nonexistent")


def rotated(state: State, kinds: list[str]) -> list[State]:
    """The states of one rotation, each after its step."""
    states = []
    for to in (*STEPS, "finished"):
        state = step(state, to, kinds)
        states.append(state)
    return states


def test_servers_go_first_and_clients_when_every_daemon_trusts_both() -> None:
    begun, promoted, retired, finished = rotated(first(), BOTH)
    assert begun["server"] == {"signer": 2, "trusted": [2, 1]}
    assert begun["client"] == {"signer": 1, "trusted": [2, 1]}
    assert promoted["client"] == {"signer": 2, "trusted": [2, 1]}
    assert retired["server"] == retired["client"] == {"signer": 2, "trusted": [2]}
    assert finished == {**retired, "rotation": None}


def test_whoever_signs_is_trusted_at_any_time() -> None:
    state = first()
    for kinds in (BOTH, ["client"], ["server"], BOTH):
        states = rotated(state, kinds)
        assert all(one[kind]["signer"] in one[kind]["trusted"] for one in states for kind in KINDS)
        state = states[-1]
    assert (state["server"]["signer"], state["client"]["signer"]) == (4, 4)


def test_one_kind_leaves_the_other_alone() -> None:
    for state in rotated(first(), ["client"]):
        assert state["server"] == first()["server"]


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_a_rotation_that_was_cut_goes_on_where_it_was(number: int) -> None:
    states = rotated(first(), BOTH)
    cut = states[number]
    for to in STEPS[: number + 1]:
        assert step(cut, to, BOTH) == cut
    assert rotated(cut, BOTH)[-1] == states[-1]


def test_no_step_is_left_out() -> None:
    assert step(first(), "promoted", BOTH) == first()
    assert step(first(), "retired", BOTH) == first()
    begun = step(first(), "begun", BOTH)
    assert step(begun, "retired", BOTH) == begun


def test_another_rotation_cannot_begin_meanwhile() -> None:
    begun = step(first(), "begun", ["client"])
    with pytest.raises(RotationError, match="client authority is under way"):
        step(begun, "begun", BOTH)


def test_state_is_read_from_the_directory(tmp_path: Path) -> None:
    state = step(first(), "begun", BOTH)
    (tmp_path / "authorities.json").write_text(json.dumps(state))
    assert load(str(tmp_path)) == state
    seen = view(str(tmp_path))
    assert seen["server"]["signer"]["name"] == "Mooring server CA 2"
    assert seen["server"]["signer"]["cross"].endswith("server-2-by-1.pem")
    assert seen["server"]["bundle"] == ""
    assert [one["name"] for one in upcoming(str(tmp_path), ["client"])] == ["Mooring client CA 2"]


AUTHORITY = {"signer": {"key_id": "aa", "name": "Mooring server CA 2"}, "fingerprints": ["f2", "f1"]}
GOOD = {"days_left": 90, "not_after": "2027-01-01T00:00:00Z", "names": ["DNS:trixie"], "authority_key_id": "aa"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"days_left": None}, "could not be read"),
        ({"days_left": 29}, "2027-01-01, in 29 days"),
        ({"names": []}, "lacks DNS:trixie"),
        # Only what belongs to another host makes it due before its time.
        ({"names": ["DNS:trixie", "IP:fd00::7"]}, ""),
        ({"names": ["DNS:Trixie"]}, ""),
        ({"names": ["DNS:trixie", "IP:192.0.2.8"]}, "it is also for IP:192.0.2.8 of forky"),
        ({"names": ["DNS:trixie", "DNS:*"]}, "it is also for DNS:* of forky"),
        ({"authority_key_id": "bb"}, "not signed by Mooring server CA 2"),
        ({"authority_key_id": None}, "not signed by Mooring server CA 2"),
    ],
)
def test_certificate_is_due_for_one_reason(change: dict[str, object], reason: str) -> None:
    fleet = {"trixie": ["DNS:trixie", "IP:192.0.2.7"], "forky": ["DNS:forky", "IP:192.0.2.8"]}
    found = certificate_due({**GOOD, **change}, AUTHORITY, 30, ["DNS:trixie"], fleet)
    assert (reason in found) if reason else found == ""


def test_missing_certificate_is_due() -> None:
    assert certificate_due(None, AUTHORITY, 30) == "there is none"


def test_trust_is_due_unless_it_is_exactly_that() -> None:
    assert not trust_due({"bundle": ["f2", "f1"]}, AUTHORITY)
    assert trust_due({"bundle": ["f2"]}, AUTHORITY)
    assert trust_due(None, AUTHORITY)
    assert trust_due({"bundle": []}, {"fingerprints": []})


def test_contexts_follow_from_the_fleet() -> None:
    tcp = ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]
    hosts = [
        {"inventory_hostname": "a", "ansible_host": "192.0.2.1", "docker_engine_endpoints": tcp},
        {"inventory_hostname": "b", "docker_engine_endpoints": tcp, "docker_engine_ssh_clients": [{}]},
        {
            "inventory_hostname": "c",
            "ansible_host": "2001:db8::3",
            "docker_engine_ssh_clients": [{}],
            "ansible_port": 22,
        },
        {"inventory_hostname": "d", "docker_engine_endpoints": ["tcp://127.0.0.1:2375"]},
        {"inventory_hostname": "e", "docker_engine_endpoints": ["tcp://192.0.2.5:2377"]},
    ]
    assert client_contexts(hosts) == {
        "a": "tcp://192.0.2.1:2376",
        "b": "tcp://b:2376",
        "b-ssh": "ssh://docker-remote@b",
        "c": "ssh://docker-remote@[2001:db8::3]:22",
        "e": "tcp://192.0.2.5:2377",
    }


def test_a_retired_authority_is_distrusted_until_each_host_was_seen_to_forget_it() -> None:
    state = step(step(first(), "begun", ["client"], leaving=["alice"]), "promoted")
    assert state["distrusted"] == []
    state = step(state, "retired", hosts=["a", "b", "c"])
    (one,) = state["distrusted"]
    assert (one["authority"], one["clients"], one["hosts"]) == ("Mooring client CA 1", ["alice"], ["a", "b", "c"])
    name = one["authority"]
    # A host that could not be asked counts as one that trusts it.
    state = seen(state, {"a": {name: False}, "b": {name: None}, "c": {name: True}})
    assert state["distrusted"] == [{**one, "hosts": ["b", "c"]}]
    assert seen(state, {"a": {}, "b": {name: False}, "c": {name: False}})["distrusted"][0]["hosts"] == ["a"]
    assert seen(state, {host: {name: False} for host in "abc"})["distrusted"] == []


def test_a_rotation_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    """Its state says nothing of hosts: all of them are to be asked."""
    old = {kind: {"signer": 2, "trusted": [2]} for kind in KINDS}
    old["rotation"] = {"step": "retired", "kinds": ["client"]}  # type: ignore[assignment]
    (tmp_path / "authorities.json").write_text(json.dumps(old))
    state = load(str(tmp_path))
    (one,) = state["distrusted"]
    assert (one["generation"], one["hosts"], one["clients"]) == (1, None, [])
    assert one["since"].endswith("Z")
    assert "all hosts" in outstanding(str(tmp_path))[0]
    assert rotation_plan(str(tmp_path), ["client"], [], removing=False, emergency=False) == {
        "problems": [], "anew": False, "at_once": True, "idle": False,
    }  # fmt: skip
    assert seen(state, {"a": {one["authority"]: False}, "b": {}})["distrusted"][0]["hosts"] == ["b"]
    # One that has not come as far, and one that is over.
    for rotation in ({"step": "begun", "kinds": ["client"]}, None):
        (tmp_path / "authorities.json").write_text(json.dumps({**old, "rotation": rotation}))
        assert load(str(tmp_path))["distrusted"] == []


@pytest.mark.parametrize("to", [None, *STEPS])
@pytest.mark.parametrize("kinds", [["client"], BOTH])
def test_an_emergency_trusts_one_authority_alone_wherever_a_rotation_was(to: str | None, kinds: list[str]) -> None:
    states = rotated(first(), kinds)
    state = first() if to is None else states[STEPS.index(to)]
    after = replace_at_once(state, ["alice"], ["a"])
    (signer,) = after["client"]["trusted"]
    assert signer == after["client"]["signer"]
    assert signer > max(state["client"]["trusted"])
    assert [one["generation"] for one in after["distrusted"]] == sorted(state["client"]["trusted"])
    assert all(one["clients"] == ["alice"] and one["hosts"] == ["a"] for one in after["distrusted"])
    # What was under way of the servers goes on, to its end.
    assert after["server"] == state["server"]
    assert (after["rotation"] or {}).get("kinds") == (["server"] if to and kinds == BOTH else None)
    assert step(after, "finished")["rotation"] == (None if to in (None, "retired") else after["rotation"])


def test_whoever_leaves_is_remembered(tmp_path: Path) -> None:
    state = step(step(first(), "begun", ["client"], leaving=["alice"]), "begun", ["client"], leaving=["bob"])
    assert state["rotation"]["leaving"] == ["alice", "bob"]
    (tmp_path / "authorities.json").write_text(json.dumps(state))
    assert "alice, bob may get in" in outstanding(str(tmp_path))[0]
    assert "is being removed" in name_problem(str(tmp_path), "alice", None, replace=True)
    assert "finish it first" in rotation_plan(str(tmp_path), BOTH, [], False, False)["problems"][0]
    assert replace_at_once(state, ["carol"], ["a"])["distrusted"][0]["clients"] == ["alice", "bob", "carol"]
