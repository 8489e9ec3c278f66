"""Who observes a host does not even load what could change it."""

from __future__ import annotations

import subprocess
import sys

PACKAGE = "ansible_collections.mooring.docker.plugins.module_utils"


def test_observation_imports_no_action() -> None:
    program = f"import sys, {PACKAGE}._host.observation; print([name for name in sys.modules if '._apply' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
