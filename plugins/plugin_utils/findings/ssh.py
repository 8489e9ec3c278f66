# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients over SSH: their account, their keys, and what sshd makes of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._ssh import access as ssh_access
from ...module_utils._ssh import sshd, sshd_config
from ...module_utils._system import observed
from ._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def ssh(declared: dict[str, Any], host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on ``host``, as ``host_info`` saw it, where ``declared`` has the ``clients``, ``user``, ``group`` and
    ``socket``.
    """
    seen, access = host["ssh"], ssh_access.Access(**declared)
    if seen["pending"]:
        expected = "the last change of clients over SSH was carried out"
        yield Finding("ssh.pending", ERROR, expected, "it was cut: who was taken out may still be connected", APPLY)
    left = sorted(set(seen["accounts"]) - ({access.user} if access.clients else set()))
    if left:
        expected = f"{access.user} alone lets clients in" if access.clients else "no account for clients over SSH"
        yield Finding("ssh.left_over", ERROR, expected, f"there is {', '.join(left)}", APPLY)
    if access.clients:
        yield from _account(access, seen)
        yield from _sshd_keeps(access, seen)
        return
    files = [str(sshd.HOME)] * seen["has_home"] + [str(sshd_config.DROP_IN)] * (seen["drop_in"] is not None)
    if files and not left:
        yield Finding("ssh.left_over", ERROR, "nothing is left of clients over SSH", f"there is {files[0]}", APPLY)


def _account(access: ssh_access.Access, seen: observed.Ssh) -> Iterator[Finding]:
    """The account, its home and its keys."""
    account = seen["accounts"].get(access.user)
    if account is None:
        yield Finding("ssh.account", ERROR, f"the account {access.user}", "there is none", APPLY)
    else:
        declared: dict[str, Any] = {**access.account}
        wrong = {name: value for name, value in account.items() if value != declared[name]}
        if wrong:
            expected = ", ".join(f"{name} {_said(declared[name])}" for name in wrong)
            found = ", ".join(f"{name} {_said(value)}" for name, value in wrong.items())
            yield Finding("ssh.account", ERROR, f"{access.user} has {expected}", found, APPLY)
    steps = ssh_access.steps(access, seen)
    if "keys" in steps:
        expected = f"the keys of {', '.join(sorted(access.clients))} get in, each bound to one command, and no others"
        yield Finding("ssh.keys", ERROR, expected, f"{sshd.KEYS} says otherwise, or is not there", APPLY)
    elif "home" in steps:
        expected = f"root alone may change {sshd.HOME}, which has {sshd.KEYS} and nothing else"
        yield Finding("ssh.home", ERROR, expected, "others may, or there is more", APPLY)


def _sshd_keeps(access: ssh_access.Access, seen: observed.Ssh) -> Iterator[Finding]:
    """sshd's settings: by its files, and by what it has read of them."""
    if seen["error"]:
        yield Finding("ssh.unobserved", ERROR, "sshd tells its settings", seen["error"], "as it says")
        return
    if seen["drop_in"] != access.drop_in(seen):
        expected = f"{sshd_config.DROP_IN} keeps {access.user} to one command, however it gets in"
        found = "there is none" if seen["drop_in"] is None else "it says otherwise"
        yield Finding("ssh.drop_in", ERROR, expected, found, APPLY)
        return
    for problem in ssh_access.problems(seen, access):
        expected = f"sshd keeps {access.user} to one command, and lets its keys in"
        yield Finding("ssh.settings", ERROR, expected, problem, "as it says, then reload sshd")
    if seen["loaded"] is False:
        expected = f"sshd has read {sshd_config.DROP_IN}"
        yield Finding("ssh.not_loaded", ERROR, expected, "it has not since that was written", APPLY)


def _said(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, str(value))
