"""What the roles ask about authorities: who signs and who is trusted, and the contexts that clients get."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.mooring.docker.plugins.filter.certificates import client_contexts
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
