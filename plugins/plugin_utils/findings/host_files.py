# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files beside the daemon's configuration, and the timer that removes what Docker no longer uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...module_utils._files import prune
from ._finding import APPLY, ERROR, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def host_files(seen: dict[str, Any]) -> Iterator[Finding]:
    """Findings on what ``host_info`` tells of them."""
    if seen["differing"] or seen["leftover"]:
        wrong = [f"{path} differs" for path in seen["differing"]]
        wrong += [f"{path} is no longer declared" for path in seen["leftover"]]
        yield Finding(
            "configuration.files",
            ERROR,
            "the files beside daemon.json (registries, apt, auditd, the timer) are as declared",
            ", ".join(wrong),
            APPLY,
        )
    timer = seen["prune"]
    if timer is None or any(path.startswith(prune.DIRECTORY) for path in seen["differing"]):
        return
    if (timer["active"], timer["enabled"]) != ("active", "enabled"):
        yield Finding(
            "engine.prune_timer",
            ERROR,
            f"{prune.TIMER} removes what is not used, also after a boot",
            f"it is {timer['active']} and {timer['enabled']}",
            APPLY,
        )
    if timer["result"] not in (None, "", "success"):
        yield Finding(
            "engine.prune",
            ERROR,
            f"the last run of {prune.SERVICE} succeeded",
            f"its result is {timer['result']}",
            f"see `journalctl -u {prune.SERVICE}`, then systemctl start {prune.SERVICE}",
        )
