# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps ``--tags`` and ``--skip-tags`` ask for. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .declaration import Declaration

TAGS = {
    "host_files": "configure",
    "packages": "install",
    "sysctls": "sysctls",
    "published_filter": "published",
    "ssh_access": "ssh",
    "endpoint_filter": "filter",
    "certificate": "tls",
    "configuration": "configure",
    "socket_group": "configure",
    "apply": "apply",
    "confirm": "always",
    "networks": "networks",
}
"""The tag of each step's tasks in the roles."""

BRIDGE_TAG = "bridge"
"""It asks for the network's fragment of the configuration and for no other."""

ENGINE_FRAGMENT = "10-engine"
NETWORK_FRAGMENT = "20-network"


def is_asked_for(tag: str, declaration: Declaration) -> bool:
    """Whether Ansible would run a task of this tag (ansible-core, playbook/taggable.py: evaluate_tags)."""
    run, skip = declaration["run_tags"], declaration["skip_tags"]
    if tag != "always" and not {"all", "tagged", tag}.intersection(run or ["all"]):
        return False
    if "all" in skip:
        return tag == "always" and "always" not in skip
    return not {"tagged", tag}.intersection(skip)


def asks_for_step(name: str, declaration: Declaration) -> bool:
    """Whether a step is carried out where it is due. The installation may need the proxy of the packages."""
    if name == "host_files" and is_asked_for(TAGS["packages"], declaration):
        return True
    return is_asked_for(TAGS[name], declaration) or (name == "configuration" and bool(fragments(declaration)))


def fragments(declaration: Declaration) -> list[str]:
    """The names of the fragments that are asked for, in their order."""
    declared = [ENGINE_FRAGMENT] if declaration["engine"] else []
    declared += [NETWORK_FRAGMENT] if declaration["network"] else []
    if is_asked_for(TAGS["configuration"], declaration):
        return declared
    # Whatever other tags a task has, one that is skipped keeps it from running.
    if TAGS["configuration"] in declaration["skip_tags"] or not is_asked_for(BRIDGE_TAG, declaration):
        return []
    return [name for name in declared if name == NETWORK_FRAGMENT]
