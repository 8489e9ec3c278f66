#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module: install Debian packages in one trip."""

from __future__ import annotations

DOCUMENTATION = r"""
module: install_packages
short_description: Install Debian packages in one trip, without starting a service
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Installs the packages in O(required) that are missing, together with those in O(optional) that the host's release
    has. It calls C(apt-get install --no-install-recommends) once, or not at all. No package is upgraded or removed.
  - Refreshes the package lists first if they are older than a day, lack a required package, or name a version that can
    no longer be downloaded.
  - Prevents the packages from starting services with a C(policy-rc.d) that exists only while apt-get runs. The
    operator's own C(policy-rc.d) is restored. A run that is killed leaves none that would prevent a service from
    starting.
  - First finishes what a killed run or a host that went down has left half-installed or half-configured, with
    C(dpkg --configure --pending) and, if that is not enough, C(apt-get --fix-broken install --no-remove).
  - Waits up to 300 seconds for another apt or dpkg process to finish, such as unattended-upgrades, and names it if it
    does not.
  - Requires apt-get, but no Python library on the host.
options:
  required:
    description: Packages that must be installed.
    type: list
    elements: str
    required: true
  optional:
    description:
      - Packages that are installed together with a required one if the release has them. They do not cause an
        installation by themselves.
      - C(docker-compose) is installed only from version 2, with which it became the plugin C(docker compose).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description:
      - Reports what the current package lists would give. They are not refreshed, so optional packages may be missing
        on a host without lists.
    support: full
  diff_mode:
    description: Shows the names of the packages.
    support: full
"""

EXAMPLES = r"""
- name: Install the engine
  mooring.docker.install_packages:
    required: [docker.io, nftables]
    optional: [docker-cli, docker-buildx, docker-compose]
"""

RETURN = r"""
packages:
  description: The packages that were installed, or would be in check mode, without their dependencies.
  returned: success
  type: list
  elements: str
  sample: [docker.io, docker-cli]
finished:
  description: Packages whose installation had been interrupted and was finished, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [containerd]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mooring.docker.plugins.module_utils._config import state
from ansible_collections.mooring.docker.plugins.module_utils._steps import packages
from ansible_collections.mooring.docker.plugins.module_utils._steps.failure import StepError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=packages.OPTIONS, supports_check_mode=True)
    try:
        with state.locked():
            result = packages.execute(module.params, module.check_mode)
    except (StepError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
