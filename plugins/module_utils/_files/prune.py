# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What removes unused images, containers and networks on a timer: two units of systemd. Pure functions.

Sources: docker CLI ``cli/command/system/prune.go`` and ``volume/prune.go``, systemd.time(7), systemd.timer(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

SERVICE = "mooring-prune.service"
TIMER = "mooring-prune.timer"
DIRECTORY = "/etc/systemd/system"
TIMER_PATH = f"{DIRECTORY}/{TIMER}"

_SCHEDULE = re.compile(r"[A-Za-z0-9 ,*:./~+-]+")
_FILTER = re.compile(r"(until=[A-Za-z0-9.:+-]+|label!?=[A-Za-z0-9._/-]+(=[A-Za-z0-9._:/@+-]*)?)")


def problems(declared: dict[str, Any]) -> Iterator[str]:
    """What is wrong with docker_engine_prune, in sentences that begin with its key."""
    schedule = declared.get("schedule", "")
    if not _SCHEDULE.fullmatch(schedule):
        yield f"schedule {schedule!r} must be a time of systemd, such as weekly or 'Sun 03:00' (systemd.time(7))"
    for one in declared.get("filters", []):
        if not _FILTER.fullmatch(one):
            yield f"filters {one!r} must be until=DURATION, label=NAME, label=NAME=VALUE, or the same with label!="
    if sum(one.startswith("until=") for one in declared.get("filters", [])) > 1:
        yield "filters have until= twice, of which docker takes one"


def files(declared: dict[str, Any], socket: str) -> dict[str, str]:
    """The units, path to text. ``socket`` is the path of the daemon's."""
    return {
        f"{DIRECTORY}/{SERVICE}": _service(declared, socket),
        TIMER_PATH: _timer(declared["schedule"]),
    }


def _service(declared: dict[str, Any], socket: str) -> str:
    docker = f"/usr/bin/docker --host unix://{socket}".replace("%", "%%")
    filters = declared.get("filters", [])
    words = ["--all"] if declared.get("all_images") else []
    commands = [_command(f"{docker} system prune --force", words, filters)]
    if declared.get("volumes"):
        # Volumes have no age.
        commands.append(_command(f"{docker} volume prune --force", [], [one for one in filters if "until=" not in one]))
    lines = "".join(f"ExecStart={command}\n" for command in commands)
    return (
        "# Written by mooring.docker.docker_engine (docker_engine_prune).\n"
        "[Unit]\n"
        "Description=Remove what Docker no longer uses\n"
        "Requisite=docker.service\n"
        "After=docker.service\n"
        "\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"{lines}"
    )


def _command(command: str, words: list[str], filters: list[str]) -> str:
    return " ".join([command, *words, *(f"--filter {one}" for one in filters)])


def _timer(schedule: str) -> str:
    return (
        "# Written by mooring.docker.docker_engine (docker_engine_prune).\n"
        "[Unit]\n"
        "Description=Remove what Docker no longer uses\n"
        "\n"
        "[Timer]\n"
        f"OnCalendar={schedule}\n"
        "RandomizedDelaySec=15min\n"
        "Persistent=true\n"
        "\n"
        "[Install]\n"
        "WantedBy=timers.target\n"
    )
