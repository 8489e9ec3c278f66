"""That a daemon forgot an authority is believed where it was seen, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.plugin_utils import trust
from test_signing import authority

OLD, NEW = "Mooring client CA 1", "Mooring client CA 2"
REFUSED = {
    "authenticated": False,
    "trusted": True,
    "error": "the client certificate is refused: TLSV1 ALERT UNKNOWN CA",
}
ACCEPTED = {"authenticated": True, "trusted": True, "error": None}


@pytest.fixture
def directory(tmp_path: Path) -> str:
    """A fleet's authorities, the first one of clients distrusted."""
    (tmp_path / "authorities").mkdir()
    for kind, number in (("server", 1), ("client", 1), ("client", 2)):
        authority(tmp_path, kind, number)
    one = {"authority": OLD, "generation": 1, "since": "2026-01-01T00:00:00Z", "clients": [], "hosts": ["a"]}
    state = {"server": {"signer": 1, "trusted": [1]}, "client": {"signer": 2, "trusted": [2]}, "rotation": None}
    (tmp_path / "authorities.json").write_text(json.dumps({**state, "distrusted": [one]}))
    return str(tmp_path)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the daemon answer so to a client of the authority that signs, and so to one of the old one."""

    def answer(new: dict[str, Any], old: dict[str, Any], reachable: bool = True) -> None:
        answers = [new, old]
        monkeypatch.setattr(trust, "probe", lambda *_words: {"reachable": reachable, **answers.pop(0)})

    return answer


@pytest.mark.parametrize(
    ("new", "old", "verdict"),
    [
        (ACCEPTED, REFUSED, False),
        (ACCEPTED, ACCEPTED, True),
        # Such as one whose clock is a day ahead, or that has yet to be told of the new one.
        (REFUSED, REFUSED, None),
        (REFUSED, ACCEPTED, True),
        (ACCEPTED, {"authenticated": False, "trusted": True, "error": "timed out"}, None),
        # Somebody else answers there.
        (ACCEPTED, {"authenticated": False, "trusted": False, "error": "not trusted"}, None),
    ],
)
def test_a_refusal_counts_beside_a_client_that_gets_in(
    directory: str, daemon: Callable[..., None], new: dict[str, Any], old: dict[str, Any], verdict: bool | None
) -> None:
    daemon(new, old)
    assert trust.tried(directory, "secret", {"a": ["tcp://192.0.2.1:2376"]})["a"][OLD] is verdict


@pytest.mark.parametrize("first", [0, 1])
def test_a_daemon_that_lets_it_in_at_one_endpoint_trusts_it(
    directory: str, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Whatever it does at the other."""
    urls = ["tcp://192.0.2.1:2376", "tcp://192.0.2.1:2377"]
    asked: list[str] = []

    def probe(url: str, *_words: str) -> dict[str, Any]:
        asked.append(url)
        is_old = asked.count(url) == 2
        return {"reachable": True, **(REFUSED if is_old and url == urls[first] else ACCEPTED)}

    monkeypatch.setattr(trust, "probe", probe)
    assert trust.tried(directory, "secret", {"a": urls}) == {"a": {NEW: True, OLD: True}}


def test_silence_proves_nothing(directory: str, daemon: Callable[..., None]) -> None:
    daemon({"authenticated": None, "trusted": None, "error": "timed out"}, REFUSED, reachable=False)
    assert trust.tried(directory, "secret", {"a": ["tcp://192.0.2.1:2376"]}) == {"a": {NEW: None, OLD: None}}
    assert trust.tried(directory, "secret", {"a": []}) == {"a": {NEW: None, OLD: None}}


def test_the_key_of_a_retired_authority_may_be_gone(directory: str, daemon: Callable[..., None]) -> None:
    (Path(directory) / "authorities/client-1-key.pem").unlink()
    daemon(ACCEPTED, REFUSED)
    assert trust.tried(directory, "secret", {"a": ["tcp://192.0.2.1:2376"]}) == {"a": {NEW: True, OLD: None}}


def seen(directory: str, *generations: int, **change: Any) -> dict[str, Any]:
    """What host_info says of a host whose daemon was told to trust these."""
    files = [Path(directory) / f"authorities/client-{number}.pem" for number in generations]
    bundle = [trust.describe_file(str(path))["sha256"] for path in files]  # type: ignore[index]
    configuration = {"error": None, "tls": {"tlscacert": "/ca"}, "pending": {"action": "nothing"}, **change}
    return {
        "host": {
            "engine": {"installed": True},
            "configuration": configuration,
            "certificates": {"/ca": {"bundle": bundle}},
            "listening": ["tcp://[::]:2376"],
        }
    }


def test_where_it_cannot_be_tried_the_host_is_believed(directory: str) -> None:
    assert trust.observed(directory, seen(directory, 2)) == {NEW: True, OLD: False}
    assert trust.observed(directory, seen(directory, 1, 2)) == {NEW: True, OLD: True}
    # A daemon that is down reads the file when it starts.
    assert trust.observed(directory, seen(directory, 2, pending={"action": "start"}))[OLD] is False
    unknown = {NEW: None, OLD: None}
    assert trust.observed(directory, seen(directory, 2, pending={"action": "restart"})) == unknown
    assert trust.observed(directory, seen(directory, 2, error="daemon.json is broken")) == unknown
    assert trust.observed(directory, seen(directory)) == unknown
    lies = {"host": ["root"]}, {"host": {"configuration": 1}}, {"host": {"configuration": {"tls": "x"}}}
    for answer in ({}, {"unreachable": True, "msg": "no route"}, {"failed": True, **seen(directory, 2)}, *lies):
        assert trust.observed(directory, answer) == unknown


def test_what_was_tried_counts_more(directory: str) -> None:
    answers = {name: seen(directory, 2) for name in "ab"}
    tried: dict[str, trust.Trust] = {"a": {NEW: True, OLD: True}, "b": {NEW: None, OLD: None}}
    found = trust.combined(tried, directory, answers)
    assert found == {"a": {NEW: True, OLD: True}, "b": {NEW: True, OLD: False}}
    assert trust.lacking(found, OLD) == ["b"]
