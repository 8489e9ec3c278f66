"""The table of options is that of the engines there are: their flags, and what their configuration takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.mooring.docker.plugins.module_utils._config.option_names import KEY_OF_FLAG, PROXIES, UNUSABLE
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS
from dockerd_help import differences

from lab import archives

ENGINES = archives.archives()

# Without engines the tests are there to be skipped by name.
pytestmark = pytest.mark.skipif(not ENGINES, reason=archives.WHY_NONE)


class Engine:
    """The daemon's program of one version."""

    def __init__(self, name: str, directory: Path) -> None:
        major, minor, _patch = map(int, name.split("."))
        self.version = (major, minor)
        self._program = archives.extract(ENGINES[name], directory, ["dockerd"])["dockerd"]
        self._directory = directory

    def help(self) -> str:
        return subprocess.run([self._program, "--help"], capture_output=True, text=True, check=True).stdout

    def refusal(self, config: dict[str, object]) -> str:
        """What ``--validate`` says, with a proxy that need not be there."""
        path = self._directory / "daemon.json"
        path.write_text(json.dumps({**config, "userland-proxy": False}))
        done = subprocess.run(
            [self._program, "--validate", "--config-file", path], capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stderr


@pytest.fixture(scope="module", params=sorted(ENGINES) or ["none"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(request.param, tmp_path_factory.mktemp("engine"))


def test_table_has_every_flag_and_no_other(engine: Engine) -> None:
    assert differences(engine.help(), engine.version) == {"unknown to the table": set(), "unknown to the engine": set()}


UNKNOWN = "don't match any configuration option"
"""What dockerd says of names, before it looks at any value."""


def test_engine_takes_every_name_of_the_table(engine: Engine) -> None:
    names = {key for key, option in OPTIONS.items() if option.since <= engine.version < option.until}
    # In null for proxies dockerd would see an option of that name.
    assert UNKNOWN not in engine.refusal({**dict.fromkeys(names), "proxies": {}})
    assert UNKNOWN in engine.refusal({**dict.fromkeys(names), "proxies": {}, "nonsense": None})


def test_engine_has_no_name_that_the_table_calls_unusable(engine: Engine) -> None:
    for name in UNUSABLE:
        assert UNKNOWN in engine.refusal({name: None}), name


def test_names_that_only_the_command_line_has_are_ignored_by_the_engine(engine: Engine) -> None:
    """What would be refused as a value, were it read."""
    for name in [flag for flag, key in KEY_OF_FLAG.items() if flag not in OPTIONS and flag == f"{key[:-1]}"] + [
        *PROXIES
    ]:
        assert engine.refusal({name: 5}) == "", name
    assert engine.refusal({"labels": 5}) != ""
    assert engine.refusal({"proxies": {"http-proxy": 5}}) != ""


VALUES: dict[str, tuple[object, object]] = {
    "default-shm-size": ("64M", "64X"),
    "default-ulimits": (
        {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}},
        {"nofile": {"Name": "nofile", "Hard": "64000", "Soft": 64000}},
    ),
    "dns-search": (["example.com"], ["-example.com"]),
    "features": ({"cdi": True}, {"cdi": "yes"}),
    "host-gateway-ips": (["192.0.2.1", "2001:db8::1"], ["192.0.2.1", "192.0.2.2"]),
    "labels": (["tier=front"], ["tier"]),
    "node-generic-resources": (["NVIDIA-GPU=UUID1", "NVIDIA-GPU=UUID2"], ["gpu=1", "gpu=2"]),
    "registry-mirrors": (["https://mirror.example.com/path"], ["https://user:pass@mirror.example.com"]),
}
"""Option: a value that is right, and one that is not."""


def test_table_and_engine_agree(engine: Engine) -> None:
    for key, (right, wrong) in VALUES.items():
        assert OPTIONS[key].check(right) is None, key
        assert engine.refusal({key: right}) == "", key
        assert OPTIONS[key].check(wrong) is not None, key
        assert engine.refusal({key: wrong}) != "", key
