#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: who may reach published ports."""

from __future__ import annotations

DOCUMENTATION = r"""
module: published_ports
short_description: Control who can reach published ports from outside the host
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Docker's rules admit everybody to a published port, whatever ufw or firewalld say. This module manages a separate
    nftables table, C(inet mooring_published), that drops packets from outside before Docker's rules process them. No
    other table is changed.
  - The table covers connections to published ports over IPv4 and IPv6, through Docker's NAT and through docker-proxy.
    It also drops packets that a neighbour sends to a container's own address, unless they are replies.
  - Packets from containers and from the host itself are not filtered. Neither are replies, open connections, the host's
    own services, and other packets that the host forwards.
  - docker-proxy is identified by its control group, which requires kernel 6.1, nftables 0.9.9 and control groups v2. A
    drop-in of C(docker.service) updates the filter at each start. No restart is needed.
options:
  policy:
    description:
      - V(open) for no filter, V(closed) to admit nobody from outside, or a dictionary with the list C(allow).
      - Everything that an entry of the list names must apply. C(sources) are addresses and networks. C(interfaces) are
        those on which a packet arrives; C(wg*) stands for all names that begin with C(wg). C(ports) are those to which
        the client connects, such as V(8080), V(8000-8100) or V(53/udp).
    type: raw
    required: true
  container_bridges:
    description: Docker's bridges that have a name of their own (C(com.docker.network.bridge.name)).
    type: list
    elements: str
    default: []
  other_bridges:
    description:
      - Bridges that are not Docker's. Packets that are forwarded to them are not filtered. Packets from them are
        treated as packets from outside.
      - The bridges of libvirt, LXC, Incus, Podman, CNI and Proxmox are recognized by their names.
    type: list
    elements: str
    default: []
  services:
    description: Ports on which dockerd itself listens, such as V(2376/tcp). The policy does not apply to them.
    type: list
    elements: str
    default: []
  required:
    description:
      - Whether C(docker.service) starts only if the filter is in force. If it cannot be loaded, the start fails with a
        line in the journal.
    type: bool
    default: true
  confirm:
    description: Seconds for M(mooring.docker.confirm), as in M(mooring.docker.nftables_table).
    type: int
    default: 0
attributes:
  check_mode:
    description: Reports what would change.
    support: full
  diff_mode:
    description: Shows the table before and after the change, both as nft lists them, and the files.
    support: full
seealso:
  - module: mooring.docker.nftables_table
  - module: mooring.docker.confirm
"""

EXAMPLES = r"""
- name: Admit the office to the web, the VPN to all ports, and nobody else
  mooring.docker.published_ports:
    policy:
      allow:
        - sources: [192.0.2.0/24, "2001:db8:1::/48"]
          ports: [80, 443]
        - interfaces: [wg0]
    services: [2376/tcp]
"""

RETURN = r"""
table:
  description: The table as nft lists it, without counters, or null.
  returned: success
  type: str
armed:
  description: Whether this or an earlier change is pending confirmation by M(mooring.docker.confirm).
  returned: success
  type: bool
"""

import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._apply import filter_table, revert_timer
from ansible_collections.mooring.docker.plugins.module_utils._config import fragments, state
from ansible_collections.mooring.docker.plugins.module_utils._firewall import docker_proxy, nftables, published


def _ensure(module: AnsibleModule) -> None:
    names = ("policy", "container_bridges", "other_bridges", "services")
    rules = published.rules(*(module.params[name] for name in names))
    if rules is not None:
        if module.check_mode and not shutil.which("nft", path="/usr/sbin:/sbin"):
            module.exit_json(changed=True, table=None, armed=False)
        docker_proxy.require()
    table = docker_proxy.Filter(rules, module.params["required"])
    module.exit_json(**filter_table.ensure(table, module.params["confirm"], module.check_mode))


def main() -> None:
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "policy": {"type": "raw", "required": True},
            "container_bridges": dict(names),
            "other_bridges": dict(names),
            "services": dict(names),
            "required": {"type": "bool", "default": True},
            "confirm": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    params = module.params
    found = [f"policy: {problem}" for problem in published.problems(params["policy"])]
    for name in ("container_bridges", "other_bridges"):
        found += [f"{name}: {problem}" for problem in map(published.name_problem, params[name]) if problem]
    found += [f"services: {problem}" for problem in map(published.port_problem, params["services"]) if problem]
    if params["confirm"] < 0:
        found.append(f"confirm {params['confirm']}: write seconds, or 0 to load without that safety")
    if found:
        module.fail_json(msg="; ".join(found))
    try:
        with state.locked():
            _ensure(module)
    except (nftables.NftError, fragments.ConfigError, revert_timer.ConfirmError, TimeoutError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
