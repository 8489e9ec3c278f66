"""The machine on which figures are taken."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any


def describe(load: float) -> dict[str, Any]:
    """Hardware, kernel and versions. ``load`` is the machine's load before the benchmark began."""
    return {
        "processor": processor(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "ansible_core": metadata.version("ansible-core"),
        "ssh": subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0].strip(),
        "hosts": "Debian trixie in systemd-nspawn on the same machine",
        "load_before": round(load, 1),
    }


def processor(cpuinfo: str) -> str:
    """The model in /proc/cpuinfo; empty where the kernel names none."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def summary(machine: dict[str, Any]) -> str:
    """The description as a line."""
    processor_name = machine["processor"] or machine["architecture"]
    return (
        f"{machine['cores']} cores ({processor_name}), {machine['memory_gib']} GiB RAM, Linux {machine['kernel']}, "
        f"Python {machine['python']}, ansible-core {machine['ansible_core']}, {machine['ssh']}"
    )
