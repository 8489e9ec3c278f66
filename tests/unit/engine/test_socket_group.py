"""Who is in the socket's group, who is taken out, and which processes end."""

from __future__ import annotations

import grp
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine import socket_group
from ansible_collections.mooring.docker.plugins.module_utils._engine.socket_group import Declaration, Plan, due, plan
from ansible_collections.mooring.docker.plugins.module_utils._system import processes


def group(**changed: Any) -> dict[str, Any]:
    """A group with one member, one who must not be in it, root, and the account of clients over SSH."""
    return {
        "gid": 999,
        "members": ["bob", "deploy", "root"],
        "primary": ["docker-remote"],
        "own": ["docker-remote"],
        "administrators": [],
        "password": False,
        "holders": [
            {"pid": 10, "name": "bash", "user": "bob"},
            {"pid": 10, "name": "bash", "user": "bob"},
            {"pid": 11, "name": "bash", "user": "deploy"},
            {"pid": 12, "name": "docker", "user": "docker-remote"},
            {"pid": 13, "name": "left", "user": "1005"},
        ],
        **changed,
    }


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (Declaration("docker", ["deploy"]), Plan()),
        (Declaration("docker", ["deploy", "eve", "eve"]), Plan(add=["eve"])),
        (Declaration("docker", ["deploy"], exclusive=True), Plan(remove=["bob"], end=[10, 13])),
        (Declaration("docker", ["deploy", "bob"], exclusive=True), Plan(end=[13])),
        (Declaration("docker", [], absent=["bob", "nobody-knows"]), Plan(remove=["bob"], end=[10])),
        # Mooring's account is in the group by its primary group, and is not added.
        (Declaration("docker", ["deploy", "docker-remote"]), Plan()),
        (Declaration("docker", [], absent=["root", "docker-remote"]), Plan()),
    ],
)
def test_plan(declared: Declaration, expected: Plan) -> None:
    assert plan(declared, group()) == expected


def test_who_is_out_lets_nobody_in() -> None:
    """By an administrator of the group, or by its password."""
    seen = group(members=[], holders=[], administrators=["bob", "root"], password=True)
    assert plan(Declaration("docker", [], absent=["bob"]), seen) == Plan(demote=["bob"])
    assert plan(Declaration("docker", [], exclusive=True), seen) == Plan(demote=["bob"], lock=True)
    assert plan(Declaration("docker", []), seen) == Plan()


@pytest.mark.parametrize(
    ("line", "administrators", "password"),
    [
        ("docker:!::bob", [], False),
        ("docker::eve,bob:", ["bob", "eve"], False),
        ("docker:$y$j9T$x:bob:", ["bob"], True),
        ("dockers:$y$j9T$x:bob:", [], False),
    ],
)
def test_what_lets_in_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, administrators: list[str], password: bool
) -> None:
    (tmp_path / "gshadow").write_text(f"root:*::\n{line}\n")
    monkeypatch.setattr(socket_group, "_GSHADOW", tmp_path / "gshadow")
    entry = grp.struct_group(("docker", "x", 4711, ["bob"]))
    monkeypatch.setattr(socket_group.grp, "getgrnam", lambda _name: entry)
    seen = socket_group.observe("docker") or {}
    assert (seen["administrators"], seen["password"]) == (administrators, password)


def test_who_was_taken_out_and_whose_session_goes_on_is_ended() -> None:
    """As after a run that was cut between both."""
    assert plan(Declaration("docker", ["deploy"], absent=["bob"]), group(members=["deploy"])) == Plan(end=[10])


@pytest.mark.parametrize(
    ("declared", "seen", "reason"),
    [
        (Declaration("docker", []), None, "no group docker"),
        (Declaration("docker", ["bob"], absent=["bob"]), group(), "bob cannot be in group docker and absent"),
        (Declaration("docker", [], True), group(primary=["carol"]), "primary group of carol"),
        (Declaration("docker", [], absent=["carol"]), group(primary=["carol"]), "usermod --gid GROUP carol"),
    ],
)
def test_what_cannot_be_is_refused(declared: Declaration, seen: dict[str, Any] | None, reason: str) -> None:
    assert reason in "; ".join(plan(declared, seen).problems)


def test_what_is_due_is_told_from_what_was_seen() -> None:
    assert not due(group(), "docker", ["deploy"], False)
    assert due(group(), "docker", ["deploy"], True)
    # A group that is to come with the engine.
    assert not due(None, "docker", [], True)
    assert due(None, "docker", ["deploy"], False)


def status(directory: Path, pid: int, nested: bool, cgroup: str, user_namespace: int) -> None:
    """A process as /proc shows it."""
    one = directory / str(pid)
    (one / "ns").mkdir(parents=True)
    spaces = f"{pid}\t1" if nested else f"{pid}"
    (one / "status").write_text(
        f"Name:\tx\nState:\tS (sleeping)\nPid:\t{pid}\nPPid:\t1\nUid:\t999\t999\t999\t999\n"
        f"Gid:\t7\t7\t7\t7\nGroups:\t8 9 \nNSpid:\t{spaces}\n"
    )
    (one / "cgroup").write_text(f"0::{cgroup}\n")
    (one / "ns/user").symlink_to(f"user:[{user_namespace}]")


CONTAINER = "docker-" + "0123456789abcdef" * 4 + ".scope"


@pytest.mark.parametrize(
    ("nested", "cgroup", "user_namespace", "is_the_hosts"),
    [
        (False, "/system.slice/ssh.service", 1, True),
        (True, f"/system.slice/{CONTAINER}", 1, False),
        (True, "/machine.slice/machine-web.scope", 1, False),
        # docker run --pid host
        (False, f"/system.slice/{CONTAINER}", 1, False),
        # unshare --user --pid, and a control group of the user's own: nobody hides so.
        (True, "/user.slice/user-1.slice/session-1.scope", 2, True),
        (False, f"/user.slice/user-1.slice/user@1.service/{CONTAINER}", 1, True),
    ],
)
def test_containers_processes_are_none_of_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: bool, cgroup: str, user_namespace: int, is_the_hosts: bool
) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    status(tmp_path, 1, False, "/init.scope", 1)
    status(tmp_path, 70, nested, cgroup, user_namespace)
    found = [process for process in processes.running() if process.pid == 70]
    assert [(one.users, one.groups) for one in found] == ([(frozenset({999}), frozenset({7, 8, 9}))] * is_the_hosts)


def test_processes_end_with_those_that_they_start() -> None:
    # The shell starts another sleep whenever one ends.
    shell = subprocess.Popen(["sh", "-c", "while :; do sleep 60; done"], start_new_session=True)
    other = subprocess.Popen(["sleep", "60"])

    def of_the_shell(one: processes.Process) -> bool:
        try:
            return os.getsid(one.pid) == shell.pid
        except ProcessLookupError:
            return False

    try:
        assert processes.end(of_the_shell) >= 1
        assert shell.wait(5) == -9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_what_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_signal", lambda *_arguments: None)
    with pytest.raises(processes.EndError, match=f"pid {os.getpid()}"):
        processes.end(lambda one: one.pid == os.getpid(), timeout=0.1)


def test_ancestors_are_above_this_process() -> None:
    assert {os.getpid(), os.getppid()} - {1} <= processes.ancestors()
    assert socket_group.observe("no-such-group") is None


class Host:
    """A group whose members gpasswd changes, and what holds it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.members = ["bob", "deploy", "root"]
        self.ended: list[int] = []
        patch.setattr(socket_group, "observe", lambda _name: group(members=self.members, administrators=["bob"]))
        patch.setattr(socket_group.commands, "run", self._run)
        patch.setattr(socket_group.grp, "getgrnam", lambda _name: SimpleNamespace(gr_gid=999, gr_mem=self.members))
        patch.setattr(socket_group, "_exists", lambda user: user != "nobody-knows")
        patch.setattr(socket_group.files, "owner_name", {1: "bob", 2: "deploy", 3: "docker-remote"}.get)
        patch.setattr(socket_group.processes, "ancestors", lambda: {10})
        patch.setattr(socket_group.processes, "end", self._end)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.log.append(" ".join(words))
        if words[1] == "--add":
            self.members = sorted({*self.members, words[2]})
        if words[1] == "--delete":
            self.members = sorted({*self.members} - {words[2]})
        return subprocess.CompletedProcess(words, 0, "", "")

    def _end(self, chosen: Any) -> int:
        # The session of this run, another of bob's, one that holds the group no more, and those who may hold it.
        there = [(10, 1, 999), (20, 1, 999), (21, 1, 7), (22, 2, 999), (23, 3, 999), (24, 0, 999)]
        for pid, user, held in there:
            if chosen(processes.Process(pid, 1, "x", frozenset({user}), frozenset({held}))):
                self.ended.append(pid)
        return len(self.ended)


def test_the_group_is_brought_to_its_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    done = socket_group.ensure(Declaration("docker", ["deploy", "eve"], exclusive=True), check_mode=False)
    # Who administers the group could come in again.
    assert host.log == [
        "gpasswd --administrators  docker",
        "gpasswd --add eve docker",
        "gpasswd --delete bob docker",
    ]
    assert host.members == ["deploy", "eve", "root"]
    assert host.ended == [20]
    # Its own connection ends by itself once it is told to.
    assert (done["reconnect"], done["changed"], done["ended"]) == (True, True, 1)


def test_a_dry_run_leaves_the_group_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    done = socket_group.ensure(Declaration("docker", ["deploy"], exclusive=True), check_mode=True)
    assert (done["changed"], done["removed"], host.log, host.ended) == (True, ["bob"], [], [])


def test_nothing_is_changed_where_one_user_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    with pytest.raises(socket_group.GroupError, match="there is no user nobody-knows"):
        socket_group.ensure(Declaration("docker", ["deploy", "nobody-knows"], exclusive=True), check_mode=False)
    assert (host.log, host.ended) == ([], [])


def test_members_that_gpasswd_does_not_change_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory service may name them. Nobody's process ends for it."""
    host = Host(monkeypatch)
    monkeypatch.setattr(socket_group, "_change", lambda *_words: None)
    with pytest.raises(socket_group.GroupError, match="where a directory service names its members"):
        socket_group.ensure(Declaration("docker", ["deploy"], exclusive=True), check_mode=False)
    assert host.ended == []
