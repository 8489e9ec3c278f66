#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: bring the running daemon to daemon.json."""

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon_apply
short_description: Apply the Docker daemon's configuration to the running daemon
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Does the least that applies C(daemon.json), the unit and the TLS files to the running daemon, which is nothing, a
    reload (SIGHUP), a start, or a restart.
  - Compares what the daemon has loaded with the current files, not with what this run changed. Therefore, the next run
    completes a run that was interrupted.
  - Waits until the daemon answers on every declared endpoint, and checks that the settings have taken effect. If they
    have not, it restores the last good state, brings the daemon back with it, and fails with dockerd's own error
    message.
  - Then it creates, starts, awaits and removes a container with the daemon's own defaults (logging driver, runtime,
    limits, default network), from an image that it makes of a static program of the host and removes again. No registry
    is needed. Both are named C(mooring-canary-...) and labelled C(io.mooring.canary). If no container runs, the change
    has failed and is taken back, too. The message has the daemon's own words.
  - A change stays, with a warning, where no container ran before it either, because to take it back would mend nothing.
    A warning also tells why the test was not possible, for example because an authorization plugin forbids it.
options:
  restart:
    description:
      - When a restart may happen.
      - V(only_without_containers) restarts only if that stops no container, because none is running or C(live-restore)
        keeps them running. Otherwise the module fails and names the containers. If C(live-restore) is declared and the
        running daemon does not have it yet, a reload switches it on before the restart.
      - V(when_needed) restarts even if that stops containers.
      - V(never) does not restart. The module reports what is pending.
      - A restart that would have no effect is always refused. dockerd does not change the default bridge while
        C(live-restore) keeps containers running. See O(containers).
    type: str
    choices: [only_without_containers, when_needed, never]
    default: only_without_containers
  containers:
    description:
      - What to do with running containers if the default bridge changes (C(bip), C(fixed-cidr), C(mtu), ...). dockerd
        does not change it while a container is running.
      - V(keep) leaves them running. The module fails with their names before anything is changed.
      - V(drain) stops all of them, the one that was started last first, and restarts the daemon. Then it starts them
        again in the order in which they had been started, each after those that it links to or shares a namespace with,
        and checks that they stay up, publish their ports, and are healthy if they were before. If not, it restores the
        last good state and starts them with it. O(restart=only_without_containers) allows such a restart.
      - V(drain) fails before anything is changed if a container would not be the same afterwards, and names it. These
        are containers that C(--rm) removes when they stop, paused ones, ones that do not stay up, and those of a swarm.
      - If an interrupted run has left containers stopped, the next run starts them, whatever the value of this option.
    type: str
    choices: [keep, drain]
    default: keep
  timeout:
    description:
      - Seconds to wait for the daemon to answer on all its endpoints, and for a drained container to start.
    type: int
    default: 60
  confirm:
    description:
      - Seconds after which the host reverts a start or restart that could cost you the connection to it, unless
        M(mooring.docker.confirm) is called over a new connection in time. Such a start or restart changes addresses or
        packet filtering of Docker's networks (C(bip), C(default-address-pools), C(iptables), ...), or is the first
        start, which creates C(docker0).
      - The files, C(docker0) and the daemon are then as before. If there was no daemon before, it is stopped and does
        not start at boot, C(docker0) is removed, and the files stay for the next run.
      - Nothing is reverted for a running daemon whose loaded configuration is unknown, because its files changed after
        its start and before Mooring first observed them.
      - V(0) applies the change without a timer.
    type: int
    default: 0
attributes:
  check_mode:
    description: Reports what would be done and does nothing.
    support: full
  diff_mode:
    description: Shows the action and its reasons.
    support: full
seealso:
  - module: mooring.docker.daemon_config
  - module: mooring.docker.confirm
"""

EXAMPLES = r"""
- name: Apply whatever is not applied yet
  mooring.docker.daemon_apply:

- name: Prepare everything for a restart in the maintenance window
  mooring.docker.daemon_apply:
    restart: never

- name: Move the bridge, under containers that may be stopped for it
  mooring.docker.daemon_apply:
    containers: drain
    confirm: 60

- name: Close the connection
  ansible.builtin.meta: reset_connection

- name: Confirm the change over a new connection
  mooring.docker.confirm:
"""

RETURN = r"""
action:
  description: What was done, or would be in check mode.
  returned: success
  type: str
  choices: [nothing, reload, start, restart]
keys:
  description: The options that changed.
  returned: success
  type: list
  elements: str
  sample: [labels]
reasons:
  description: Why the action was needed.
  returned: success
  type: list
  elements: str
  sample: ["changed: bip"]
pending:
  description: What O(restart=never) has left pending, or null.
  returned: success
  type: str
  sample: "restart (changed: bip)"
drained:
  description: The containers that this or an interrupted run has stopped, and that were started again, in this order.
  returned: success
  type: list
  elements: str
  sample: [database, web]
armed:
  description: Whether a change of the daemon is pending confirmation by M(mooring.docker.confirm).
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._steps import apply
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=apply.OPTIONS, supports_check_mode=True)
    try:
        with state.locked():
            result = apply.execute(module.params, module.check_mode)
    except (StepError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
