#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: observe a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Observe a host and its Docker Engine in one trip
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Returns the system, the engine, its declared and its observed configuration, and the addresses that a change of the
    engine's addresses could cut off.
  - Works on hosts without an engine and without systemd. On systems other than Linux, it returns only RV(host.system).
  - Values of the configuration other than addresses and TLS options are not returned, because they can contain
    passwords of proxies. The content of keys is not returned either.
options:
  packages:
    description: Debian packages to look up.
    type: list
    elements: str
    default: []
  users:
    description: Users to look up.
    type: list
    elements: str
    default: []
  groups:
    description: Groups to look up.
    type: list
    elements: str
    default: []
  certificates:
    description: PEM files whose certificate is described, in addition to those that C(daemon.json) names.
    type: list
    elements: path
    default: []
  ssh_user:
    description: Account with which clients reach the daemon over SSH. If it is set, RV(host.ssh) describes it.
    type: str
  ssh_socket:
    description: Path of the daemon's socket that they reach. If it is set, RV(host.ssh) has a C(trial).
    type: path
  bridges:
    description: Whether RV(host.bridge) has the result of M(mooring.docker.bridge_info), without another trip.
    type: bool
    default: false
  asked_at:
    description:
      - Time of the controller's clock, in seconds since the epoch. If it is set, RV(host.clock) compares the clocks.
    type: float
  sysctls:
    description: Names of kernel parameters to look up, such as V(net.ipv4.ip_forward).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - mooring.docker.observation
"""

EXAMPLES = r"""
- name: Observe the host
  mooring.docker.host_info:
    packages: [docker.io]
    groups: [docker]
  register: result

- name: Show what requires a restart
  ansible.builtin.debug:
    var: result.host.configuration.pending
"""

RETURN = r"""
host:
  description: The host as it was observed.
  returned: always
  type: dict
  contains:
    system:
      description:
        - Kernel, distribution, Python, whether systemd runs, apt is there, and the user is root.
        - C(apparmor_parser) tells whether there is what loads AppArmor's profiles, null where the kernel does without.
      type: dict
      sample: {"kernel": "Linux", "distribution": "debian", "distribution_version": "13", "systemd": true}
    clock:
      description:
        - How many seconds the host's clock is C(ahead) of O(asked_at), negative where it is behind; null without that.
          The time that the question took to get here is in it.
      type: dict
      sample: {"ahead": 0.4}
    packages:
      description: For each asked package the C(installed) and the C(candidate) version, null where there is none.
      type: dict
      sample: {"docker.io": {"installed": null, "candidate": "26.1.5+dfsg1-9"}}
    installation:
      description:
        - What an interrupted installation has left. C(unfinished) are those of the asked packages that dpkg has begun
          and not ended, with their state. C(begun) tells that M(mooring.docker.install_packages) was interrupted.
      type: dict
      sample: {"unfinished": {"docker.io": half-configured}, "begun": true}
    engine:
      description:
        - Versions of daemon, CLI and API, state of the service, number of running containers, whether the host is in a
          C(swarm) and its manager.
        - C(version) is that of the program on disk, C(running_version) that of the daemon that answers, C(package) the
          Debian package and its version, null where the engine came otherwise.
        - C(containerd) is the state of the service that the daemon leans on, null where it starts a containerd itself.
        - C(settings) are those of the running daemon that are no secrets, by their names in C(daemon.json).
        - C(networks) as RV(mooring.docker.bridge_info#module:networks), null where no daemon answers.
        - C(published), where containers publish TCP ports.
        - C(used) tells whether the data root has containers, volumes or images.
        - C(image_store) tells who keeps images and containers' files, V(dockerd) below its data root or V(containerd)
          below its own root, which is the default of engine 29 and later on a new data root.
        - C(storage) are the file systems of images, containers and C(/run), with what each C(holds), their C(size),
          what is C(free) of it in bytes and in inodes (C(inodes_free)), and whether they are C(read_only). C(programs)
          start containers, each with its path, null where it is missing. Both are empty where no daemon answers.
      type: dict
      sample: {"installed": true, "version": "26.1.5+dfsg1", "api_version": "1.45", "containers_running": 2}
    configuration:
      description:
        - Keys of each fragment and of C(daemon.json), those C(edited) in the latter by somebody else, containers
          that an interrupted run has left C(stopped) while it moved their bridge, the C(pending)
          C(action) with its C(reasons), whether the daemon is C(untested) because a run was interrupted before a
          container had run on its last change, values of the options that are C(addresses), and those of C(tls),
          C(tlsverify), C(tlscacert), C(tlscert), C(tlskey).
      type: dict
      sample:
        fragments: {"10-engine": [hosts, tlscert]}
        effective: [hosts, tlscert]
        edited: []
        tls: {"tlscert": /etc/docker/tls/server/cert.pem}
        pending: {"action": nothing, "keys": [], "reasons": []}
    host_files:
      description:
        - What differs of the files that M(mooring.docker.plan) compares, such as certificates of registries, and what
          is left of earlier ones. Empty in the reply of this module.
        - C(prune) is the state of the timer that removes what is not used, null if none is declared.
      type: dict
      sample: {"differing": [], "leftover": [], "diff": [], "prune": null, "schedule": null}
    listening:
      description: Endpoints that the daemon's process really listens on, without the ports of containers.
      type: list
      elements: str
      sample: ["tcp://0.0.0.0:2376", "unix:///run/docker.sock"]
    sockets:
      description: C(path), C(owner), C(group), C(mode) and C(group_members) of each UNIX socket that it listens on.
      type: list
      elements: dict
      sample: [{"path": "/run/docker.sock", "owner": "root", "group": "docker", "mode": "0660", "group_members": []}]
    files:
      description:
        - C(kind), C(owner), C(group) and C(mode) of the engine's files, by path. Of C(/etc/docker) and all in it, the
          TLS files, systemd's units with their drop-ins and environment files, containerd's socket, and Mooring's own
          state.
        - C(leads_to) is where a link leads in the end, else null.
      type: dict
      sample:
        /etc/docker/tls/server/key.pem: {"kind": file, "owner": root, "group": root, "mode": "0600", "leads_to": null}
    certificates:
      description:
        - The first certificate of each asked file, and of C(tlscert) and C(tlscacert) in C(daemon.json), as
          RV(mooring.docker.endpoint_info#module:endpoint.certificate), null where there is none.
        - C(bundle) has the sha256 of every certificate in the file, in its order.
      type: dict
    network:
      description:
        - Interfaces, those that are bridges, addresses, routes of all tables, neighbours, resolvers, and the address
          this session comes from.
        - Of neighbours, C(permanent) tells those whose link-layer address (C(mac)) somebody has set.
        - C(forwarding) tells for C(inet) and C(inet6) whether the kernel forwards packets, C(without_ipv6) are the
          interfaces on which IPv6 is switched off.
        - C(router_advertisements) tells C(accept_ra) of each interface on which the kernel listens to
          routers and has heard one.
      type: dict
    sysctls:
      description:
        - For the asked kernel parameters, Mooring's C(own), which are in C(file), and C(accept_ra) of interfaces that
          learn from routers, what they are now (C(live), null where the kernel has none) and what the files in
          C(/etc/sysctl.d) and the like set at C(boot), null for nothing. C(program) is sysctl(8), null without.
      type: dict
      sample:
        program: /usr/sbin/sysctl
        file: /etc/sysctl.d/99-zz-mooring.conf
        own: []
        live: {"net.ipv4.ip_forward": "1"}
        boot: {"net.ipv4.ip_forward": null}
    nftables:
      description:
        - Mooring's own nftables tables by name. The C(text) of the file, or null where a table has none; whether it is
          C(live) exactly as the file says; whether it is C(persistent) over a boot; whether it is C(required) for
          C(docker.service) to start; whether the unit that loads all of them at boot has C(failed).
      type: dict
      sample: {"endpoint": {"text": "...", "live": true, "persistent": true, "required": true, "failed": false}}
    nftables_backend:
      description:
        - What a daemon with C(firewall-backend) V(nftables) finds, null where C(daemon.json) does not say so
          (C(configured)). The program C(nft), or null; whether the host is C(in_swarm), which that backend does not go
          with; and the C(policy) of the chain C(FORWARD) of each of C(iptables) and C(ip6tables), with the C(rules)
          there that are not Docker's.
      type: dict
      sample:
        configured: true
        nft: /usr/sbin/nft
        in_swarm: false
        forward: {iptables: {policy: ACCEPT, rules: []}}
    confirm:
      description:
        - Whose changes are C(armed) and wait for M(mooring.docker.confirm), and when and why the host
          last C(reverted) one by itself, or null.
      type: dict
      sample: {"armed": [], "reverted": null}
    bridge:
      description: What M(mooring.docker.bridge_info) returns, null without O(bridges).
      type: dict
    users:
      description: C(uid) and C(groups) of each asked user, null where there is none.
      type: dict
    groups:
      description:
        - C(gid) and C(members) of each asked group, null where there is none.
        - C(primary) are the users whose primary group it is, C(own) the accounts that Mooring made for clients over
          SSH.
        - C(holders) are processes that hold the group, each with its C(pid), C(name) and C(user). Those of root and of
          containers are left out.
      type: dict
      sample:
        docker:
          gid: 994
          members: [deploy]
          primary: [docker-remote]
          own: [docker-remote]
          holders: [{"pid": 812, "name": bash, "user": deploy}]
    ssh:
      description:
        - C(accounts) are those that Mooring made, with their C(groups), C(shell), whether they have a C(password) and
          whether one C(expires). C(authorized_keys) is the sha256 of the keys that get in, and C(clients) are their
          names, null where the file cannot be read. C(has_home) tells whether there is a home, C(guarded) whether it
          has nothing else, and root alone may change it.
        - C(drop_in) is the text of Mooring's share of sshd's configuration, null for none, and C(loaded) whether the
          sshd that listens has read it, null where that cannot be told. C(pending) tells that a run was cut while it
          changed any of this.
        - C(settings) are what sshd says it would do with the account, for a client at the address that this session
          comes from, or C(error) why it says nothing. C(trial) has both as they would be with the drop-in for
          O(ssh_socket), null where that is there. C(host_keys) are its public keys.
        - C(configuration) has the Match blocks of sshd's configuration C(before) and C(after) the place of that
          drop-in, and C(is_included), whether sshd reads what stands there. C(listeners) are the titles of its
          processes that wait for connections.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._host import observation
from ansible_collections.mooring.docker.plugins.module_utils._system.asking import asking_once


def main() -> None:
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "packages": dict(names),
            "users": dict(names),
            "groups": dict(names),
            "certificates": {"type": "list", "elements": "path", "default": []},
            "ssh_user": {"type": "str"},
            "ssh_socket": {"type": "path"},
            "bridges": {"type": "bool", "default": False},
            "asked_at": {"type": "float"},
            "sysctls": dict(names),
        },
        supports_check_mode=True,
    )
    params = module.params
    options = (
        "packages",
        "users",
        "groups",
        "certificates",
        "ssh_user",
        "bridges",
        "asked_at",
        "sysctls",
        "ssh_socket",
    )
    try:
        with asking_once():
            host = observation.observe(*(params[option] for option in options))
    except OSError as error:
        module.fail_json(msg=f"the host cannot be observed: {error}")
    module.exit_json(host=host)


if __name__ == "__main__":
    main()
