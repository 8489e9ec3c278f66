# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of dockerd's options: in ``daemon.json``, as flags, and those that do nothing or end the daemon.

dockerd compares a name in ``daemon.json`` with the names that its flags have on the command line and in the file, with
regard to case, and does not start where none fits. Where only a flag has it, such as ``label``, dockerd starts and
ignores the value (moby ``daemon/config/config.go``, ``findConfigurationConflicts``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

KEY_OF_FLAG = {
    "H": "hosts",
    "host": "hosts",
    "D": "debug",
    "G": "group",
    "g": "data-root",
    "graph": "data-root",
    "l": "log-level",
    "s": "storage-driver",
    "p": "pidfile",
    "b": "bridge",
    "label": "labels",
    "insecure-registry": "insecure-registries",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
    "log-opt": "log-opts",
    "exec-opt": "exec-opts",
    "dns-opt": "dns-opts",
    "add-runtime": "runtimes",
    "default-address-pool": "default-address-pools",
    "default-network-opt": "default-network-opts",
    "default-ulimit": "default-ulimits",
    "authorization-plugin": "authorization-plugins",
    "node-generic-resource": "node-generic-resources",
    "cdi-spec-dir": "cdi-spec-dirs",
    "feature": "features",
}
"""Flags whose name in daemon.json is another one (moby: ``opts.NewNamed...`` in ``daemon/command/config*.go``)."""

PROXIES = ("http-proxy", "https-proxy", "no-proxy")
"""Flags that daemon.json has within ``proxies``; dockerd ignores them beside it."""

FLAGS_ONLY = {
    "containerd-plugins-namespace": "dockerd ignores it in daemon.json; give dockerd the flag "
    "--containerd-plugins-namespace",
}
"""Flags without a working name in daemon.json, and what to do (moby: the field is ``containerd-plugin-namespace``)."""

_NO_FLAG = "dockerd does not start with it in daemon.json, for it has no flag of that name"

UNUSABLE = {
    "containerd-plugin-namespace": f"{_NO_FLAG}; give dockerd the flag --containerd-plugins-namespace",
    "default-init": f"{_NO_FLAG}; init-path is the option",
    "resolv-conf": f"{_NO_FLAG}; dns, dns-opts and dns-search are the options",
    "swarm-raft-election-tick": f"{_NO_FLAG}; docker swarm update changes the raft of a swarm",
    "swarm-raft-heartbeat-tick": f"{_NO_FLAG}; docker swarm update changes the raft of a swarm",
}
"""Fields of the configuration's struct that no version takes from daemon.json, and what to do."""


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of an option that is none of the ``known`` ones, without its name."""
    lowered = str(name).lower().replace("_", "-")
    names = list(known)
    if name in PROXIES:
        return f"dockerd ignores it there; write proxies: {{{name}: ...}}"
    if name in FLAGS_ONLY:
        return FLAGS_ONLY[name]
    if name in UNUSABLE:
        return UNUSABLE[name]
    if name in KEY_OF_FLAG:
        return f"no such option of dockerd in daemon.json, where it is {KEY_OF_FLAG[name]}"
    if lowered in names:
        return f"no such option of dockerd; it is written {lowered}"
    near = difflib.get_close_matches(lowered, names, n=1, cutoff=0.8)
    return "no such option of dockerd" + (f"; did you mean {near[0]}?" if near else "")
