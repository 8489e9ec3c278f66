"""Networks are made and removed over the engine's API, in one trip that looks at the engine itself."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import Api
from ansible_collections.mooring.docker.plugins.module_utils._network import network_changes
from ansible_collections.mooring.docker.plugins.module_utils._network.network_changes import NetworkError

BACK = {
    "name": "back",
    "driver": "bridge",
    "internal": True,
    "attachable": False,
    "ipv6": False,
    "ranges": [{"subnet": "10.1.0.0/24", "gateway": None, "iprange": "10.1.0.128/25"}],
    "driver_options": {"com.docker.network.driver.mtu": 1400, "flag": True},
    "labels": {"tier": "back"},
}


class Engine:
    """An engine behind a UNIX socket, with its networks and all that it was asked to do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.networks: dict[str, dict[str, Any]] = {}
        self.containers: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.fails: dict[str, tuple[int, str]] = {}
        self._server: socketserver.ThreadingUnixStreamServer | None = None

    def start(self) -> None:
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                self._answer("POST")

            def do_DELETE(self) -> None:
                self._answer("DELETE")

            def _answer(self, method: str) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                content = json.loads(self.rfile.read(size)) if size else None
                assert content is None or self.headers["Content-Type"] == "application/json"
                status, data = engine.answer(method, self.path, content)
                body = b"" if data is None else json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if body:
                    self.wfile.write(body)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *words: Any) -> None:
                pass

        self._server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, method: str, path: str, content: Any) -> tuple[int, Any]:
        if method != "GET":
            self.asked.append((method, path, content))
        if path in self.fails:
            status, message = self.fails[path]
            return status, {"message": message}
        if path == "/networks/create":
            self.networks[content["Name"]] = {**content, "Id": f"id-{content['Name']}", "Scope": "local"}
            return 201, {"Id": f"id-{content['Name']}", "Warning": ""}
        if method == "DELETE":
            self.networks = {name: one for name, one in self.networks.items() if f"/networks/{one['Id']}" != path}
            return 204, None
        answers = {
            "/networks": list(self.networks.values()),
            "/containers/json?all=1": self.containers,
            "/version": {"Version": "28.5.2"},
            "/info": {"Swarm": {"ControlAvailable": False}},
        }
        return 200, answers[path]

    def ensure(self, *declared: dict[str, Any], check_mode: bool = False, timeout: float = 5) -> dict[str, Any]:
        return network_changes.ensure(list(declared), Api(unix=str(self.path), timeout=timeout), timeout, check_mode)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = Engine(tmp_path / "docker.sock")
    found.start()
    yield found
    found.stop()


def test_a_network_is_made_as_docker_takes_it(engine: Engine) -> None:
    assert engine.ensure(BACK) == {
        "changed": True,
        "made": ["back"],
        "removed": [],
        "diff": {"before": "", "after": "back\n"},
    }
    assert engine.asked == [
        (
            "POST",
            "/networks/create",
            {
                "Name": "back",
                "Driver": "bridge",
                "CheckDuplicate": True,
                "Internal": True,
                "Attachable": False,
                "EnableIPv6": False,
                "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.1.0.0/24", "IPRange": "10.1.0.128/25"}]},
                "Options": {"com.docker.network.driver.mtu": "1400", "flag": "true"},
                "Labels": {
                    "tier": "back",
                    "mooring.docker": "managed",
                    "mooring.docker.options": "com.docker.network.driver.mtu,flag",
                },
            },
        )
    ]


def test_a_second_run_changes_nothing(engine: Engine) -> None:
    engine.ensure(BACK, {"name": "plain"})
    engine.asked.clear()
    assert engine.ensure(BACK, {"name": "plain"})["changed"] is False
    assert engine.asked == []


def test_one_that_differs_is_removed_and_made_again(engine: Engine) -> None:
    engine.ensure(BACK, {"name": "old"})
    engine.asked.clear()
    found = engine.ensure({**BACK, "internal": False})
    assert (found["made"], found["removed"]) == (["back"], ["back", "old"])
    assert found["diff"]["before"] == "back (internal true instead of false)\nold (declared no more)\n"
    assert [(method, path) for method, path, _content in engine.asked] == [
        ("DELETE", "/networks/id-back"),
        ("DELETE", "/networks/id-old"),
        ("POST", "/networks/create"),
    ]
    assert engine.networks["back"]["Internal"] is False


def test_check_mode_only_tells(engine: Engine) -> None:
    engine.ensure({"name": "old"})
    engine.asked.clear()
    found = engine.ensure(BACK, check_mode=True)
    assert (found["changed"], found["made"], found["removed"]) == (True, ["back"], ["old"])
    assert engine.asked == []


def test_nothing_is_touched_where_one_cannot_be(engine: Engine) -> None:
    engine.ensure(BACK)
    engine.containers = [{"Id": "1", "Names": ["/web"], "NetworkSettings": {"Networks": {"back": {"NetworkID": ""}}}}]
    engine.asked.clear()
    with pytest.raises(NetworkError, match=r"^networks 'back' is there with internal true .* and web would lose it"):
        engine.ensure({**BACK, "internal": False}, {"name": "new"})
    assert engine.asked == []


def test_a_container_that_joined_meanwhile_keeps_its_network(engine: Engine) -> None:
    engine.ensure({"name": "old"})
    engine.fails["/networks/id-old"] = (403, "network old has active endpoints")
    with pytest.raises(NetworkError, match="network old was not removed: network old has active endpoints"):
        engine.ensure()


def test_one_that_somebody_else_removed_meanwhile_is_gone(engine: Engine) -> None:
    engine.ensure({"name": "old"})
    engine.fails["/networks/id-old"] = (404, "network old not found")
    assert engine.ensure()["removed"] == ["old"]


def test_the_engines_own_words_tell_why_one_was_not_made(engine: Engine) -> None:
    engine.fails["/networks/create"] = (403, "Pool overlaps with other one on this address space")
    with pytest.raises(NetworkError, match="network back was not made: Pool overlaps with other one"):
        engine.ensure(BACK)


def test_an_engine_that_has_just_started_is_waited_for(tmp_path: Path) -> None:
    found = Engine(tmp_path / "docker.sock")
    later = threading.Timer(0.5, found.start)
    later.start()
    try:
        assert found.ensure(BACK, timeout=30)["made"] == ["back"]
    finally:
        later.join()
        found.stop()


def test_an_engine_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no engine tells its networks"):
        Engine(tmp_path / "docker.sock").ensure(BACK, timeout=0.3)
