#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: observe an endpoint."""

from __future__ import annotations

DOCUMENTATION = r"""
module: endpoint_info
short_description: Observe one endpoint of a Docker daemon from wherever the module runs
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Tells whether an endpoint can be reached, whether it takes plain text, whether it demands a client certificate,
    what certificate it shows, and whether a given client gets in.
  - Works against any daemon, also one that Mooring did not set up. Every step has a deadline.
options:
  endpoint:
    description: The endpoint, V(unix:///run/docker.sock) or V(tcp://192.0.2.7:2376).
    type: str
    required: true
  ca:
    description: PEM file with the authorities that may vouch for the server.
    type: path
  client_certificate:
    description: PEM file with the client's certificate.
    type: path
  client_key:
    description: PEM file with the client's key.
    type: path
  server_name:
    description: Name that the server's certificate must have. The endpoint's host when not given.
    type: str
  timeout:
    description: Seconds that each step may take.
    type: float
    default: 5.0
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: See who gets in
  mooring.docker.endpoint_info:
    endpoint: tcp://192.0.2.7:2376
    ca: pki/server-ca.pem
    client_certificate: pki/alice.pem
    client_key: pki/alice-key.pem
  delegate_to: localhost
  register: result
"""

RETURN = r"""
endpoint:
  description: The endpoint as it was seen.
  returned: always
  type: dict
  contains:
    reachable:
      description: Whether anything answers there.
      type: bool
    transport:
      description: V(unix), V(plaintext), V(tls), or null.
      type: str
    plaintext_accepted:
      description: Whether the API answers plain HTTP. Null for UNIX sockets.
      type: bool
    client_certificate_required:
      description: Whether a client without a certificate is refused. Null where there is no TLS.
      type: bool
    trusted:
      description: Whether the server's certificate stems from O(ca) and has the name. Null without O(ca).
      type: bool
    authenticated:
      description: Whether the given client got an answer of the API. Null without a client certificate.
      type: bool
    tls:
      description: Protocol C(version) and C(cipher).
      type: dict
      sample: {"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256"}
    certificate:
      description: The server's certificate. All but C(sha256) is null without the cryptography library.
      type: dict
      sample: {"subject": "CN=trixie", "names": ["DNS:trixie"], "not_after": "2027-01-01T00:00:00Z", "days_left": 397}
    engine_version:
      description: Version of the engine, where the API answered.
      type: str
    api_version:
      description: Version of the API, where it answered.
      type: str
    min_api_version:
      description: Oldest version of the API that is served.
      type: str
    socket:
      description: C(path), C(owner), C(group), C(mode) and C(group_members) of a UNIX socket.
      type: dict
      sample: {"path": "/run/docker.sock", "owner": "root", "group": "docker", "mode": "0660", "group_members": []}
    error:
      description: Why it could not be reached, or why the client did not get in.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._endpoints import EndpointError
from ansible_collections.mooring.docker.plugins.module_utils._probe import probe


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "endpoint": {"type": "str", "required": True},
            "ca": {"type": "path"},
            "client_certificate": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
            "server_name": {"type": "str"},
            "timeout": {"type": "float", "default": 5.0},
        },
        required_together=[("client_certificate", "client_key")],
        supports_check_mode=True,
    )
    params = module.params
    try:
        found = probe(
            params["endpoint"],
            params["ca"],
            params["client_certificate"],
            params["client_key"],
            params["server_name"],
            params["timeout"],
        )
    except EndpointError as error:
        module.fail_json(msg=str(error))
    module.exit_json(endpoint=found)


if __name__ == "__main__":
    main()
