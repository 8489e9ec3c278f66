# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clients reach the daemon over SSH, and what on the host would keep them out. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._ssh import access, sshd
from .._ssh.sshd_config import DROP_IN
from .._system.observed import Host, Ssh

if TYPE_CHECKING:
    from .declaration import Declaration, EngineDeclaration
    from .observation import Observation
    from .steps import Step

_REASONS = {
    "sshd": "sshd's drop-in differs",
    "load": "sshd has not read its drop-in",
    "account": "the account is not as it must be",
    "home": "the account's home is not root's alone",
    "keys": "the clients' keys differ",
    "remove": "there are accounts or a home that are wanted no more",
    "finish": "an earlier run did not finish",
}


def refusals(engine: EngineDeclaration, host: Host) -> list[str]:
    """Why clients could not come in, or could do more than they should."""
    declared = engine["ssh"]
    if not declared["clients"]:
        return []
    observed, user = host["ssh"], declared["user"]
    assert observed is not None, "ssh_user was asked for"
    account = host["users"].get(user)
    problems = []
    if account and user not in observed["accounts"]:
        problems.append(
            f"docker_engine_ssh_user {user}: there is an account of that name (uid {account['uid']}) "
            "that Mooring has not made: name another"
        )
    # An installation that was interrupted is finished first.
    is_partial = host["installation"]["begun"] or host["installation"]["unfinished"]
    if host["engine"]["installed"] and not is_partial and not host["engine"]["cli_version"]:
        problems.append("docker_engine_ssh_clients need a docker CLI on the host, on the PATH of sshd")
    types = sorted({key.split()[0] for key in declared["clients"].values()})
    obstacles = sshd.obstacles(observed, user, declared["group"], declared["socket"], types)
    return problems + [
        f"docker_engine_ssh_clients: sshd would not keep {user} to the daemon, or keep it out: {obstacle}"
        for obstacle in obstacles
    ]


def step(declaration: Declaration, observation: Observation) -> Step | None:
    """Let exactly the declared clients in."""
    engine = declaration["engine"]
    if engine is None:
        return None
    observed, declared = observation.host["ssh"], engine["ssh"]
    assert observed is not None, "ssh_user was asked for"
    wanted = access.Access(declared["clients"], declared["user"], declared["group"], declared["socket"])
    due = access.steps(wanted, observed)
    if not due:
        return None
    clients = ", ".join(sorted(declared["clients"]))
    before, after = observed["drop_in"] or "", wanted.drop_in(observed) or ""
    path = str(DROP_IN)
    return {
        "name": "ssh_access",
        "role": "docker_engine",
        "summary": f"let {clients} in over SSH" if clients else "let nobody in over SSH",
        "reasons": [_REASONS[name] for name in due],
        "effects": _effects(wanted, observed, due),
        "parameters": dict(declared),
        "diff": [{"before": before, "after": after, "before_header": path, "after_header": path}]
        if before != after
        else [],
    }


def _effects(wanted: access.Access, observed: Ssh, due: list[str]) -> list[str]:
    """Whose connections end. Which keys were there is not known here, only that they differ."""
    if not observed["accounts"]:
        return []
    ending = sorted(name for name in observed["accounts"] if not wanted.clients or name != wanted.user)
    if wanted.user in observed["accounts"] and {"load", "account", "home"}.intersection(due):
        ending.append(wanted.user)
    if ending:
        return [f"the connections of {', '.join(dict.fromkeys(ending))} over SSH end; clients who stay connect again"]
    return ["clients over SSH who are taken out lose their connections"] if "keys" in due else []
