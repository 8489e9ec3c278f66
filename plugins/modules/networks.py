#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: make and remove user-defined networks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: networks
short_description: Create and remove Docker's user-defined networks in one trip
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Creates the declared networks that are missing. A network that exists as declared is left alone, whoever created it.
  - A network that differs is removed and created again if this module created it and no container is in it, running or
    not. Under the same conditions, a network that this module created and that is no longer declared is removed, unless
    it belongs to a swarm.
  - If a network cannot be made as declared, the module fails before it changes anything.
  - Uses the API of the engine directly, without a Python library, and waits for an engine that has just started.
options:
  networks:
    description: All networks that must exist.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the network.
        type: str
        required: true
      driver:
        description: Driver, such as V(bridge), V(macvlan), V(ipvlan) or V(overlay).
        type: str
        default: bridge
      internal:
        description: Whether it has no external connectivity.
        type: bool
        default: false
      attachable:
        description: Whether containers that do not belong to a service may join it.
        type: bool
        default: false
      ipv6:
        description: Whether it has IPv6. Engines before 27 require a declared range for it.
        type: bool
        default: false
      ranges:
        description: Its ranges. For a family without a range, Docker takes one from the pools.
        type: list
        elements: dict
        suboptions:
          subnet:
            description: Network, such as V(10.90.0.0/24).
            type: str
            required: true
          gateway:
            description: Address of the host in it.
            type: str
          iprange:
            description: Part of it from which containers get their addresses.
            type: str
      driver_options:
        description: Options of the driver, by Docker's names.
        type: dict
      labels:
        description: Labels of the network.
        type: dict
  docker_host:
    description: The engine, V(unix:///run/docker.sock) or V(tcp://127.0.0.1:2375).
    type: str
    default: unix:///run/docker.sock
  timeout:
    description: Seconds to wait for the engine to answer after its start, and for each request.
    type: int
    default: 60
attributes:
  check_mode:
    description: Reports what would be created and removed.
    support: full
  diff_mode:
    description: Shows the names of the networks, and why a network is removed.
    support: full
seealso:
  - module: mooring.docker.bridge_info
"""

EXAMPLES = r"""
- name: Create a network for the application
  mooring.docker.networks:
    networks:
      - name: backend
        internal: true
        ranges:
          - subnet: 10.90.0.0/24
"""

RETURN = r"""
made:
  description: The networks that were created, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [backend]
removed:
  description:
    - The networks that were removed first, or would be in check mode. Those that are created again are in both lists.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._steps import networks
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=networks.OPTIONS, supports_check_mode=True)
    try:
        with state.locked():
            result = networks.execute(module.params, module.check_mode)
    except (StepError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
