"""The script that takes a change back is plain shell and puts back what was, whatever the paths are called."""

from __future__ import annotations

import subprocess

from ansible_collections.mooring.docker.plugins.module_utils._apply import revert_timer


def test_script_is_posix_shell_and_quotes() -> None:
    text = revert_timer.script(
        {"/etc/it's": "old-0", "/etc/new": None},
        {"table inet mooring_x": "nft -f - <<'END'\ntable inet mooring_x\nEND", "docker": "systemctl restart docker"},
    )
    assert subprocess.run(["dash", "-n"], input=text, text=True, check=False).returncode == 0
    assert """try back old-0 '/etc/it'"'"'s'\n""" in text
    assert "try rm -f /etc/new\n" in text


def test_systemd_reads_its_units_again_only_where_they_change() -> None:
    unit = {"/etc/systemd/system/x.service": "old-0"}
    assert "daemon-reload" in revert_timer.script(unit, {})
    assert "daemon-reload" not in revert_timer.script({"/etc/docker/daemon.json": "old-0"}, {})
