"""Nobody but root decides what runs as root, and nobody but those declared may tell the daemon."""

from __future__ import annotations

from typing import Any


def test_sockets_have_the_declared_owner_group_and_mode(observed: Any, declared: Any) -> None:
    wanted = declared["socket"]
    assert observed["sockets"], "no UNIX socket"
    for one in observed["sockets"]:
        assert (one["owner"], one["group"]) == (wanted["owner"], wanted["group"]), one["path"]
        assert int(one["mode"], 8) == int(wanted["mode"], 8), one["path"]


def test_group_of_the_sockets_has_the_declared_members(observed: Any, declared: Any) -> None:
    members = {member for one in observed["sockets"] for member in one["group_members"]}
    assert members - {"root"} == set(declared["users"])


def test_files_belong_to_root(observed: Any) -> None:
    owners = {path: one["owner"] for path, one in observed["files"].items() if one["kind"] != "link"}
    assert [path for path, owner in owners.items() if owner != "root"] == []


def test_files_are_written_by_root_alone(observed: Any) -> None:
    modes = {path: int(one["mode"], 8) for path, one in observed["files"].items() if one["kind"] != "link"}
    sockets = [path for path, one in observed["files"].items() if one["kind"] == "socket"]
    # A socket's group may use it.
    assert [path for path, mode in modes.items() if mode & (0o002 if path in sockets else 0o022)] == []


def test_private_keys_are_read_by_root_alone(observed: Any, declared: Any) -> None:
    files = observed["files"]
    modes = {path: int(one["mode"], 8) for path, one in files.items() if path.endswith("key.pem")}
    assert [path for path, mode in modes.items() if mode & 0o077] == []
    key = declared["certificate_files"].get("key")
    assert not declared["tls"] or int(files[key]["mode"], 8) & 0o077 == 0
