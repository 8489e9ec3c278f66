# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: which TCP ports of a host the controller reaches."""

from __future__ import annotations

DOCUMENTATION = r"""
name: open_ports
short_description: Try which TCP ports of a host take a connection from the controller, all at once
version_added: 0.1.0
author: The Mooring authors (@mooring)
description:
  - Connects, says nothing, and hangs up.
options:
  _terms:
    description: Numbers of ports.
    required: true
  host:
    description: Name or address of the host.
    type: str
    required: true
  timeout:
    description: Seconds after which a port counts as one that takes no connection.
    type: float
    default: 2
"""

EXAMPLES = r"""
- name: Show what is open
  ansible.builtin.debug:
    msg: "{{ query('mooring.docker.open_ports', 80, 443, 8080, host='192.0.2.7') }}"
"""

RETURN = r"""
_list:
  description: Those of the ports that took a connection.
  type: list
  elements: int
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types.
    """The lookup, used as ``mooring.docker.open_ports``."""

    def run(self, terms: list[int], variables: Any = None, **kwargs: Any) -> list[int]:
        """Those of ``terms`` that take a connection."""
        self.set_options(var_options=variables, direct=kwargs)
        host, timeout = self.get_option("host"), self.get_option("timeout")

        def is_open(port: int) -> bool:
            try:
                socket.create_connection((host, port), timeout=timeout).close()
            except OSError:
                return False
            return True

        with ThreadPoolExecutor(max_workers=64) as pool:
            return [port for port, found in zip(terms, pool.map(is_open, terms)) if found]
