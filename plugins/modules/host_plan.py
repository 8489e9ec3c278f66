#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: plan one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_plan
short_description: Observe a host and plan what a run would do on it, in one trip
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Observes the host, makes a dry run of the declared configuration on it without writing anything, and compares the
    result with what is declared. Returns the steps that bring the host to what is declared, or the reasons for a
    refusal.
  - M(mooring.docker.plan) uses it, and makes O(declaration) from the variables of the roles. Use that module in your
    playbooks.
options:
  declaration:
    description:
      - What is declared for this host. The keys are C(name), C(controller), C(run_tags), C(skip_tags), and, for the
        variables of the roles, C(engine) and C(network), which are null for a role that is not planned. See
        C(plugins/module_utils/_plan/declaration.py).
    type: dict
    required: true
  observe:
    description:
      - Whether to return RV(host) and RV(composition), too, for a comparison. The dry run then does not check TLS
        files.
    type: bool
    default: false
  test:
    description:
      - Whether to run a container on the daemon, if it is active, and remove it again. M(mooring.docker.daemon_apply)
        describes it. If it runs, a second one is started on docker0 for a moment, to try connections between it and the
        host and from it to a DNS server or gateway.
    type: bool
    default: false
  record:
    description:
      - Whether to note in C(/var/lib/mooring) what the running daemon has loaded, if it is as declared and was started
        by somebody else since. A later change is applied from there, and reverted to it if it fails.
    type: bool
    default: false
  asked_at:
    description: The time of the controller's clock, as in M(mooring.docker.host_info#module).
    type: float
attributes:
  check_mode:
    description: Changes and records nothing.
    support: full
  diff_mode:
    description: Shows nothing. The differences that the steps would make are in RV(plan).
    support: none
seealso:
  - module: mooring.docker.host_info
  - module: mooring.docker.daemon_config
"""

EXAMPLES = r"""
- name: Preview what the role docker_network would do
  mooring.docker.host_plan:
    declaration:
      name: "{{ inventory_hostname }}"
      controller: []
      run_tags: [all]
      skip_tags: []
      engine: null
      network:
        options: {bip: auto, default-address-pools: auto}
        on_conflict: refuse
        restart: only_without_containers
        containers: keep
        networks: []
        published: open
        other_bridges: []
        require_filters: true
        endpoints: null
        sysctls: {}
        reserved: []
        check_addresses: true
        address_block: null
        fleet: []
        docker_host: unix:///run/docker.sock
  register: preview
"""

RETURN = r"""
plan:
  description: What a run would do. It contains no secrets.
  returned: success
  type: dict
  contains:
    refusals:
      description: Why there is no plan, one sentence each. If there are refusals, there are no steps.
      type: list
      elements: str
      sample: ["docker_engine_users deploy: there is no such user"]
    steps:
      description:
        - The steps, in the order in which they are carried out. Their names are C(host_files),
          C(packages), C(sysctls),
          C(published_filter), C(ssh_access), C(endpoint_filter), C(certificate), C(configuration), C(socket_group),
          C(apply), C(confirm) and C(networks). A step is planned only if it has something to do and C(--tags) selects
          it.
        - Each has its C(name), its C(role), a C(summary), the C(reasons), the C(effects) that clients and containers
          notice, the C(parameters) of its task, and the C(diff).
      type: list
      elements: dict
      sample:
        - name: apply
          role: docker_engine
          summary: "restart (changed: bip)"
          reasons: ["changed: bip"]
          effects: ["the daemon restarts; no container is running"]
          parameters: {"action": restart, "keys": [bip]}
          diff: []
certificate_names:
  description: Names and addresses in the server's certificate on the host. Empty if there is none.
  returned: success
  type: list
  elements: str
  sample: ["DNS:trixie", "IP:192.0.2.7"]
composition:
  description:
    - The C(files) of the engine that would change, or a C(msg) with the reason why the dry run is not possible.
    - Null without O(observe), and for a host that cannot run an engine.
  returned: success
  type: dict
  sample: {"files": []}
test:
  description:
    - Why the daemon does not run a container (C(problem)), or why that could not be tried (C(obstacle)). Both are null
      where one ran.
    - C(path) tells what became of connections between the host and a container. C(to_container) is why none to its
      address came up, C(published) why none to a port that it published on 127.0.0.1, C(outward) a machine elsewhere
      that the host reached and the container did not, and C(obstacle) why that could not be tried, each null for
      nothing. Null where no container ran or there is no docker0.
    - Null without O(test), in check mode, and where no daemon is active.
  returned: success
  type: dict
  sample:
    problem: null
    obstacle: null
    path: {"to_container": null, "published": null, "outward": null, "obstacle": null}
host:
  description: The host as M(mooring.docker.host_info#module) returns it, with its bridges. Null without O(observe).
  returned: success
  type: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._apply import transaction
from ansible_collections.mooring.docker.plugins.module_utils._config import options, redaction, state
from ansible_collections.mooring.docker.plugins.module_utils._engine import canary
from ansible_collections.mooring.docker.plugins.module_utils._network import path_test
from ansible_collections.mooring.docker.plugins.module_utils._plan import certificate, observation, plan
from ansible_collections.mooring.docker.plugins.module_utils._system.observed import ContainerTest

# Seconds for each request to the daemon.
_TEST_TIME = 30.0


def _composition(observed: observation.Observation) -> dict[str, Any] | None:
    """What differs of the engine's files, or why the declaration cannot be tried."""
    if observed.refused:
        return {"msg": "; ".join(observed.refused)}
    return None if observed.composition is None else {"files": observed.composition["files"]}


def _test(observed: observation.Observation) -> ContainerTest | None:
    """How a container fares on the daemon; None where no daemon runs."""
    if observed.host["engine"]["service"]["active"] != "active":
        return None
    config = state.daemon_json() or {}
    ran = canary.test(config, _TEST_TIME)
    runs = ran["problem"] is None and ran["obstacle"] is None
    path = path_test.test(config, observed.host["network"], _TEST_TIME) if runs else None
    # The daemon quotes what it does not like.
    test: ContainerTest = redaction.scrubbed({**ran, "path": path}, observed.secrets)
    return test


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            # Options of daemon.json may be secret, so it stays out of the host's log and out of the reply.
            "declaration": {"type": "dict", "required": True, "no_log": True},
            "observe": {"type": "bool", "default": False},
            "test": {"type": "bool", "default": False},
            "record": {"type": "bool", "default": False},
            "asked_at": {"type": "float"},
        },
        supports_check_mode=True,
    )
    params = module.params
    declaration = params["declaration"]
    secrets = {
        secret
        for role in ("engine", "network")
        for secret in options.secrets((declaration[role] or {}).get("options", {}))
    }
    module.no_log_values = redaction.long_enough(secrets)
    shown = {"module_args": {**params, "declaration": redaction.PARAMETER}}
    asked_at, begun = params["asked_at"], time.monotonic()
    try:
        # What another run is about to change is no ground for a plan.
        with state.locked():
            if asked_at is not None:
                # The time that was spent waiting is no difference between clocks.
                asked_at += time.monotonic() - begun
            observed = observation.observe(declaration, params["observe"], asked_at)
            test = _test(observed) if params["test"] and not module.check_mode else None
            if params["record"] and not module.check_mode and observed.is_applied:
                transaction.record_success(state.daemon_json() or {})
    except TimeoutError as error:
        module.fail_json(msg=redaction.scrubbed(str(error), secrets), invocation=shown)
    except OSError as error:
        # A file that went while it was looked at, or that the disk does not give.
        message = redaction.scrubbed(f"the host cannot be observed: {error}", secrets)
        module.fail_json(msg=message, invocation=shown)
    module.exit_json(
        changed=False,
        plan=plan.plan(declaration, observed),
        certificate_names=certificate.deployed_names(declaration, observed.host),
        composition=_composition(observed) if params["observe"] else None,
        host=observed.host if params["observe"] else None,
        test=test,
        invocation=shown,
    )


if __name__ == "__main__":
    main()
