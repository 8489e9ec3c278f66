#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: observe Docker's bridges."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_info
short_description: Observe Docker's bridges, every veth and the container behind it
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns C(docker0) and every other bridge as the kernel has them, each port with the container's end of it, and
    Docker's networks and containers as the API tells them, in one trip.
  - Without an engine that answers, what the kernel has is returned all the same.
options:
  socket:
    description: The daemon's UNIX socket.
    type: path
    default: /run/docker.sock
  timeout:
    description: Seconds that one call of the API may take.
    type: float
    default: 10.0
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Look at the bridges
  mooring.docker.bridge_info:
  register: result

- name: Show the ports of docker0
  ansible.builtin.debug:
    msg: "{{ (result.bridges | selectattr('name', '==', 'docker0') | first).ports }}"
"""

RETURN = r"""
bridges:
  description:
    - Every bridge of the host with its C(addresses), C(mtu), C(mac), C(state) and the Docker C(network) it carries.
    - Each of its C(ports) has the C(container)'s C(name), C(interface), C(addresses) and C(mac), null where no
      container is behind it.
  returned: always
  type: list
  elements: dict
  sample:
    - name: docker0
      network: bridge
      addresses: [172.17.0.1/16]
      mtu: 1500
      state: UP
      ports:
        - interface: veth1a2b3c4
          container: {name: web, interface: eth0, addresses: [172.17.0.2/16]}
networks:
  description: Docker's networks with driver, subnets, options and the C(bridge) that carries each.
  returned: always
  type: list
  elements: dict
containers:
  description: All containers with state, addresses per network, and C(published) ports.
  returned: always
  type: list
  elements: dict
uplinks:
  description: Interfaces of the default routes.
  returned: always
  type: list
  elements: dict
engine_answers:
  description: Whether the API answered.
  returned: always
  type: bool
error:
  description: Why it did not.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._bridge import observe


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": "/run/docker.sock"},
            "timeout": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    module.exit_json(**observe(module.params["socket"], module.params["timeout"]))


if __name__ == "__main__":
    main()
