# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dockerd finds on a host where its rules are nftables', and what its time with iptables leaves there.

A daemon that comes to ``firewall-backend: nftables`` removes its chains from iptables, and one that goes back removes
its tables from nftables. What stays is the policy DROP of iptables' chain FORWARD, which dockerd sets when it switches
forwarding on: a packet that the rules of dockerd's table accept is dropped there (moby 29.7,
``drivers/bridge/internal/iptabler/cleaner.go``, ``drivers/bridge/setup_ip_forwarding.go``).
"""

from __future__ import annotations

import contextlib
import re
import shutil
from typing import TYPE_CHECKING

from .._config import state
from .._config.fragments import ConfigError
from .._engine import daemon
from .._engine.surroundings import PROGRAMS
from .._system import commands, observed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

OPTION = "firewall-backend"
SINCE = (29, 0)

_PROGRAMS = ("iptables", "ip6tables")
"""Each is the name of the option, too, that is False where dockerd leaves it alone."""

_DOCKERS_JUMP = re.compile(r"-A FORWARD -j DOCKER-[A-Z0-9-]+")


class BackendError(Exception):
    """What iptables has kept cannot be changed; the message says why."""


def is_nftables(config: Mapping[str, Any]) -> bool:
    """Whether dockerd with these options makes its rules with nftables."""
    return config.get(OPTION) == "nftables"


def configured() -> dict[str, Any]:
    """What daemon.json says, nothing where it cannot be read."""
    with contextlib.suppress(ConfigError):
        return state.daemon_json() or {}
    return {}


def observe() -> observed.NftablesBackend:
    """What a daemon with nftables finds on this host."""
    config = configured()
    return {
        "configured": is_nftables(config),
        "nft": shutil.which("nft", path=PROGRAMS),
        "in_swarm": daemon.in_swarm(config),
        "forward": _forward_chains(),
    }


def _forward_chains() -> dict[str, observed.ForwardChain]:
    listed = {program: commands.run(program, "-w", "10", "-S", "FORWARD") for program in _PROGRAMS}
    return {program: forward_chain(done.stdout) for program, done in listed.items() if done.returncode == 0}


def forward_chain(listed: str) -> observed.ForwardChain:
    """The chain as ``iptables -S FORWARD`` lists it."""
    policy = re.search(r"^-P FORWARD (\S+)$", listed, re.MULTILINE)
    rules = [line for line in listed.splitlines() if line.startswith("-A ") and not _DOCKERS_JUMP.fullmatch(line)]
    return {"policy": policy[1] if policy else None, "rules": rules}


def dropping(config: Mapping[str, Any], chains: Mapping[str, observed.ForwardChain]) -> dict[str, list[str]]:
    """Programs whose chain FORWARD drops what dockerd's tables accept, each with the rules of others in it.

    The policy is dockerd's where the chain has no rules but its jumps: with it alone, nothing is forwarded at all.
    ``config`` is what the daemon has.
    """
    if not is_nftables(config):
        return {}
    return {
        program: chain["rules"]
        for program, chain in chains.items()
        if chain["policy"] == "DROP" and config.get(program) is not False
    }


def left_behind(config: Mapping[str, Any]) -> list[str]:
    """The programs whose policy DROP is dockerd's own, left by its time with iptables."""
    if not is_nftables(config):
        return []
    return [program for program, rules in dropping(config, _forward_chains()).items() if not rules]


def accept_forwarded(programs: list[str]) -> None:
    """Let the chain FORWARD of these accept what no rule decides, as after a boot. Raises BackendError."""
    for program in programs:
        done = commands.run(program, "-w", "10", "-P", "FORWARD", "ACCEPT")
        if done.returncode != 0:
            raise BackendError(f"{program} -P FORWARD ACCEPT: {commands.complaint(done)}")
