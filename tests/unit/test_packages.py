"""The packages of module_utils import each other in one direction, and mypy follows what they import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "plugins/module_utils"
ORDER = (
    {"_plan", "_steps"},
    {"_apply"},
    {"_host"},
    {"_network"},
    {"_firewall"},
    {"_engine", "_client"},
    {"_tls", "_ssh", "_files"},
    {"_config"},
    {"_system"},
)
"""A package imports from those below it, and from no other beside it. What acts stands above what observes."""


def imports(path: Path) -> Iterator[tuple[str, ast.ImportFrom | ast.Import]]:
    """The package that each import of Mooring's own names; "" for a module's own package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield (node.module or "").partition(".")[0] if node.level > 1 else "", node
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ansible"):
            yield str(node.module), node


@pytest.mark.parametrize("package", sorted(path.name for path in PACKAGES.iterdir() if path.name.startswith("_")))
def test_arrows_point_one_way(package: str) -> None:
    rank = next(number for number, names in enumerate(ORDER) if package in names)
    allowed = {"", *(name for names in ORDER[rank + 1 :] for name in names)}
    wrong = [
        f"{path.relative_to(PACKAGES)}:{node.lineno} imports {imported}"
        for path in (PACKAGES / package).rglob("*.py")
        for imported, node in imports(path)
        if imported not in allowed
    ]
    assert wrong == []


def test_nothing_lies_outside_a_package() -> None:
    assert [path.name for path in PACKAGES.glob("*.py")] == []
    assert {path.parent.name for path in PACKAGES.glob("*/__init__.py")} == {name for names in ORDER for name in names}


WRONG = {
    "plugins/module_utils/_network": "from .._engine import daemon\ndaemon.properties()",
    "plugins/plugin_utils/findings": "from ...module_utils._config import state\nstate.recall()",
    "plugins/modules": "from ansible_collections.mooring.docker.plugins.module_utils._host.observation import observe\n"
    "observe([], [], [], [])['network']['gateway']",
    "plugins/action": "from ansible_collections.mooring.docker.plugins.plugin_utils import names\nnames.nonsense",
}
"""Directory to a module in it that uses what the module it imports does not have, in its last line."""


def test_mypy_finds_what_another_module_does_not_have(tmp_path: Path) -> None:
    """With the project's own settings; each wrong module takes the place of another in mypy's view of the tree."""
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")]
    replaced = {str(min((ROOT / place).glob("[a-z]*.py")).relative_to(ROOT)): text for place, text in WRONG.items()}
    for number, (path, text) in enumerate(replaced.items()):
        wrong = tmp_path / f"{number}.py"
        wrong.write_text(f"{text}\n")
        command += ["--shadow-file", path, str(wrong)]
    done = subprocess.run([*command, *replaced], cwd=ROOT, capture_output=True, text=True)
    found = done.stdout.splitlines()
    for path in replaced:
        assert [line for line in found if line.startswith(f"{path}:2: error:")], done.stdout + done.stderr
