# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of auditd for the engine's programs and files: section 1.1 of the CIS Docker Benchmark, version 1.6.0.

A watch needs the directory in which the file is, not the file. 1.1.8 and 1.1.12 are covered by a directory, and 1.1.13
is not of Debian, whose own packages have dockerd and runc in /usr/sbin.
"""

from __future__ import annotations

PATH = "/etc/audit/rules.d/50-mooring-docker.rules"

_WATCHED = {
    "1.1.3": ("/usr/bin/dockerd", "/usr/sbin/dockerd"),
    "1.1.4": ("/run/containerd",),
    "1.1.5": ("/var/lib/docker",),
    "1.1.6": ("/etc/docker",),
    "1.1.7": ("/usr/lib/systemd/system/docker.service",),
    "1.1.9": ("/usr/lib/systemd/system/docker.socket",),
    "1.1.10": ("/etc/default/docker",),
    "1.1.11": ("/etc/docker/daemon.json",),
    "1.1.12": ("/etc/containerd",),
    "1.1.14": ("/usr/bin/containerd",),
    "1.1.15": ("/usr/bin/containerd-shim",),
    "1.1.16": ("/usr/bin/containerd-shim-runc-v1",),
    "1.1.17": ("/usr/bin/containerd-shim-runc-v2",),
    "1.1.18": ("/usr/bin/runc", "/usr/sbin/runc"),
}


def text() -> str:
    """The file of rules (audit.rules(7))."""
    lines = ["# Written by mooring.docker.docker_engine (docker_engine_profile: hardened)."]
    for number, paths in _WATCHED.items():
        lines.append(f"# CIS {number}")
        lines += [f"-w {path} -p rwxa -k docker" for path in paths]
    return "\n".join(lines) + "\n"
