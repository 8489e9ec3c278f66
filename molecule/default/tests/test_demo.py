"""What the demo prints is what the README shows, and the command that it names works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import reach
from conftest import HOSTS, Demo


def _rows(text: str) -> list[str]:
    """The lines of the table, without what time changes: the versions of the engines and the days that are left."""
    lines = text[text.index("HOST ") :].splitlines()
    rows = lines[: next((number for number, line in enumerate(lines) if not line or line == "```"), None)]
    return [re.sub(r"\d+ days", "N days", f"{row[:11]}{'':11}{row[22:]}").rstrip() for row in rows]


def test_table_is_the_readmes(demo: Demo) -> None:
    readme = (reach.PROJECT / "README.md").read_text(encoding="utf-8")
    shown = _rows(demo.output)
    assert shown == _rows(readme[readme.index("# make demo") :])
    assert [row.split()[0] for row in shown if not row.startswith(" ")] == ["HOST", *HOSTS]


def test_engines_are_of_their_releases(demo: Demo) -> None:
    for name, version in (("bookworm", "20.10."), ("trixie", "26.1."), ("forky", "28.")):
        assert re.search(rf"^{name} +{re.escape(version)}", demo.output, re.MULTILINE)


def test_command_that_it_prints_reaches_a_daemon(demo: Demo) -> None:
    (command,) = re.findall(r"^  (\S+ --config \S+ --context trixie ps)$", demo.output, re.MULTILINE)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {line.split()[-1] for line in done.stdout.splitlines()[1:]} == {"web", "front", "beside"}


def test_report_is_where_it_says(demo: Demo) -> None:
    paths = [Path(path) for path in re.findall(r"^  file://(\S+)$", demo.output, re.MULTILINE)]
    assert [path.name for path in paths] == ["report.html", "trixie.svg"]
    assert all(path.stat().st_size > 1000 for path in paths)
