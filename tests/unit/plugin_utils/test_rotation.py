"""Authorities are replaced without a moment in which a client or a daemon is locked out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.filter.certificates import table
from ansible_collections.mooring.docker.plugins.plugin_utils import generations, keys
from ansible_collections.mooring.docker.plugins.plugin_utils.authorities import (
    KINDS,
    STEPS,
    State,
    index,
    load,
    name_problem,
    outstanding,
    save,
    view,
)
from ansible_collections.mooring.docker.plugins.plugin_utils.findings.certificates import controller
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation import plan as plans
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation import steps
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation.plan import Request, Rotation, plan, unfinished
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation.states import (
    RotationError,
    begun,
    finished,
    promoted,
    replaced_at_once,
    retired,
    seen,
)
from ansible_collections.mooring.docker.plugins.plugin_utils.signing import confirm
from test_keys import PASSPHRASE
from test_signing import authority, client, fill

BOTH = list(KINDS)
ALL = list(plans.STEPS)
AT_ONCE = ["remove", "forget", "confirm", "update", "finish"]
IDLE = ["remove", "finish"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return fill(tmp_path)


def fleet(directory: Path, **change: Any) -> dict[str, Any]:
    """A fleet with two daemons by these authorities, as ``fleet.resolve`` describes it."""
    host = {"restart": "only_without_containers", "endpoints": []}
    hosts = {name: {**host, **change.pop(name, {})} for name in ("trixie", "forky")}
    names = list(hosts)
    days = {"certificate_days": 397, "ca_days": 3650}
    return {
        "ca_directory": str(directory), "passphrase": PASSPHRASE, "hosts": hosts, "tls": names, "checked": names,
        **days, **change,
    }  # fmt: skip


def request(kinds: list[str] | None = None, leaving: list[str] | None = None, **change: bool) -> Request:
    return {
        "kinds": BOTH if kinds is None else kinds,
        "leaving": leaving or [],
        "removing": change.get("removing", False),
        "emergency": change.get("emergency", False),
    }


def planned(directory: Path, asked: Request, check: bool = False, **change: Any) -> Rotation:
    return plan(fleet(directory, **change), asked, check)


def removed(directory: Path, name: str, emergency: bool = False) -> Rotation:
    return planned(directory, request(["client"], [name], removing=True, emergency=emergency))


def first() -> State:
    return load("/nonexistent")


def rotated(state: State, kinds: list[str]) -> list[State]:
    """The states of one rotation, each after its step."""
    states = [begun(state, kinds, [])]
    for change in (promoted, lambda before: retired(before, []), finished):
        states.append(change(states[-1]))
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
    taken = [lambda state: begun(state, BOTH, []), promoted, lambda state: retired(state, [])][: number + 1]
    assert all(change(cut) == cut for change in taken)
    assert rotated(cut, BOTH)[-1] == states[-1]


def test_no_step_is_left_out() -> None:
    assert promoted(first()) == retired(first(), ["a"]) == finished(first()) == first()
    state = begun(first(), BOTH, [])
    assert retired(state, ["a"]) == finished(state) == state
    assert finished(promoted(state)) == promoted(state)


def test_another_rotation_cannot_begin_meanwhile() -> None:
    state = begun(first(), ["client"], [])
    with pytest.raises(RotationError, match="client authority is under way"):
        begun(state, BOTH, [])


def test_a_retired_authority_is_distrusted_until_each_host_was_seen_to_forget_it() -> None:
    state = promoted(begun(first(), ["client"], ["alice"]))
    assert state["distrusted"] == []
    state = retired(state, ["a", "b", "c"])
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
    for kind in KINDS:
        (tmp_path / "authorities").mkdir(exist_ok=True)
        authority(tmp_path, kind, 2)
    assert planned(tmp_path, request(["client"]))["steps"] == AT_ONCE
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
    after = replaced_at_once(state, ["alice"], ["a"])
    (signer,) = after["client"]["trusted"]
    assert signer == after["client"]["signer"]
    assert signer > max(state["client"]["trusted"])
    assert [one["generation"] for one in after["distrusted"]] == sorted(state["client"]["trusted"])
    assert all(one["clients"] == ["alice"] and one["hosts"] == ["a"] for one in after["distrusted"])
    # What was under way of the servers goes on, to its end.
    assert after["server"] == state["server"]
    assert (after["rotation"] or {}).get("kinds") == (["server"] if to and kinds == BOTH else None)
    assert finished(after)["rotation"] == (None if to in (None, "retired") else after["rotation"])


def test_whoever_leaves_is_remembered(tmp_path: Path) -> None:
    state = begun(begun(first(), ["client"], ["alice"]), ["client"], ["bob"])
    assert state["rotation"]["leaving"] == ["alice", "bob"]
    (tmp_path / "authorities.json").write_text(json.dumps(state))
    assert "alice, bob may get in" in outstanding(str(tmp_path))[0]
    assert "is being removed" in name_problem(str(tmp_path), "alice", None, replace=True)
    (problem,) = planned(tmp_path, request())["problems"][:1]
    assert """finish it first, by playbooks/replace_authorities.yml -e '{"kinds": ["client"]}'""" in problem
    assert replaced_at_once(state, ["carol"], ["a"])["distrusted"][0]["clients"] == ["alice", "bob", "carol"]


def test_a_removed_client_gets_in_where_its_authority_is_not_forgotten(directory: Path) -> None:
    client(directory, "alice")
    confirm(str(directory), "client", "alice")
    assert removed(directory, "alice", emergency=True)["steps"] == ["begin", *AT_ONCE]
    state = replaced_at_once(load(str(directory)), ["alice"], ["trixie"])
    save(str(directory), state)
    (entry,) = index(str(directory), "client")
    assert (entry["trusted"], entry["hosts"], entry["lets_in"]) == (False, ["trixie"], True)
    # Said again it goes on, and makes no further authority.
    assert removed(directory, "alice", emergency=True)["steps"] == AT_ONCE
    save(str(directory), seen(state, {"trixie": {"Mooring client CA 1": False}}))
    assert not index(str(directory), "client")[0]["lets_in"]
    for emergency in (True, False):
        assert removed(directory, "alice", emergency)["steps"] == IDLE


def test_who_was_renewed_already_is_not_removed_by_the_rotation_under_way(directory: Path) -> None:
    """It would end well, with the client still in by the next authority."""
    save(str(directory), promoted(begun(load(str(directory)), ["client"], [])))
    client(directory, "alice", number=2)
    (problem,) = removed(directory, "alice")["problems"]
    assert "alice has a certificate by Mooring client CA 2 already" in problem
    assert problem.endswith("or say -e emergency=true")
    # Where there is no such option, the playbook is named.
    (problem,) = planned(directory, request(["client"], ["alice"]))["problems"]
    assert problem.endswith("or run playbooks/replace_client_authority_now.yml")
    # Superseded ones count as well.
    client(directory, "bob", number=2)
    client(directory, "bob", number=1)
    assert removed(directory, "bob")["problems"]
    assert removed(directory, "alice", emergency=True)["steps"][0] == "begin"


def test_what_is_outstanding_is_told_wherever_one_looks(directory: Path) -> None:
    for _time in range(2):
        client(directory, "alice")
        confirm(str(directory), "client", "alice")
    assert [line.split()[1:3] for line in table(str(directory))[1:]] == [["alice", "current"], ["alice", "superseded"]]
    # The keys of these authorities are encrypted as they were once.
    assert {one.id for one in controller(str(directory), 14, 397)} == {"certificates.authorities_due"}
    state = replaced_at_once(load(str(directory)), ["alice"], ["trixie", "forky"])
    save(str(directory), state)
    place = directory / "issued/clients"
    for one in index(str(directory), "client"):
        for file in one["files"]:
            (place / file).rename(place / f"{file}.removed")
    *lines, last = table(str(directory))[1:]
    assert [line.split()[2] for line in lines] == ["removed", "removed"]
    assert all(line.endswith(" on trixie, forky") for line in lines)
    assert "daemons of trixie, forky were not seen to distrust it" in last
    (finding,) = (one for one in controller(str(directory), 14, 397) if one.id == "certificates.rotation")
    assert (finding.severity, finding.observed) == ("error", last)
    those = fleet(directory, trixie={"restart": "never"})
    assert any("docker_engine_restart is never on trixie, and" in sentence for sentence in unfinished(those, False))
    # Nobody is locked out: whoever is in the index has left.
    assert not any("locked out" in sentence for sentence in unfinished(those, True))
    client(directory, "bob")
    assert any("bob is locked out" in sentence for sentence in unfinished(those, True))


# --- the plan


@pytest.mark.parametrize(
    ("kinds", "leaving", "sentence"),
    [
        ([], [], "leave it out to replace both"),
        ("client", [], """say -e '{"kinds": ["client"]}'"""),
        (["clients"], [], "kinds ['clients']"),
        (BOTH, "alice", """it must be a list of clients, -e '{"without": ["NAME"]}'"""),
        (BOTH, [1], "without [1]"),
    ],
)
def test_a_request_that_means_nothing_is_refused(directory: Path, kinds: Any, leaving: Any, sentence: str) -> None:
    rotation = planned(directory, {**request(), "kinds": kinds, "leaving": leaving})
    assert (len(rotation["problems"]), rotation["steps"]) == (1, [])
    assert sentence in rotation["problems"][0]


def test_daemons_that_may_not_restart_are_refused_unless_it_is_an_emergency(directory: Path) -> None:
    never = {"trixie": {"restart": "never"}}
    rotation = planned(directory, request(), **never)
    assert "docker_engine_restart is never on trixie, but" in rotation["problems"][0]
    assert (rotation["steps"], rotation["trust"], rotation["forget"]) == ([], [], [])
    assert planned(directory, request(["client"], emergency=True), **never)["steps"] == ["begin", *AT_ONCE]


def test_there_must_be_authorities(tmp_path: Path) -> None:
    assert "run playbooks/site.yml first" in planned(tmp_path, request())["problems"][0]
    # To remove somebody who has no certificate it takes none.
    assert removed(tmp_path, "alice")["steps"] == IDLE


def test_hosts_take_the_steps_that_concern_them(directory: Path) -> None:
    rotation = planned(directory, request(), tls=["trixie"])
    assert (rotation["steps"], rotation["trust"], rotation["forget"]) == (ALL, ["trixie"], ["trixie", "forky"])
    assert rotation["batch"] == "1"
    rotation = planned(directory, request(["client"], emergency=True))
    assert (rotation["trust"], rotation["forget"], rotation["batch"]) == ([], ["trixie", "forky"], "100%")


def test_check_mode_is_a_preview_without_steps(directory: Path) -> None:
    rotation = planned(directory, request(), check=True)
    assert (rotation["steps"], rotation["trust"], rotation["forget"]) == ([], [], [])
    assert rotation["preview"] == (
        "Would replace the authority of servers and the authority of clients, restart the daemons of trixie, forky and "
        "renew the clients"
    )
    assert not planned(directory, request(["client"], ["alice"], removing=True), check=True)["preview"]


def test_whom_a_rotation_removes_is_left_behind_by_whoever_goes_on_with_it(directory: Path) -> None:
    save(str(directory), begun(load(str(directory)), ["client"], ["mallory"]))
    assert planned(directory, request(["client"], ["alice"]))["leaving"] == ["alice", "mallory"]


def test_who_has_no_certificate_is_removed_during_a_rotation_for_others(directory: Path) -> None:
    """That rotation may wait for days, and is not this removal's to go on with."""
    save(str(directory), begun(load(str(directory)), BOTH, ["mallory"]))
    assert (removed(directory, "alice")["problems"], removed(directory, "alice")["steps"]) == ([], IDLE)
    assert "finish it first" in removed(directory, "mallory")["problems"][0]
    client(directory, "alice")
    assert "finish it first" in removed(directory, "alice")["problems"][0]


# --- the steps


@pytest.fixture
def authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Authorities whose keys can be used, cheaply."""
    monkeypatch.setattr(keys, "_N", 16)
    for kind in KINDS:
        generations.make(str(tmp_path), kind, 1, PASSPHRASE, 397, 3650)
    (tmp_path / "tls").mkdir()
    return tmp_path


def trusting(monkeypatch: pytest.MonkeyPatch, **hosts: dict[str, bool | None]) -> None:
    """Let the daemons trust these."""
    monkeypatch.setattr(steps, "_trust", lambda _fleet, _answers: hosts)


REACHED: dict[str, dict[str, Any]] = {"trixie": {"host": {}}, "forky": {"host": {}}}
NEXT, OLD = "Mooring client CA 2", "Mooring client CA 1"


def test_a_rotation_begins_once(authorities: Path) -> None:
    rotation = planned(authorities, request())
    done = steps.begin(fleet(authorities), rotation)
    assert [word for word in done if word.startswith("make")] == ["make Mooring server CA 2", f"make {NEXT}"]
    assert steps.begin(fleet(authorities), rotation) == []
    assert [one["name"] for one in view(str(authorities))["client"]["trusted"]] == [NEXT, OLD]


def test_clients_are_signed_anew_when_every_daemon_trusts_it(
    authorities: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client(authorities, "alice", passphrase=PASSPHRASE)
    rotation = planned(authorities, request(leaving=["mallory"]))
    steps.begin(fleet(authorities), rotation)
    trusting(monkeypatch, trixie={NEXT: True}, forky={NEXT: None})
    for answers in (REACHED, {"trixie": REACHED["trixie"]}, {**REACHED, "forky": {"unreachable": True}}):
        with pytest.raises(RotationError, match=r"^forky could not be reached") as waiting:
            steps.promote(fleet(authorities), rotation, answers)
        assert "so that mallory still gets in" in str(waiting.value)
        assert "replace_client_authority_now.yml" in str(waiting.value)
    trusting(monkeypatch, trixie={NEXT: True}, forky={NEXT: True})
    with pytest.raises(RotationError, match=r"^forky could not"):
        steps.promote(fleet(authorities), rotation, {"trixie": REACHED["trixie"]})
    assert steps.promote(fleet(authorities), rotation, REACHED)
    assert view(str(authorities))["client"]["signer"]["name"] == NEXT


def test_nobody_is_locked_out_who_was_not_named(authorities: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(authorities, "alice", passphrase=PASSPHRASE)
    confirm(str(authorities), "client", "alice")
    rotation = planned(authorities, request())
    steps.begin(fleet(authorities), rotation)
    trusting(monkeypatch, trixie={NEXT: True}, forky={NEXT: True})
    steps.promote(fleet(authorities), rotation, REACHED)
    with pytest.raises(RotationError, match="alice would be locked out") as waiting:
        steps.retire(fleet(authorities), rotation)
    assert """-e '{"without": ["alice"]}'""" in str(waiting.value)
    leaving = planned(authorities, request(leaving=["alice"]))
    assert steps.remove(fleet(authorities), leaving) == [], "its authority is still trusted"
    steps.retire(fleet(authorities), leaving)
    assert steps.remove(fleet(authorities), leaving) == ["take alice.pem from the index"]
    assert [entry["status"] for entry in index(str(authorities), "client")] == ["removed"]


def test_a_rotation_ends_when_every_daemon_was_seen_to_forget(
    authorities: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = planned(authorities, request())
    steps.begin(fleet(authorities), rotation)
    trusting(monkeypatch, trixie={NEXT: True, OLD: False}, forky={NEXT: True, OLD: None})
    steps.promote(fleet(authorities), rotation, REACHED)
    steps.retire(fleet(authorities), rotation)
    steps.confirm(fleet(authorities), REACHED)
    with pytest.raises(RotationError, match="daemons of forky were not seen"):
        steps.finish(fleet(authorities), rotation)
    # A removal tells it among all other ways in.
    assert steps.finish(fleet(authorities), {**rotation, "removing": True}) == []
    assert load(str(authorities))["rotation"]
    trusting(monkeypatch, trixie={OLD: False}, forky={OLD: False})
    steps.confirm(fleet(authorities), REACHED)
    assert steps.finish(fleet(authorities), rotation)
    assert load(str(authorities))["rotation"] is None
    assert outstanding(str(authorities)) == []


def test_an_emergency_makes_one_authority_and_names_who_is_locked_out(authorities: Path) -> None:
    client(authorities, "alice", passphrase=PASSPHRASE)
    confirm(str(authorities), "client", "alice")
    rotation = planned(authorities, request(["client"], emergency=True))
    steps.begin(fleet(authorities), rotation)
    assert [one["name"] for one in view(str(authorities))["client"]["trusted"]] == [NEXT]
    with pytest.raises(RotationError, match="alice is locked out until it is renewed"):
        steps.finish(fleet(authorities), rotation)
    # Killed behind that, the same again makes no other.
    assert planned(authorities, request(["client"], emergency=True))["steps"] == AT_ONCE
