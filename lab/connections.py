"""SSH's shared connections to the hosts: inventory/lab keeps their sockets in the lab, named by address."""

from __future__ import annotations

from lab import shell
from lab.identity import Identity


def close(lab: Identity, address: str = "") -> None:
    """End the connections to all hosts, or to the one at ``address``; the next command connects anew."""
    for control in (lab.ssh / "control").glob(f"{address}*"):
        shell.succeeds("ssh", "-F", "none", "-S", control, "-O", "exit", "lab", timeout=5)
        control.unlink(missing_ok=True)
