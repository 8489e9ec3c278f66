# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints of a host as others reach them."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.mooring.docker.plugins.module_utils._config import endpoints


class FilterModule:
    """The filters, all used as ``mooring.docker.NAME``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {
            "observed_endpoints": endpoints.observed,
            "reached_endpoints": endpoints.reached,
        }
