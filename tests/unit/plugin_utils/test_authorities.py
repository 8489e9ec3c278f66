"""What the roles ask about authorities: who signs, who is trusted, and which certificate is due."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.filter.certificates import certificate_due, client_contexts, trust_due
from ansible_collections.mooring.docker.plugins.plugin_utils.authorities import load, save, view
from ansible_collections.mooring.docker.plugins.plugin_utils.rotation.states import begun


def test_state_is_read_from_the_directory(tmp_path: Path) -> None:
    state = begun(load(str(tmp_path)), ["server", "client"], [])
    save(str(tmp_path), state)
    assert load(str(tmp_path)) == state
    seen = view(str(tmp_path))
    assert seen["server"]["signer"]["name"] == "Mooring server CA 2"
    assert seen["server"]["signer"]["cross"].endswith("server-2-by-1.pem")
    assert seen["server"]["bundle"] == ""


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
