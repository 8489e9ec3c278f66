#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: bring the running daemon to daemon.json."""

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon_apply
short_description: Bring the running Docker daemon to its configuration
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Does the least that brings the running daemon to C(daemon.json), its unit and its TLS files. That is nothing,
    a reload (SIGHUP), a start, or a restart.
  - Decides from what the daemon has read and what the files say now, not from what this run changed, so a run
    that was interrupted is finished by the next.
  - Waits until the daemon answers on every declared endpoint and checks that the settings took. If not, it puts
    the last good state back, brings the daemon back with it, and fails with dockerd's own error line.
options:
  restart:
    description:
      - When a restart may happen.
      - V(only_without_containers) restarts only where that stops no container. None is running, or
        C(live-restore) keeps them. Otherwise the module fails and names the containers. Where C(live-restore) is
        declared and the running daemon does not have it yet, a reload switches it on before the restart.
      - V(when_needed) restarts also where that stops containers.
      - V(never) does not restart; the module reports what is pending.
      - A restart that would not do is always refused. dockerd leaves the default bridge as it is while
        C(live-restore) keeps containers running. See O(containers).
    type: str
    choices: [only_without_containers, when_needed, never]
    default: only_without_containers
  containers:
    description:
      - What becomes of running containers where the default bridge changes (C(bip), C(fixed-cidr), C(mtu), ...), which
        dockerd does for none of them while any runs.
      - V(keep) keeps them, and fails with their names before anything is touched.
      - V(drain) stops all of them, who was started last first, restarts the daemon, starts them again in the order in
        which they had been started, each after those that it links to or shares a namespace with, and sees that they
        stay up, publish their ports, and are healthy where they were. If not, the last good state is put back and they
        are started with it. For such a restart O(restart=only_without_containers) is no obstacle.
      - V(drain) fails with their names, before anything is touched, where some would not be as before. Those are the
        ones that C(--rm) removes when they stop, paused ones, ones that do not stay up, and those of a swarm.
      - Containers that an interrupted run has left stopped are started by the next run, whatever this says.
    type: str
    choices: [keep, drain]
    default: keep
  timeout:
    description:
      - Seconds that the daemon is given to answer on all its endpoints, and that a drained container is given to start.
    type: int
    default: 60
  confirm:
    description:
      - Seconds after which the host reverts a start or restart that can lose the connection to it, unless
        M(mooring.docker.confirm) is called over a new connection in time. Such a start or restart changes addresses or
        packet filtering of Docker's networks (C(bip), C(default-address-pools), C(iptables), ...), or is the first
        start of all, which makes C(docker0).
      - The files, C(docker0) and the daemon are then as before. Where there was no daemon before, it is stopped and
        does not start at boot, C(docker0) is removed, and the files stay for the next run.
      - Nothing is reverted for a running daemon whose loaded configuration is unknown, because its files changed after
        its start and before Mooring first saw them.
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

- name: Come back over a new connection
  ansible.builtin.meta: reset_connection

- name: Keep it
  mooring.docker.confirm:
"""

RETURN = r"""
action:
  description: What was done, or would be in check mode.
  returned: success
  type: str
  choices: [nothing, reload, start, restart]
keys:
  description: The options that changed by it.
  returned: success
  type: list
  elements: str
  sample: [labels]
reasons:
  description: Why that much was needed.
  returned: success
  type: list
  elements: str
  sample: ["changed: bip"]
pending:
  description: What O(restart=never) left undone, or null.
  returned: success
  type: str
  sample: "restart (changed: bip)"
drained:
  description: The containers that were stopped for it, now or by an interrupted run, and started again, in that order.
  returned: success
  type: list
  elements: str
  sample: [database, web]
armed:
  description: Whether a change of the daemon waits for M(mooring.docker.confirm), this one or an earlier one.
  returned: success
  type: bool
"""


from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._apply import connection_guard
from ansible_collections.mooring.docker.plugins.module_utils._apply.revert_timer import ConfirmError
from ansible_collections.mooring.docker.plugins.module_utils._apply.transaction import ApplyError, Transaction
from ansible_collections.mooring.docker.plugins.module_utils._config import redaction, state
from ansible_collections.mooring.docker.plugins.module_utils._config.fragments import ConfigError
from ansible_collections.mooring.docker.plugins.module_utils._engine import daemon, planning


def _apply(module: AnsibleModule) -> None:
    observed = planning.observe(may_drain=module.params["containers"] == "drain")
    plan = observed.plan
    transaction = Transaction(observed, module.params["timeout"])
    result: dict[str, Any] = {"action": plan.action, "keys": plan.keys, "reasons": plan.reasons, "pending": None}
    result["drained"] = [container.name for container in observed.to_run]
    result["armed"] = connection_guard.is_pending()
    if not observed.is_installed and not module.check_mode:
        raise ApplyError("there is no docker.service on this host; install the engine first")
    refusal = plan.refusal(module.params["restart"])
    if refusal and not module.check_mode:
        result["drained"] = transaction.start_interrupted()
    if refusal and module.params["restart"] == "never":
        module.warn(refusal)
        module.exit_json(changed=True, **{**result, "action": "nothing", "pending": plan.sentence()})
    if refusal:
        raise ApplyError(refusal)
    changed = not observed.is_enabled or plan.action != "nothing" or bool(observed.to_run)
    if not module.check_mode:
        with connection_guard.guarded(module.params["confirm"], plan.action, observed.config, observed.to_run):
            transaction.execute()
        result["armed"] = connection_guard.is_pending()
    lines = "".join(f"{reason}\n" for reason in plan.reasons)
    lines += "".join(f"start {container.name}\n" for container in observed.to_run)
    diff = {"before": "", "after": f"{plan.action}\n{lines}", "after_header": "docker.service"}
    module.exit_json(changed=changed, **result, **({"diff": diff} if changed else {}))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "restart": {
                "type": "str",
                "choices": ["only_without_containers", "when_needed", "never"],
                "default": "only_without_containers",
            },
            "containers": {"type": "str", "choices": ["keep", "drain"], "default": "keep"},
            "timeout": {"type": "int", "default": 60},
            "confirm": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    secrets = daemon.secrets()
    try:
        with state.locked():
            _apply(module)
    except (ApplyError, ConfigError, ConfirmError, TimeoutError) as error:
        # dockerd quotes what it does not like.
        module.fail_json(msg=redaction.scrubbed(str(error), secrets | daemon.secrets()))


if __name__ == "__main__":
    main()
