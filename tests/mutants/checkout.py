"""A copy of the checkout with an environment of its own, in which the collection is the copy and not the checkout."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

from .mutant import Mutant, MutantError

ROOT = Path(__file__).resolve().parents[2]


class Checkout:
    """The files that git has or would take, copied to ``root``. Nothing is written anywhere else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._environment = root / ".venv"
        self.temporary = root.with_name(f"{root.name}t")

    def make(self) -> None:
        """Make the copy. Raises MutantError where its Python would load another collection than the copy."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        # Some tests ask git which files there are.
        subprocess.run(["git", "init", "--quiet"], cwd=self.root, check=True)
        self.temporary.mkdir()
        self._make_environment()
        self._check()

    def _make_environment(self) -> None:
        """What is installed beside the checkout, by links, and the copy as the collection."""
        venv.EnvBuilder(symlinks=True).create(self._environment)
        installed = Path(sysconfig.get_path("purelib"))
        site = self._environment / installed.relative_to(sys.prefix)
        _link_all(installed, site, "ansible_collections")
        _link_all(installed / "ansible_collections", site / "ansible_collections", "mooring")
        interpreter = f"#!{sys.prefix}/bin/".encode()
        for program in Path(sys.prefix, "bin").iterdir():
            copied = self._environment / "bin" / program.name
            if copied.exists():
                continue
            content = program.read_bytes()
            if content.startswith(interpreter):
                copied.write_bytes(content.replace(interpreter, f"#!{self._environment}/bin/".encode(), 1))
                copied.chmod(0o755)
            else:
                copied.symlink_to(program)
        subprocess.run([self.root / "lab/link-collection"], check=True)

    def _check(self) -> None:
        program = "import ansible_collections.mooring.docker as it, os; print(*map(os.path.realpath, it.__path__))"
        done = subprocess.run(
            [self.python, "-c", program], cwd="/", check=True, capture_output=True, text=True, env=self.variables()
        )
        if done.stdout != f"{self.root.resolve()}\n":
            raise MutantError(f"the copy in {self.root} would load the collection from {done.stdout.strip()}")

    @property
    def python(self) -> str:
        return str(self._environment / "bin/python3")

    def variables(self) -> dict[str, str]:
        """The environment variables of what runs in the copy."""
        foreign = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        return {
            **{name: value for name, value in os.environ.items() if name not in foreign},
            "PATH": f"{self._environment}/bin:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
            "MOLECULE_PROJECT_DIRECTORY": str(self.root),
            "TMPDIR": str(self.temporary),
            # Long names of tests are not cut.
            "COLUMNS": "400",
        }

    @contextlib.contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        """Have the fault in the copy meanwhile."""
        path = self.root / mutant.file
        text = path.read_text(encoding="utf-8")
        self._write(path, mutant.apply(text))
        try:
            yield
        finally:
            self._write(path, text)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".py":
            # Python tells a cached module by the size of its file and the second of its change: both may be the same.
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def _link_all(source: Path, target: Path, *without: str) -> None:
    """Have in ``target`` what is in ``source``."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.name not in (*without, "__pycache__"):
            (target / path.name).symlink_to(path)
