# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What section 2 of the CIS Docker Benchmark, version 1.6.0, recommends for the daemon.

They inform: some of them have a price, and whether to pay it is the operator's to decide.

Numbers are the benchmark's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from ._finding import INFO, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCAL_LOGS = ("none", "json-file", "local")
_LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True)
class _Recommendation:
    """``followed`` says of the daemon's settings whether they follow it, ``option`` is the one that decides."""

    number: str
    title: str
    option: str
    followed: Callable[[dict[str, Any]], bool]
    remedy: str


_RECOMMENDATIONS = (
    _Recommendation(
        "2.2",
        "containers on docker0 do not reach each other",
        "icc",
        lambda s: not s["icc"],
        "docker_network_icc: false",
    ),
    _Recommendation(
        "2.3",
        "the daemon logs at level info",
        "log-level",
        lambda s: s["log-level"] == "info",
        "take log-level out of docker_engine_options",
    ),
    _Recommendation(
        "2.4",
        "Docker may make its rules of iptables",
        "iptables",
        lambda s: bool(s["iptables"]),
        "docker_network_iptables: true",
    ),
    _Recommendation(
        "2.5",
        "no insecure registries",
        "insecure-registries",
        lambda s: set(s["insecure-registries"]) <= set(_LOOPBACK),
        "declare no docker_engine_insecure_registries, but docker_engine_registry_certificates",
    ),
    _Recommendation(
        "2.6",
        "the storage driver is not aufs",
        "storage-driver",
        lambda s: s["storage-driver"] != "aufs",
        "docker_engine_options: {storage-driver: overlay2}",
    ),
    _Recommendation(
        "2.7", "TCP endpoints demand TLS", "tlsverify", lambda s: bool(s["tlsverify"]), "docker_engine_tls: true"
    ),
    _Recommendation(
        "2.8",
        "containers have default limits",
        "default-ulimits",
        lambda s: bool(s["default-ulimits"]),
        "docker_engine_default_ulimits: {nofile: 16384}",
    ),
    _Recommendation(
        "2.9",
        "root in a container is nobody on the host",
        "userns-remap",
        lambda s: bool(s["userns-remap"]),
        "docker_engine_options: {userns-remap: default}, which begins with no images and volumes",
    ),
    _Recommendation(
        "2.10",
        "containers are in the default cgroup",
        "cgroup-parent",
        lambda s: not s["cgroup-parent"],
        "take cgroup-parent out of docker_engine_options unless it is meant",
    ),
    _Recommendation(
        "2.12",
        "a plugin authorizes what clients do",
        "authorization-plugins",
        lambda s: bool(s["authorization-plugins"]),
        "docker_engine_options: {authorization-plugins: [NAME]}",
    ),
    _Recommendation(
        "2.13",
        "logs leave the host",
        "log-driver",
        lambda s: s["log-driver"] not in _LOCAL_LOGS,
        "docker_engine_options: {log-driver: journald}, or another that is collected",
    ),
    _Recommendation(
        "2.14",
        "containers get no new privileges",
        "no-new-privileges",
        lambda s: bool(s["no-new-privileges"]),
        "docker_engine_options: {no-new-privileges: true}",
    ),
    _Recommendation(
        "2.15",
        "containers outlive the daemon",
        "live-restore",
        lambda s: bool(s["live-restore"]),
        "docker_engine_live_restore: true",
    ),
    _Recommendation(
        "2.16",
        "no proxy in user space for published ports",
        "userland-proxy",
        lambda s: not s["userland-proxy"],
        "docker_network_userland_proxy: false",
    ),
    _Recommendation(
        "2.17",
        "a seccomp profile holds containers",
        "seccomp-profile",
        lambda s: s["seccomp-profile"] not in (None, "unconfined"),
        "take seccomp-profile out of docker_engine_options",
    ),
    _Recommendation(
        "2.18",
        "no experimental features",
        "experimental",
        lambda s: not s["experimental"],
        "take experimental out of docker_engine_options",
    ),
)


def recommendations(host: dict[str, Any]) -> Iterator[Finding]:
    """Findings on a daemon that answers, as ``host_info`` saw it."""
    settings = _settings(host)
    for one in _RECOMMENDATIONS if settings else ():
        if not one.followed(settings):
            yield Finding(
                f"cis.{one.number}",
                INFO,
                f"CIS {one.number}: {one.title}",
                f"{one.option} is {_written(settings[one.option])}",
                one.remedy,
            )


def _settings(host: dict[str, Any]) -> dict[str, Any]:
    """The daemon's settings, with those that show elsewhere."""
    seen = host["engine"]["settings"]
    if seen is None:
        return {}
    docker0: dict[str, Any] = next((one for one in host["engine"]["networks"] if one["name"] == "bridge"), {})
    without_tcp = not any(url.startswith("tcp://") for url in host["listening"])
    # A swarm does not go with live-restore, and restarts containers elsewhere.
    in_swarm = host["engine"]["swarm"] not in (None, "inactive")
    return {
        **seen,
        "icc": bool(docker0) and docker0["options"].get("com.docker.network.bridge.enable_icc", "true") == "true",
        "live-restore": seen["live-restore"] or in_swarm,
        "tlsverify": without_tcp or host["configuration"]["tls"].get("tlsverify"),
    }


def _written(value: Any) -> str:
    """A value as daemon.json has it, in short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "empty"
    return str(value or "not set")
