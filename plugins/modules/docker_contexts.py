#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: contexts of the docker CLI."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_contexts
short_description: Manage the docker contexts of the current user for the daemons of a fleet
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Creates, changes and removes all contexts of one fleet in one trip. Their descriptions contain the fleet's name.
    Contexts without it are never changed.
  - Contexts of TCP endpoints link to the client's TLS files and do not copy them. The key stays in one place, and a
    renewed certificate applies to all contexts at once.
  - If the user has no C(config.json), in which the CLI stores logins, the module creates one that only the user can
    read. An existing file is not changed. The module warns if it contains logins and others can read it.
options:
  contexts:
    description: Name of each context and its endpoint, such as V(tcp://192.0.2.7:2376) or V(ssh://user@192.0.2.7).
    type: dict
    required: true
  fleet:
    description: Name of the fleet. Its contexts that are not in O(contexts) are removed.
    type: str
    required: true
  ca:
    description: PEM file with the authorities of the servers. Required for TCP endpoints.
    type: path
  certificate:
    description: PEM file with the client's certificate.
    type: path
  key:
    description: PEM file with the client's key.
    type: path
  ssh:
    description:
      - Settings of the user's ssh, which the CLI runs for C(ssh://), for these hosts. With them, ssh trusts only the
        given keys of the hosts, and forwards nothing to them, no agent, no X11, and no port. Other uses of ssh are not
        affected. Without this option, nothing is.
    type: dict
    suboptions:
      directory:
        description:
          - Directory for the fleet's C(known_hosts) and C(ssh_config).
          - If it contains an SSH key, C(id_ed25519), ssh uses this key for the fleet, otherwise the user's keys.
        type: path
        required: true
      host_keys:
        description:
          - For each C(ssh://) endpoint of O(contexts) the public keys of its host, each with its type and base64 text
            as in a C(.pub) file. Known keys of hosts that are not listed stay.
          - Anything but a complete public key of a plain type is refused, because these lines identify the hosts.
        type: dict
        default: {}
      config:
        description: The user's configuration file of ssh. The module adds a line that includes the fleet's.
        type: path
        default: ~/.ssh/config
  cli:
    description: The docker CLI, a path or a name on C(PATH).
    type: str
    default: docker
attributes:
  check_mode:
    description: Reports what would change and changes nothing.
    support: full
  diff_mode:
    description: Shows the fleet's contexts and the files that ssh reads, before and after.
    support: full
seealso:
  - module: community.docker.docker_context_info
"""

EXAMPLES = r"""
- name: Use two daemons by name, as in "docker --context trixie ps"
  mooring.docker.docker_contexts:
    fleet: lab
    ca: ~/.docker/lab/ca.pem
    certificate: ~/.docker/lab/cert.pem
    key: ~/.docker/lab/key.pem
    contexts:
      trixie: tcp://192.0.2.12:2376
      bookworm: ssh://docker-remote@192.0.2.11
    ssh:
      directory: ~/.docker/lab
      host_keys:
        ssh://docker-remote@192.0.2.11:
          - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI
"""

RETURN = r"""
contexts:
  description: The endpoints of the fleet's contexts, by name.
  returned: success
  type: dict
  sample: {trixie: "tcp://192.0.2.12:2376"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._client.contexts import ContextError, Contexts
from ansible_collections.mooring.docker.plugins.module_utils._client.ssh_config import SshConfig


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "contexts": {"type": "dict", "required": True},
            "fleet": {"type": "str", "required": True},
            "ca": {"type": "path"},
            "certificate": {"type": "path"},
            "key": {"type": "path", "no_log": False},
            "ssh": {
                "type": "dict",
                "options": {
                    "directory": {"type": "path", "required": True},
                    "host_keys": {"type": "dict", "default": {}, "no_log": False},
                    "config": {"type": "path", "default": "~/.ssh/config"},
                },
            },
            "cli": {"type": "str", "default": "docker"},
        },
        required_together=[("ca", "certificate", "key")],
        supports_check_mode=True,
    )
    params = module.params
    files = {"ca.pem": params["ca"], "cert.pem": params["certificate"], "key.pem": params["key"]}
    if not params["ca"]:
        files = {}
        bare = next((name for name, url in params["contexts"].items() if url.startswith("tcp://")), None)
        if bare:
            module.fail_json(msg=f"context {bare} leads to TCP, which needs ca, certificate and key")
    ssh = SshConfig(params["fleet"], params["ssh"]["directory"], params["ssh"]["config"]) if params["ssh"] else None
    try:
        told = ssh.changes(params["contexts"].values(), params["ssh"]["host_keys"]) if ssh else {}
        result = Contexts(params["cli"], params["fleet"], files).reconcile(params["contexts"], module.check_mode)
    except (ContextError, ValueError) as error:
        module.fail_json(msg=str(error))
    for warning in result["warnings"]:
        module.warn(warning)
    if ssh and not module.check_mode:
        ssh.write(told)
    diffs = [{"before_header": str(path), "after_header": str(path), **texts} for path, texts in told.items()]
    module.exit_json(
        changed=result["changed"] or bool(told), contexts=result["contexts"], diff=[result["diff"], *diffs]
    )


if __name__ == "__main__":
    main()
