# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages are missing. Pure functions.

An engine that is installed stays as it is: one from elsewhere (docker-ce) is configured and never replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._system import apt
from .._system.observed import Host
from .selection import asks_for_step, is_asked_for

if TYPE_CHECKING:
    from .declaration import Declaration
    from .observation import Observation
    from .steps import Step

ENGINE = "docker.io"
EXTRAS = ("docker-cli", "docker-buildx", "docker-compose")
"""Installed together with something that is missing, where the release has them; they never cause an installation."""
TLS = "python3-cryptography"
FILTER = "nftables"
APPARMOR = "apparmor"
SYSCTL = "procps"

_NEEDED_BY = {"published_filter": FILTER, "endpoint_filter": FILTER, "certificate": TLS, "sysctls": SYSCTL}


def looked_up(declaration: Declaration) -> list[str]:
    """The packages whose versions the plan needs to know."""
    engine = [ENGINE, *EXTRAS, TLS, APPARMOR] if declaration["engine"] else []
    return [*engine, FILTER, SYSCTL]


def installs_engine(declaration: Declaration, host: Host) -> bool:
    """Whether this run installs the engine, or finishes that."""
    is_partial = not host["engine"]["installed"] or ENGINE in host["installation"]["unfinished"]
    return declaration["engine"] is not None and is_partial and asks_for_step("packages", declaration)


def refusals(declaration: Declaration, host: Host) -> list[str]:
    """Why the selected steps cannot do without the installation."""
    is_missing = declaration["engine"] is not None and not host["engine"]["installed"]
    if is_missing and asks_for_step("apply", declaration) and not asks_for_step("packages", declaration):
        return [
            "there is no docker.service on this host, and --tags or --skip-tags leaves the installation out: "
            "add the tag install"
        ]
    return []


def step(declaration: Declaration, observation: Observation, others: list[Step]) -> Step | None:
    """One installation for the whole run: what the engine needs, and what the ``others`` of this plan need.

    One that was interrupted is finished, with its extras. What the other steps need is installed also where ``--tags``
    does not ask for the installation.
    """
    host = observation.host
    is_asked = is_asked_for("install", declaration)
    needed = _engine_packages(declaration, host) if is_asked else []
    needed += [_NEEDED_BY[other["name"]] for other in others if _needs_package(other, host)]
    missing = [name for name in dict.fromkeys(needed) if not host["packages"][name]["installed"]]
    has_extras = declaration["engine"] is not None and is_asked and not _is_foreign(host)
    extras = [name for name in EXTRAS if not host["packages"][name]["installed"]] if has_extras else []
    unfinished = host["installation"]["unfinished"] if is_asked else {}
    if host["installation"]["begun"] and not missing:
        # They would have come with what is installed by now.
        missing = [name for name in extras if apt.is_recent(name, host["packages"][name]["candidate"])]
    missing = [name for name in missing if name not in unfinished]
    if not (missing or unfinished):
        return None
    states = [f"{name} is {state}" for name, state in unfinished.items()]
    phrases = [f"finish the installation of {', '.join(unfinished)}"] if unfinished else []
    phrases += [f"install {', '.join(missing)}"] if missing else []
    reasons = [f"interrupted: {', '.join(states)}"] if unfinished else []
    reasons += [f"not installed: {', '.join(missing)}"] if missing else []
    return {
        "name": "packages",
        "role": "docker_engine" if declaration["engine"] else "docker_network",
        "summary": "; ".join(phrases),
        "reasons": reasons,
        "effects": [],
        "parameters": {"required": [*unfinished, *missing], "optional": extras},
        "diff": [
            {
                "before": "",
                "after": "".join(f"{name}\n" for name in [*unfinished, *missing]),
                "before_header": "installed packages",
                "after_header": "installed packages",
            }
        ],
    }


def _engine_packages(declaration: Declaration, host: Host) -> list[str]:
    engine = declaration["engine"]
    if engine is None:
        return []
    needed = {
        ENGINE: not _is_foreign(host),
        TLS: engine["issued"] is not None or engine["provided"] is not None,
        FILTER: bool(engine["filter_rules"]),
        # The kernel has AppArmor, and nothing loads the engine's profile.
        APPARMOR: host["system"]["apparmor_parser"] is False,
    }
    return [name for name, is_needed in needed.items() if is_needed]


def _is_foreign(host: Host) -> bool:
    """Whether the engine is another package than Debian's. apt knows nothing of one that is half installed."""
    is_ours = host["packages"][ENGINE]["installed"] or ENGINE in host["installation"]["unfinished"]
    return host["engine"]["installed"] and not is_ours


def _needs_package(step: Step, host: Host) -> bool:
    """Whether a step does not work without its package: to remove a filter takes nothing that is not there."""
    if step["name"] == "sysctls":
        return host["sysctls"]["program"] is None
    if step["name"] == "published_filter":
        return bool(step["parameters"]["policy"] != "open")
    if step["name"] == "endpoint_filter":
        return bool(step["parameters"]["state"] == "present")
    return step["name"] in _NEEDED_BY
