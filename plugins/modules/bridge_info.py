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
  - Returns C(docker0) and every other bridge as the kernel reports them, each port with the container's end of it, the
    rules for each published port, and Docker's networks and containers as the API reports them, in one trip.
  - If no engine answers, the module still returns what the kernel reports. A container that ends meanwhile does not
    affect the others.
  - Requires C(ip) of iproute2, and root to look into containers.
options:
  socket:
    description: The daemon's UNIX socket.
    type: path
    default: /run/docker.sock
  timeout:
    description: Seconds that each request to the engine, to the kernel and to a command may take.
    type: float
    default: 10.0
extends_documentation_fragment:
  - mooring.docker.observation
seealso:
  - module: mooring.docker.host_info
  - module: mooring.docker.endpoint_info
"""

EXAMPLES = r"""
- name: Observe the bridges
  mooring.docker.bridge_info:
  become: true
  register: result

- name: Show which container is behind which port of docker0
  ansible.builtin.debug:
    msg: "{{ item.interface }} leads to {{ item.container.name | default('nobody') }}"
  loop: "{{ (result.bridges | selectattr('name', '==', 'docker0') | first).ports }}"
  loop_control:
    label: "{{ item.interface }}"
"""

RETURN = r"""
bridges:
  description: Every bridge of the host, including those that are not Docker's, as the kernel reports them.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the interface.
      type: str
      sample: docker0
    network:
      description: The Docker network it carries, or null.
      type: str
      sample: bridge
    network_id:
      description: The id of that network, or null.
      type: str
      sample: 1a8b7c6d5e4f
    driver:
      description: The driver of that network, or null.
      type: str
      sample: bridge
    addresses:
      description: Addresses with prefix lengths, IPv6 and link-local ones included.
      type: list
      elements: str
      sample: [172.17.0.1/16, "fe80::42:acff:fe11:1/64"]
    mtu:
      description: Largest payload of a frame in bytes.
      type: int
      sample: 1500
    mac:
      description: Hardware address.
      type: str
      sample: "02:42:ac:11:00:01"
    state:
      description: Operational state (C(operstate)). A bridge without ports is V(DOWN) even if it is up.
      type: str
      sample: UP
    up:
      description: Whether the interface is up.
      type: bool
      sample: true
    arp:
      description: Whether the host asks for link-layer addresses on it, and answers for its own.
      type: bool
      sample: true
    forwarding:
      description: Whether the kernel forwards IPv4 packets that come in by it.
      type: bool
      sample: true
    route_localnet:
      description: Whether the kernel lets packets for 127.0.0.0/8 in and out by it.
      type: bool
      sample: false
    within:
      description:
        - What the packet filters do with a packet between two of its containers, where RV(filters_bridged), with
          C(verdict) (V(accept), V(drop) or V(unknown)), the C(rule) that decides, where it is sent C(to) instead, and
          whether its C(source) is V(kept) or V(translated).
        - Null for a bridge without containers.
      type: dict
      sample: {"verdict": "accept", "rule": null, "to": null, "source": "kept"}
    open_to:
      description: The same for packets to containers of each other network, by its name.
      type: dict
      sample: {"backend": {"verdict": "unknown", "rule": null, "to": null, "source": "unknown"}}
    ports:
      description:
        - Its ports, each with C(interface), C(ifindex), C(mac), C(state), C(mtu) and the C(container) behind it.
        - C(up) tells whether it is up, C(forwards) whether the bridge lets frames through, and C(isolated) whether it
          keeps the port from others like it.
        - C(container) is null if no container of this engine is known to be there.
      type: list
      elements: dict
      sample:
        - interface: veth1a2b3c4
          ifindex: 9
          mac: "5e:3c:0f:11:22:33"
          state: UP
          up: true
          forwards: true
          isolated: false
          mtu: 1500
          container:
            id: 4f3e2d1c0b9a
            name: web
            interface: eth0
            ifindex: 8
            addresses: [172.17.0.2/16]
            mac: "02:42:ac:11:00:02"
            mtu: 1500
            up: true
networks:
  description: Docker's networks of all drivers, by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the network.
      type: str
      sample: backend
    id:
      description: Id of the network.
      type: str
      sample: 9f8e7d6c5b4a
    driver:
      description: Its driver.
      type: str
      sample: bridge
    scope:
      description: V(local), V(global) or V(swarm).
      type: str
      sample: local
    internal:
      description: Whether it has no external connectivity.
      type: bool
      sample: false
    attachable:
      description:
        - Whether containers that do not belong to a service may join it. Only relevant for networks of a swarm.
      type: bool
      sample: false
    ipv6:
      description: Whether its containers get IPv6 addresses.
      type: bool
      sample: false
    subnets:
      description: Its C(subnet)s, each with C(gateway) and C(ip_range) or null.
      type: list
      elements: dict
      sample: [{"subnet": "172.18.0.0/16", "gateway": "172.18.0.1", "ip_range": null}]
    options:
      description: The driver's options.
      type: dict
      sample: {"com.docker.network.driver.mtu": "1400"}
    labels:
      description: Its labels. Networks that the role docker_network created have C(mooring.docker).
      type: dict
      sample: {"mooring.docker": "managed"}
    bridge:
      description: The interface of the network. Null for drivers other than C(bridge).
      type: str
      sample: br-9f8e7d6c5b4a
    containers:
      description: Names of the containers in it, including those that are not running.
      type: list
      elements: str
      sample: [web]
containers:
  description: All containers, including those that are not running.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the container.
      type: str
      sample: 4f3e2d1c0b9a
    name:
      description: Its name.
      type: str
      sample: web
    image:
      description: The image, by the name that was used.
      type: str
      sample: nginx:1.29
    state:
      description: V(created), V(running), V(paused), V(restarting), V(removing), V(exited) or V(dead).
      type: str
      sample: running
    pid:
      description: Its first process on the host. Null if it is not running.
      type: int
      sample: 4711
    network_mode:
      description: How its network was chosen. Engines before 26 write V(default) for V(bridge).
      type: str
      sample: bridge
    networks:
      description:
        - For each network, by name, C(addresses), C(mac) and C(gateway), as the engine reports them.
        - C(outbound) is what becomes of a packet to a machine elsewhere, as RV(bridges[].within), or null, and
          C(outbound_ipv6) of one over IPv6.
        - C(routes) tells for each C(address) where the kernel leads packets, by all rules and tables, with the
          C(interface) or the kernel's C(error). C(from_host) is of the host's own packets, C(inward) of those that come
          in by the uplink, C(outward) of the container's to machines elsewhere. The latter are null where the host has
          no default route, or where packets may be marked for policy routing.
      type: dict
      sample: {"bridge": {"addresses": ["172.17.0.2/16"], "mac": "02:42:ac:11:00:02", "gateway": "172.17.0.1"}}
    interfaces:
      description:
        - Names of its own interfaces as the kernel reports them, without the loopback interface.
        - Null if it has no network of its own, or is not running.
      type: list
      elements: str
      sample: [eth0]
    loopback:
      description: Whether its loopback interface is up, or null.
      type: bool
      sample: true
    gateways:
      description: The gateways of its IPv4 routes, or null.
      type: list
      elements: str
      sample: [172.17.0.1]
    resolver:
      description: Whether the engine listens at 127.0.0.11 in it, or null.
      type: bool
      sample: false
    resolves:
      description:
        - Whether a DNS request to 127.0.0.11 in it, for its own name, is answered. False if the request is refused.
        - Null if there was neither an answer nor a refusal, and for containers on docker0, whom the engine does not
          answer.
      type: bool
      sample: true
    nameservers:
      description: The nameservers in its C(/etc/resolv.conf), as the engine keeps it, or null.
      type: list
      elements: str
      sample: [127.0.0.11]
    sandboxed:
      description: Whether the engine's handle of its network namespace leads there, or null.
      type: bool
      sample: true
    parent:
      description: Name of the process above its first one, or null.
      type: str
      sample: containerd-shim
    published:
      description:
        - Ports that are currently published, as the engine reports them, each with its rules in the kernel.
        - C(nat) are the rules that forward it to the container. C(filter) are the rules that name the port or the
          container and accept or drop its packets. Rules are written as the commands that create them, for iptables, or
          for nft if the engine uses that.
        - C(proxy) is the C(docker-proxy) that listens for it, or null.
        - C(outside) is what becomes of a packet from another machine, as RV(bridges[].within), and C(direct) of one
          that it sends to the container's own address. Null for a port that no other machine can reach.
      type: list
      elements: dict
      sample:
        - host_address: 0.0.0.0
          host_port: 8080
          container_port: 80
          protocol: tcp
          nat:
            - iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
          filter:
            - iptables -t filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
          proxy: 4242
parents:
  description: The interfaces of the host to which containers' macvlan and ipvlan interfaces belong.
  returned: always
  type: list
  elements: dict
  contains:
    interface:
      description: Name of the interface.
      type: str
      sample: eth0
    mtu:
      description: Largest frame's payload in bytes.
      type: int
      sample: 1500
    mac:
      description: Hardware address.
      type: str
      sample: "52:54:00:12:34:56"
    children:
      description: The containers' interfaces, as C(container) in RV(bridges[].ports), with their C(kind).
      type: list
      elements: dict
      sample:
        - kind: macvlan
          id: 4f3e2d1c0b9a
          name: web
          interface: eth0
          ifindex: 12
          addresses: [192.0.2.65/24]
          mac: "02:42:c0:00:02:41"
          mtu: 1500
uplinks:
  description:
    - The interfaces of the default routes in the main table, once for each C(family) (V(inet), V(inet6)) and gateway.
    - C(forwarding) tells whether the kernel forwards IPv4 packets that come in by it, C(strict) whether it takes only
      those whose sender has its route back by it (rp_filter).
    - The kernel uses the routes with the least C(metric).
  returned: always
  type: list
  elements: dict
  sample:
    - interface: eth0
      family: inet
      gateway: 192.0.2.1
      metric: 0
      addresses: [192.0.2.7/24]
      mtu: 1500
      mac: "52:54:00:12:34:56"
      forwarding: true
      strict: false
connections:
  description: How many connections the kernel tracks (C(count)), and how many it can (C(limit)), or null.
  returned: always
  type: dict
  sample: {"count": 120, "limit": 262144}
filters_bridged:
  description: Whether iptables sees packets between ports of a bridge. Null without the kernel module br_netfilter.
  returned: always
  type: bool
  sample: true
bypassed:
  description: The programs (C(iptables), C(ip6tables)) whose chain DOCKER-USER has rules, and no rule leads to it.
  returned: always
  type: list
  elements: str
  sample: []
engine_answers:
  description: Whether the API answered. RV(networks) and RV(containers) are empty if it did not.
  returned: always
  type: bool
  sample: true
error:
  description: Why the API did not answer, or what else could not be observed. Null if everything was observed.
  returned: always
  type: str
  sample: "Docker's API: Connection refused"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._network.bridge import BridgeError, observe


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "default": "/run/docker.sock"},
            "timeout": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    try:
        found = observe(module.params["socket"], module.params["timeout"])
    except BridgeError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**found)


if __name__ == "__main__":
    main()
