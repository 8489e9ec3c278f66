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
  - Reports whether an endpoint can be reached, whether it accepts plain text, whether it requires a client certificate,
    which versions of TLS and which ciphers it accepts, which certificates it presents, and whether a given client has
    access.
  - Works with any daemon, also one that Mooring did not set up, and requests only C(/_ping) and C(/version).
    A TCP endpoint is connected to up to three times for that. Over TLS come four connections for the versions, and
    those for O(ciphers), which end with the server's first answer. dockerd's journal has a line for each of them.
  - Values that cannot be determined are null. An endpoint that cannot be reached is a result, not a failure. The module
    fails only if O(endpoint) or the given files cannot be used.
options:
  endpoint:
    description:
      - The endpoint, such as V(unix:///run/docker.sock), V(tcp://192.0.2.7:2376) or V(tcp://[2001:db8::7]:2376).
    type: str
    required: true
  ca:
    description:
      - PEM file with the authorities that the server's certificate may be signed by.
      - The server is verified as a Docker client does it, so its name must be among the subject alternative names.
    type: path
  client_certificate:
    description: PEM file with the client's certificate. It is presented only to a server that O(ca) has signed.
    type: path
  client_key:
    description: PEM file with the client's key, not encrypted.
    type: path
  server_name:
    description: Name that the server's certificate must have, sent as SNI. Defaults to the host of O(endpoint).
    type: str
  timeout:
    description:
      - Seconds that each step may take, from the connection to the last byte.
      - A TCP endpoint takes up to four steps, in plain text, for versions and ciphers, without a certificate and with
        one; a UNIX socket takes one. So it is over after four times this at the latest.
    type: float
    default: 5.0
  ciphers:
    description:
      - Whether to find out every cipher that is accepted. This takes a connection for each, and one more for each
        version of TLS. For a daemon that accepts seven ciphers with two versions, that is nine.
    type: bool
    default: false
extends_documentation_fragment:
  - mooring.docker.observation
notes:
  - The details of the certificate need the C(cryptography) library where the module runs.
seealso:
  - module: mooring.docker.host_info
  - module: mooring.docker.bridge_info
"""

EXAMPLES = r"""
- name: Check whether Alice has access from here
  mooring.docker.endpoint_info:
    endpoint: tcp://192.0.2.7:2376
    ca: pki/server-ca.pem
    client_certificate: pki/alice.pem
    client_key: pki/alice-key.pem
  delegate_to: localhost
  register: alice

- name: Show why she does not
  ansible.builtin.debug:
    var: alice.endpoint.error
  when: not alice.endpoint.authenticated

- name: Show who may use the socket
  mooring.docker.endpoint_info:
    endpoint: unix:///run/docker.sock
  become: true
"""

RETURN = r"""
endpoint:
  description: The endpoint as it was observed. All keys exist. Null means not applicable, or not determined.
  returned: always
  type: dict
  contains:
    url:
      description: The O(endpoint).
      type: str
      sample: tcp://192.0.2.7:2376
    reachable:
      description: Whether a connection could be made. If nothing answers on it, see RV(endpoint.error).
      type: bool
      sample: true
    transport:
      description: V(unix), V(plaintext), V(tls), or null.
      type: str
      sample: tls
    plaintext_accepted:
      description: Whether HTTP without TLS is answered. Null for UNIX sockets, and if a port does not answer.
      type: bool
      sample: false
    client_certificate_required:
      description: Whether a client without a certificate is refused. Null without TLS.
      type: bool
      sample: true
    trusted:
      description: Whether the server's certificate is signed by O(ca) and has the name. Null without O(ca).
      type: bool
      sample: true
    authenticated:
      description: Whether the given client got an answer of the API. Null without O(client_certificate).
      type: bool
      sample: true
    tls:
      description: Protocol C(version) and C(cipher) that OpenSSL on this side and the server negotiate.
      type: dict
      sample: {"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256"}
    versions:
      description:
        - Whether each version of TLS is taken, V(true) or V(false), whatever this side's OpenSSL thinks of it. V(null)
          where the server stayed silent until the end of O(timeout).
        - Null where there is no TLS.
      type: dict
      sample: {"TLSv1": false, "TLSv1.1": false, "TLSv1.2": true, "TLSv1.3": true}
    ciphers:
      description:
        - All ciphers that are taken with each version that is taken, by OpenSSL's names, as the server chose them when
          offered all that were left. V(null) where the list did not come to its end within O(timeout).
        - Null where there is no TLS, and without O(ciphers).
      type: dict
      sample:
        TLSv1.2: [ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-ECDSA-AES256-GCM-SHA384]
        TLSv1.3: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]
    certificate:
      description:
        - The server's certificate. C(days_left) counts whole days and is negative from the moment of expiry.
        - C(key_id) and C(authority_key_id) tell its key and that of its issuer (RFC 5280, 4.2.1.1 and 4.2.1.2).
        - C(key) is the type of its key, V(RSA), V(DSA), V(EC), V(Ed25519) or V(Ed448), and its bits, null where the
          type says it all. C(contents) tells C(sha256), C(subject), C(issuer), C(key_id), C(authority_key_id) and
          C(key) of it, and of all certificates behind it in a file.
        - Without the cryptography library, C(names), C(extended_key_usage) and C(contents) are empty and all others but
          C(sha256) and C(bundle) are null.
        - Null where there is no TLS.
      type: dict
      sample:
        subject: CN=trixie
        issuer: CN=Mooring server CA 1
        serial_number: 1f2e3d
        names: ["DNS:trixie", "IP:192.0.2.7"]
        extended_key_usage: [serverAuth]
        key_id: 7d0f6a1b2c3d4e5f60718293a4b5c6d7e8f90a1b
        authority_key_id: 0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b7d0f
        not_before: "2026-01-01T00:00:00Z"
        not_after: "2027-01-01T00:00:00Z"
        days_left: 364
        key: {"type": EC, "bits": 256}
        sha256: 5c3fd0a0c2c5a8e9b7f1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d
        bundle: [5c3fd0a0c2c5a8e9b7f1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d]
    chain:
      description:
        - Every certificate that the server presents, in its order, its own first, each as in RV(endpoint.certificate).
        - Null where the server takes nothing older than TLS 1.3, which shows the chain to no bystander.
      type: list
      elements: dict
    client_authorities:
      description:
        - The authorities that the server says it takes client certificates of. For dockerd, the subjects in the file
          of its C(tlscacert) as it was when the daemon started.
        - Null where it asks for no certificate, where it takes nothing older than TLS 1.3, and without the
          cryptography library.
      type: list
      elements: str
      sample: [CN=Mooring client CA 1]
    engine_version:
      description: Version of the engine, if the API answered.
      type: str
      sample: 28.5.2
    api_version:
      description: Version of the API, if it answered.
      type: str
      sample: "1.51"
    min_api_version:
      description: Oldest version of the API that the engine supports.
      type: str
      sample: "1.24"
    socket:
      description:
        - C(path), C(owner), C(group), C(mode) and C(group_members) of a UNIX socket.
        - Members are the users of the group, including those whose primary group it is.
      type: dict
      sample: {"path": "/run/docker.sock", "owner": "root", "group": "docker", "mode": "0660", "group_members": []}
    error:
      description: Why the endpoint could not be reached or the client has no access, in one line. Null if it has.
      type: str
      sample: "the client certificate is refused: tlsv1 alert unknown ca"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config.endpoints import EndpointError
from ansible_collections.mooring.docker.plugins.module_utils._engine.probe import CredentialError, probe


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
            "ciphers": {"type": "bool", "default": False},
        },
        required_together=[("client_certificate", "client_key")],
        required_by={"client_certificate": "ca"},
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
            params["ciphers"],
        )
    except (CredentialError, EndpointError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(endpoint=found)


if __name__ == "__main__":
    main()
