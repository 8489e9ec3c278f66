#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: make and remove user-defined networks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: networks
short_description: Bring Docker's user-defined networks to what is declared, in one trip
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Makes the declared networks that are missing. One that is there as declared is left alone, whoever made it.
  - One that differs is removed and made again where this module made it and no container is in it, running or not. A
    network that this module made and that is declared no more is removed likewise, unless it is a swarm's.
  - Fails before anything is touched where a network cannot be as declared.
  - Looks at the engine itself, and waits for one that has just started.
options:
  networks:
    description: All networks that are to be there.
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
        description: Whether it has no way out.
        type: bool
        default: false
      attachable:
        description: Whether containers outside of services may join it.
        type: bool
        default: false
      ipv6:
        description: Whether it has IPv6. Engines before 27 need a declared range for it.
        type: bool
        default: false
      ranges:
        description: Its ranges. For a family without one, Docker cuts one from the pools.
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
            description: Part of it that containers get addresses from.
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
    description: Seconds that the engine is given to answer after its start, and for each question.
    type: int
    default: 60
attributes:
  check_mode:
    description: Tells what would be made and removed.
    support: full
  diff_mode:
    description: Shows the names of the networks, and why one is removed.
    support: full
seealso:
  - module: mooring.docker.bridge_info
"""

EXAMPLES = r"""
- name: Make a network for the application
  mooring.docker.networks:
    networks:
      - name: backend
        internal: true
        ranges:
          - subnet: 10.90.0.0/24
"""

RETURN = r"""
made:
  description: The networks that were made, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [backend]
removed:
  description: The networks that were removed before, or would be in check mode. Those that are made again are in both.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import endpoints, state
from ansible_collections.mooring.docker.plugins.module_utils._engine.api import Api
from ansible_collections.mooring.docker.plugins.module_utils._network import addresses, network_changes


def _api(url: str, timeout: float) -> Api:
    endpoint = endpoints.parse(url)
    if endpoint.scheme == "unix":
        return Api(unix=endpoint.path, timeout=timeout)
    if endpoint.scheme == "tcp":
        return Api(tcp=(endpoint.host, endpoint.port), timeout=timeout)
    raise endpoints.EndpointError("write unix:///run/docker.sock, or tcp:// with an address of this host")


def main() -> None:
    """Run the module."""
    text, switch = {"type": "str"}, {"type": "bool", "default": False}
    module = AnsibleModule(
        argument_spec={
            "networks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "driver": {"type": "str", "default": "bridge"},
                    "internal": dict(switch),
                    "attachable": dict(switch),
                    "ipv6": dict(switch),
                    "ranges": {
                        "type": "list",
                        "elements": "dict",
                        "options": {
                            "subnet": {"type": "str", "required": True},
                            "gateway": dict(text),
                            "iprange": dict(text),
                        },
                    },
                    "driver_options": {"type": "dict"},
                    "labels": {"type": "dict"},
                },
            },
            "docker_host": {"type": "str", "default": "unix:///run/docker.sock"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    problems = addresses.network_problems(params["networks"])
    if problems:
        module.fail_json(msg="; ".join(f"networks {problem}" for problem in problems))
    try:
        api = _api(params["docker_host"], params["timeout"])
        with state.locked():
            result = network_changes.ensure(params["networks"], api, params["timeout"], module.check_mode)
    except endpoints.EndpointError as error:
        module.fail_json(msg=f"docker_host {params['docker_host']}: {error}")
    except (network_changes.NetworkError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
