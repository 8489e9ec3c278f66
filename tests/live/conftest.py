"""Proof on live hosts that they are as their inventory declares them.

    pytest tests/live --hosts=ansible://docker_hosts --ansible-inventory=INVENTORY

The hosts are looked at once, all at the same time, by playbooks/verify.yml; the tests compare what it saw with what the
inventory and the roles' defaults declare. Nothing is changed. With --active, each host also runs a container, of which
nothing is left afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

VERIFY = Path(__file__).parents[2] / "playbooks" / "verify.yml"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mooring")
    group.addoption("--active", action="store_true", help="also run a container on each host, and reach it")
    group.addoption("--client", metavar="DIRECTORY", help="as whom endpoints are tried: cert.pem, key.pem and ca.pem")


def pytest_configure(config: pytest.Config) -> None:
    # How a host is reached may be said by templates, which Ansible alone can read.
    config.option.force_ansible = True
    # The Ansible of this environment, whether it was activated or not.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.option.active:
        passive = pytest.mark.skip(reason="needs --active")
        for item in items:
            if "throwaway" in getattr(item, "fixturenames", ()):
                item.add_marker(passive)


@pytest.fixture(scope="session")
def observations(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a file for each host that is tested: what is declared, and what verify.yml saw."""
    found = tmp_path_factory.mktemp("observations")
    options = request.config.option
    parameters = [getattr(item, "callspec", SimpleNamespace(params={})).params for item in request.session.items]
    names = sorted({one["_testinfra_host"].backend.host for one in parameters if "_testinfra_host" in one})
    variables = {"observations": str(found), "verify_active": options.active}
    variables |= {"verify_client": options.client} if options.client else {}
    words = ["ansible-playbook", str(VERIFY), "--limit", ",".join(names), "--extra-vars", json.dumps(variables)]
    words += ["--inventory", options.ansible_inventory] if options.ansible_inventory else []
    # Its status tells whether it found errors. That is for the tests to say.
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lacking = [name for name in names if not (found / f"{name}.json").exists()]
    assert not lacking, f"nothing was seen of {', '.join(lacking)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return found


@pytest.fixture(scope="module")
def name(_testinfra_host: Any) -> str:
    """The host's name in the inventory."""
    return str(_testinfra_host.backend.host)


@pytest.fixture(scope="module")
def seen(observations: Path, name: str) -> Any:
    """All that host.json.j2 tells of the host."""
    found = json.loads((observations / f"{name}.json").read_text(encoding="utf-8"))
    assert found["host"], found["problems"]
    return found


@pytest.fixture(scope="module")
def declared(seen: Any) -> Any:
    """What the inventory and the roles' defaults declare."""
    return seen["declared"]


@pytest.fixture(scope="module")
def observed(seen: Any) -> Any:
    """What host_info saw."""
    return seen["host"]


@pytest.fixture(scope="module")
def bridge(seen: Any) -> Any:
    """What bridge_info saw."""
    assert "bridges" in seen["bridge"], "no engine runs that could be asked"
    return seen["bridge"]


@pytest.fixture(scope="module")
def default_bridge(declared: Any) -> None:
    """docker0 is declared, and not another or none."""
    other = declared["bridge"].get("bridge")
    if other:
        pytest.skip(f"declares {other} in the place of docker0")


@pytest.fixture(scope="module")
def docker0(default_bridge: None, bridge: Any) -> Any:
    """docker0 as the kernel has it."""
    found = [one for one in bridge["bridges"] if one["name"] == "docker0"]
    assert found, "there is no docker0"
    return found[0]
