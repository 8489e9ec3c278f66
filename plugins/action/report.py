# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action: write the report. It runs on the controller, where the observations are."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.mooring.docker.plugins.plugin_utils.actions import OnController
from ansible_collections.mooring.docker.plugins.plugin_utils.report import document, junit, page, svg, table

_HOST = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str"},
    "error": {"type": "str"},
    "host": {"type": "dict"},
    "endpoints": {"type": "list", "elements": "dict"},
    "ssh": {"type": "dict"},
    "bridge": {"type": "dict"},
    "published": {"type": "raw"},
}
_FINDING: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "required": True},
    "id": {"type": "str", "required": True},
    "severity": {"type": "str", "required": True, "choices": list(document.SEVERITIES)},
    "expected": {"type": "str", "required": True},
    "observed": {"type": "str", "required": True},
    "remedy": {"type": "str", "required": True},
}
_ARGUMENTS = {
    "directory": {"type": "path", "required": True},
    "fleet": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "dict", "options": _HOST, "required": True},
    "findings": {"type": "list", "elements": "dict", "options": _FINDING},
    "clients": {"type": "list", "elements": "dict", "default": []},
}


class ActionModule(OnController):
    """The action."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the files that differ."""
        result = super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        report = document.document(
            arguments["hosts"], arguments["findings"], arguments["clients"], arguments["fleet"], now
        )
        directory = Path(arguments["directory"])
        files = {directory / name: text for name, text in _files(report).items()}
        try:
            before = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in files}
            result["changed"] = before != files
            if not self._task.check_mode:
                directory.mkdir(parents=True, exist_ok=True)
                for path, text in files.items():
                    _write(path, text)
        except OSError as error:
            raise AnsibleActionFail(f"directory {directory}: the report cannot be written: {error}") from None
        document_file = directory / "report.json"
        result["diff"] = {
            "before_header": str(document_file),
            "before": before[document_file],
            "after_header": str(document_file),
            "after": files[document_file],
        }
        result.update(files=[str(path) for path in files], table=table.table(report))
        return result


def _files(report: dict[str, Any]) -> dict[str, str]:
    """Name to text of each file."""
    pictures = {f"{urllib.parse.quote(host['name'], safe='')}.svg": svg.stand_alone(host) for host in report["hosts"]}
    return {
        "report.html": page.page(report),
        "report.json": json.dumps(report, indent=2, ensure_ascii=False) + "\n",
        "report.xml": junit.junit(report),
        **pictures,
    }


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: nobody reads half of it. One that a killed run left is in nobody's way."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with fresh.open("x", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(path)
