# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Ansible would let what hosts answer replace what the operator declared.

Any module's reply may carry ``ansible_facts``, and hosts decide what they reply. Where ``INJECT_FACTS_AS_VARS`` is on,
Ansible's default until it goes away with ansible-core 2.24, each of them is a variable of that host then, above its
inventory and the roles' defaults: also the paths that Mooring writes to on the controller.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, TypeVar

from ansible import constants
from ansible.errors import AnsibleError

_OPTION = "INJECT_FACTS_AS_VARS"

Answer = TypeVar("Answer")


def refuse() -> None:
    """Raise AnsibleError, with what to write where, if they would."""
    try:
        on, origin = constants.config.get_config_value_and_origin(_OPTION)
    except AnsibleError:  # This ansible-core knows no such option, and injects nothing.
        return
    if not on:
        return
    remedy = (
        "set ANSIBLE_INJECT_FACT_VARS=false"
        if str(origin).startswith("env")
        else f'write "inject_facts_as_vars = false" below [defaults] into {constants.CONFIG_FILE or "ansible.cfg"}'
    )
    raise AnsibleError(
        f"Ansible's {_OPTION} is true (from: {origin}), by which any host could replace variables of the inventory: "
        f"{remedy}. Playbooks of your own then say ansible_facts.distribution for ansible_distribution. Nothing was "
        "sent to the host"
    )


def refused(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """``function``, for what must not be asked with a path that a host may have chosen."""

    @functools.wraps(function)
    def guarded(*words: Any, **options: Any) -> Answer:
        refuse()
        return function(*words, **options)

    return guarded
