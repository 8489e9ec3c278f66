"""What brings the SSH side of a host to its declaration: who is out is out, and a run that was killed is finished."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._ssh import access, sshd, sshd_config
from ansible_collections.mooring.docker.plugins.module_utils._ssh import keys as ssh_keys
from ansible_collections.mooring.docker.plugins.module_utils._ssh.access import Access, AccessError
from ansible_collections.mooring.docker.plugins.module_utils._system import files
from test_access import ACCESS, ALICE, CALM, KNOWN, LISTENER, SOCKET

UID = 4711


class Killed(BaseException):
    """The run was killed."""


class Host:
    """The account, the keys and the drop-in on a host whose sshd does as its files say."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.users: dict[str, int] = {}
        """Accounts with Mooring's home."""
        self.others: set[str] = set()
        self.obstacle: Callable[[str | None], str | None] = lambda _text: None
        """What sshd misses, by the text of the drop-in."""
        self.fails: Callable[[str], None] = lambda _line: None
        self.at_command: Callable[[], None] = lambda: None
        home = root / "home"
        for module, name, path in (
            (sshd, "HOME", home),
            (sshd, "KEYS", home / ".ssh/authorized_keys"),
            (sshd, "PENDING", root / "state/ssh.json"),
            (state, "STATE", root / "state"),
            (sshd_config, "DROP_IN", root / "sshd/00-mooring.conf"),
        ):
            patch.setattr(module, name, path)
        self.spool = root / "spool"
        self.spool.mkdir()
        patch.setattr(access, "_SPOOLS", (str(self.spool),))
        patch.setattr(access, "_STARTERS", (f"{root}/cron/{{}}",))
        patch.setattr(access.commands, "run", self._run)
        patch.setattr(access.sshd, "observe", self.observe)
        patch.setattr(access.sshd, "accounts", self._accounts)
        patch.setattr(access.sshd, "listeners", lambda: [])
        patch.setattr(access.processes, "end", self._end)
        patch.setattr(access, "_load", lambda _settings: self.log.append("load"))
        patch.setattr(access, "_exists", self._exists)
        patch.setattr(access.files, "owner_name", lambda uid: {v: k for k, v in self.users.items()}.get(uid, str(uid)))

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = " ".join(words)
        self.at_command()
        self.fails(line)
        self.log.append(line)
        if words[0] == "useradd":
            self.users[words[-1]] = UID
        if words[0] == "userdel":
            del self.users[words[-1]]
        return subprocess.CompletedProcess(words, 0, "", "")

    def _end(self, chosen: Any, _asked: Any = None) -> int:
        self.log.append("end")
        return 1

    def _exists(self, _look_up: Any, name: str) -> bool:
        return name in {*self.users, *self.others, "docker"}

    def _accounts(self) -> list[pwd.struct_passwd]:
        return [
            pwd.struct_passwd((name, "*", uid, 994, "", str(sshd.HOME), "/bin/sh")) for name, uid in self.users.items()
        ]

    def observe(self, _user: str, _client: Any = None, _socket: Any = None) -> Any:
        text = files.text(sshd_config.DROP_IN)
        problem = self.obstacle(text)
        wanted = sshd.values(_socket or SOCKET, KNOWN)
        effective = {**KNOWN, **{name.lower(): value.split() for name, value in wanted.items()}}
        return {
            "accounts": dict.fromkeys(self.users, ACCESS.account),
            "authorized_keys": state.file_digest(str(sshd.KEYS)),
            "has_home": sshd.HOME.exists(),
            "guarded": sshd.is_guarded(),
            "drop_in": text,
            "loaded": True,
            "pending": sshd.PENDING.exists(),
            "configuration": CALM,
            "listeners": [LISTENER],
            "settings": KNOWN,
            "error": None,
            # What sshd would be, or is, with the drop-in.
            "trial": {"settings": effective, "error": problem},
        }


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def settle(declared: Access = ACCESS) -> None:
    """All is as declared; a second run finds nothing to do."""
    access.ensure(declared, check_mode=False)
    again = access.ensure(declared, check_mode=False)
    assert (again["changed"], again["ended"]) == (False, 0)


def test_clients_get_an_account_without_a_password_and_a_home_of_roots(host: Host) -> None:
    settle()
    assert host.log == [
        "load",
        f"useradd --gid docker --shell /bin/sh --password * --system --no-create-home --home-dir {sshd.HOME} "
        "--comment Docker over SSH docker-remote",
    ]
    assert sshd.KEYS.read_text() == ACCESS.keys
    assert sshd.is_guarded()
    assert not sshd.PENDING.exists()


def test_an_account_that_could_do_more_is_mended_and_its_sessions_end(host: Host, tmp_path: Path) -> None:
    settle()
    host.log.clear()
    strange = {"groups": ["docker", "sudo"], "shell": "/bin/bash", "password": True, "expires": False}
    seen = host.observe("docker-remote")

    def observe(*_words: Any) -> Any:
        return {**seen, "accounts": {"docker-remote": strange}} if not host.log else seen

    access.sshd.observe = observe
    done = access.ensure(ACCESS, check_mode=False)
    assert done["steps"] == ["account"]
    assert host.log == [
        "usermod --gid docker --shell /bin/sh --password * --groups  --expiredate  docker-remote",
        "end",
    ]
    assert done["ending"] == ["docker-remote"]


def test_who_loses_a_key_is_out_when_the_run_ends(host: Host) -> None:
    settle()
    host.log.clear()
    at_end: list[str] = []
    original = access.processes.end
    access.processes.end = lambda *words: at_end.append(sshd.KEYS.read_text()) or original(*words)  # type: ignore[func-returns-value]
    fewer = replace(ACCESS, clients={"bob": ACCESS.clients["bob"]})
    done = access.ensure(fewer, check_mode=False)
    assert (done["ending"], done["ended"], host.log) == (["docker-remote"], 1, ["end"])
    # Nobody comes in again with the old key after that.
    assert at_end == [fewer.keys]


def test_a_key_more_ends_nobodys_session(host: Host) -> None:
    settle()
    host.log.clear()
    done = access.ensure(replace(ACCESS, clients={**ACCESS.clients, "carol": ALICE + "x"}), check_mode=False)
    assert (done["ending"], done["ended"], host.log) == ([], 0, [])


def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(host: Host) -> None:
    settle()
    fewer = replace(ACCESS, clients={"bob": ACCESS.clients["bob"]})

    def kill(*_words: Any) -> int:
        raise Killed

    original, access.processes.end = access.processes.end, kill
    with pytest.raises(Killed):
        access.ensure(fewer, check_mode=False)
    access.processes.end = original
    host.log.clear()
    done = access.ensure(fewer, check_mode=False)
    assert (done["steps"], done["ending"], done["ended"]) == (["finish"], ["docker-remote"], 1)
    assert not sshd.PENDING.exists()
    assert access.ensure(fewer, check_mode=False)["changed"] is False


def test_whose_sessions_are_to_end_is_noted_before_an_account_changes(host: Host) -> None:
    settle()
    noted: list[bool] = []
    host.at_command = lambda: noted.append(sshd.PENDING.exists())
    access.ensure(replace(ACCESS, user="other"), check_mode=False)
    assert noted
    assert all(noted)
    noted.clear()
    access.ensure(replace(ACCESS, clients={}, user="other"), check_mode=False)
    assert noted
    assert all(noted)


def test_without_clients_nothing_is_left(host: Host, tmp_path: Path) -> None:
    settle()
    host.log.clear()
    nobody = replace(ACCESS, clients={})
    settle(nobody)
    assert host.log == ["usermod --expiredate 1 docker-remote", "end", "userdel docker-remote", "end", "end"]
    assert not sshd.HOME.exists()
    assert not sshd_config.DROP_IN.exists()
    assert not sshd.PENDING.exists()


def test_a_drop_in_that_does_not_keep_the_account_is_taken_back(host: Host) -> None:
    settle()
    before = sshd_config.DROP_IN.read_text()
    host.log.clear()
    elsewhere = replace(ACCESS, socket="/srv/d.sock")
    host.obstacle = lambda text: "a line is wrong" if text and "/srv/d.sock" in text else None
    with pytest.raises(AccessError, match="is as it was before"):
        access.ensure(elsewhere, check_mode=False)
    assert sshd_config.DROP_IN.read_text() == before
    assert host.log == []


def test_an_account_of_somebody_elses_is_not_taken_over(host: Host) -> None:
    host.others = {"docker-remote"}
    with pytest.raises(AccessError, match="that Mooring has not made"):
        access.ensure(ACCESS, check_mode=False)
    assert (host.log, sshd_config.DROP_IN.exists(), sshd.HOME.exists()) == ([], False, False)


def test_a_dry_run_changes_nothing(host: Host) -> None:
    assert access.ensure(ACCESS, check_mode=True)["changed"]
    assert (host.log, sshd_config.DROP_IN.exists(), sshd.HOME.exists(), sshd.PENDING.exists()) == ([], *[False] * 3)


def test_what_would_start_something_for_the_account_goes_with_it(host: Host, tmp_path: Path) -> None:
    settle()
    crontab, job, foreign = tmp_path / "cron/docker-remote", host.spool / "a1", host.spool / "a2"
    crontab.parent.mkdir()
    for path, owner in ((crontab, UID), (job, UID), (foreign, 0)):
        path.write_text("job")
        os.chown(path, owner, owner)
    access.ensure(replace(ACCESS, clients={}), check_mode=False)
    assert [path.exists() for path in (crontab, job, foreign)] == [False, False, True]


@pytest.mark.parametrize("change", ["another file", "writable", "of another", "a link"])
def test_keys_that_others_may_change_are_made_anew(host: Host, tmp_path: Path, change: str) -> None:
    settle()
    if change == "another file":
        (sshd.HOME / ".bashrc").write_text("sh")
    elif change == "writable":
        sshd.KEYS.chmod(0o664)
    elif change == "of another":
        os.chown(sshd.KEYS.parent, UID, UID)
    else:
        (tmp_path / "elsewhere").mkdir()
        sshd.KEYS.unlink()
        sshd.KEYS.parent.rmdir()
        sshd.KEYS.parent.symlink_to(tmp_path / "elsewhere")
    assert not sshd.is_guarded()
    settle()
    assert sshd.is_guarded()
    assert ssh_keys.grants(sshd.KEYS.read_text()) == ssh_keys.grants(ACCESS.keys)
