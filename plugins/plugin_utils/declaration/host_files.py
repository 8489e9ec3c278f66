# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the variables of docker_engine declare beside the daemon's configuration."""

from __future__ import annotations

from collections.abc import Iterator

from ...module_utils._config import endpoints
from ...module_utils._files import audit, package_proxy, prune, registries
from ...module_utils._files.managed import HostFile
from . import daemon_options
from .variables import Variables


def declared(variables: Variables) -> dict[str, HostFile]:
    """Path to file."""
    files: dict[str, HostFile] = {
        path: {"text": text, "mode": mode}
        for path, (text, mode) in registries.files(variables["docker_engine_registry_certificates"]).items()
    }
    proxies = variables["docker_engine_proxies"] or {}
    if proxies.get("packages") and (proxies.get("http") or proxies.get("https")):
        # An address may have a password, and apt runs as root.
        files[package_proxy.PATH] = {"text": package_proxy.text(proxies), "mode": "0600"}
    pruning = variables["docker_engine_prune"]
    if pruning:
        socket = [*endpoints.socket_paths(variables["docker_engine_endpoints"]), "/run/docker.sock"][0]
        files |= {path: {"text": text, "mode": "0644"} for path, text in prune.files(pruning, socket).items()}
    if daemon_options.is_hardened(variables):
        files[audit.PATH] = {"text": audit.text(), "mode": "0640"}
    return files


def problems(variables: Variables) -> Iterator[str]:
    """What is wrong with them: sentences that begin with a variable."""
    for problem in registries.problems(variables["docker_engine_registry_certificates"]):
        yield f"docker_engine_registry_certificates {problem}"
    proxies = variables["docker_engine_proxies"] or {}
    if proxies.get("packages"):
        for problem in package_proxy.problems(proxies):
            yield f"docker_engine_proxies {problem}"
    if variables["docker_engine_prune"]:
        for problem in prune.problems(variables["docker_engine_prune"]):
            yield f"docker_engine_prune {problem}"
