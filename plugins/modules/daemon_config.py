#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: compose daemon.json from fragments."""

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon_config
short_description: Compose the Docker daemon's configuration from fragments
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Writes each owner's fragment, C(/etc/docker/daemon.d/OWNER.json), and merges all fragments into
    C(/etc/docker/daemon.json). A key in two fragments is an error that names both.
  - A C(daemon.json) that existed before becomes the fragment C(00-adopted), and a copy is kept in
    C(/var/lib/mooring/backups). A copy is also kept of one that was edited by hand since.
  - Removes C(-H) from the daemon's command with a systemd drop-in that is computed from the installed unit, because
    dockerd does not start if the addresses to listen on are set both there and as C(hosts) in C(daemon.json).
  - Refuses options that dockerd would reject or silently ignore, before anything is written.
  - Never changes the running daemon. Use M(mooring.docker.daemon_apply) for that.
options:
  fragments:
    description:
      - Options of dockerd in the format of C(daemon.json), by owner. An empty fragment is removed. Fragments of other
        owners are not changed.
      - Fragments are merged in the order of their names.
    type: dict
    required: true
  on_conflict:
    description:
      - Which value wins if O(fragments) and the adopted C(daemon.json) differ.
      - V(refuse) fails with a message that names both values.
    type: str
    choices: [refuse, declared, existing]
    default: refuse
  socket:
    description: The daemon's UNIX sockets, which systemd opens for it. Not changed if the option is not set.
    type: dict
    suboptions:
      paths:
        description: Absolute paths. An empty list stands for the path of the packaged unit.
        type: list
        elements: str
        default: []
      owner:
        description: Owner of the sockets.
        type: str
        default: root
      group:
        description: Group of the sockets. Its members are root on the host.
        type: str
        default: docker
      mode:
        description: Octal mode of the sockets.
        type: str
        default: "0660"
  restart:
    description:
      - The value of this option for M(mooring.docker.daemon_apply#module). If that module would refuse to apply the
        configuration, this module refuses it before anything is written. Not checked if the option is not set.
    type: str
    choices: [only_without_containers, when_needed, never]
  containers:
    description: As in M(mooring.docker.daemon_apply#module). Checked together with O(restart).
    type: str
    choices: [keep, drain]
    default: keep
  data_root_change:
    description:
      - What to do if C(data-root) changes and the daemon has something in the old one that is missing in the new one.
      - V(refuse) fails before anything is changed. V(move) lets M(mooring.docker.daemon_apply) move it. Until it has,
        the new root is a link to the old one.
    type: str
    choices: [refuse, move]
    default: refuse
  tls_to_come:
    description:
      - The TLS files that O(fragments) name are created later in the play, so they are not checked, and count as
        changed in RV(plan). Use it in check mode, in which no files are created.
    type: bool
    default: false
attributes:
  check_mode:
    description: Reports what would be written and writes nothing.
    support: full
  diff_mode:
    description:
      - Shows every file that changes, with V(********) in place of secrets. "(differs, not shown)" follows secrets that
        change.
    support: full
seealso:
  - module: mooring.docker.daemon_apply
"""

EXAMPLES = r"""
- name: Limit the size of the containers' logs
  mooring.docker.daemon_config:
    fragments:
      30-logging:
        log-driver: local
        log-opts: {max-size: 10m}

- name: Listen on a UNIX socket and on TCP with mutual TLS
  mooring.docker.daemon_config:
    fragments:
      10-engine:
        hosts: [fd://, "tcp://0.0.0.0:2376"]
        tlsverify: true
        tlscacert: /etc/docker/tls/client-ca.pem
        tlscert: /etc/docker/tls/server/cert.pem
        tlskey: /etc/docker/tls/server/key.pem
    socket: {mode: "0660", group: docker}

- name: Preview a change
  mooring.docker.daemon_config:
    fragments:
      30-logging: {log-driver: journald}
  check_mode: true
  register: preview

- name: Show what it would take
  ansible.builtin.debug:
    var: preview.plan.sentence
"""

RETURN = r"""
effective:
  description: The merged configuration. Secrets in it, such as passwords and tokens, are not shown.
  returned: success
  type: dict
  sample: {"live-restore": true}
files:
  description: The files that were written or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/docker/daemon.d/30-logging.json, /etc/docker/daemon.json]
plan:
  description: What M(mooring.docker.daemon_apply) then has to do.
  returned: success
  type: dict
  contains:
    action:
      description: The least that is needed, V(nothing), V(reload), V(start) or V(restart).
      type: str
      sample: restart
    keys:
      description: The options that change.
      type: list
      elements: str
      sample: [log-driver]
    reasons:
      description: Why the action is needed.
      type: list
      elements: str
      sample: ["changed: log-driver"]
    containers:
      description: The containers that are running at a start or restart.
      type: list
      elements: str
      sample: [web]
    outlive:
      description: Whether C(live-restore) keeps them running.
      type: bool
      sample: true
    shown:
      description: Options that the running daemon already shows as declared.
      type: list
      elements: str
      sample: [bip]
    drained:
      description: The containers that are stopped and started again, in the order of their starts.
      type: list
      elements: str
      sample: [database, web]
    lost:
      description:
        - Those of them that would not be the same afterwards, with the reason. RV(plan) must not be carried out then.
      type: list
      elements: str
      sample: ["job is removed when it stops (--rm)"]
    sentence:
      description: Action and reasons in one line.
      type: str
      sample: "restart (changed: log-driver)"
adopted:
  description: Whether this call has adopted an existing C(daemon.json).
  returned: success
  type: bool
backup:
  description: Path of the copy of the replaced C(daemon.json), if an operator had written it.
  returned: success
  type: str
  sample: /var/lib/mooring/backups/daemon.json.20260101T120000
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import options, redaction, state
from ansible_collections.mooring.docker.plugins.module_utils._steps import configuration
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=configuration.OPTIONS, supports_check_mode=True)
    params = module.params
    concealed = {name: options.concealed(content or {}) for name, content in params["fragments"].items()}
    shown = {"module_args": {**params, "fragments": concealed}}
    module.no_log_values = redaction.long_enough(configuration.secrets(params))
    try:
        with state.locked():
            result = configuration.execute(params, module.check_mode)
    except (StepError, TimeoutError) as error:
        module.fail_json(msg=str(error), invocation=shown)
    module.exit_json(**result, invocation=shown)


if __name__ == "__main__":
    main()
