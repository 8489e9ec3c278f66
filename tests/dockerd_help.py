"""What ``dockerd --help`` tells of an engine's options, compared with Mooring's table."""

from __future__ import annotations

import re

from ansible_collections.mooring.docker.plugins.module_utils._config.option_names import FLAGS_ONLY, KEY_OF_FLAG
from ansible_collections.mooring.docker.plugins.module_utils._config.options import OPTIONS

NO_OPTIONS = {"config-file", "help", "validate", "version"}
"""Flags that daemon.json cannot have, for they are not the daemon's configuration."""

WITHOUT_FLAG = {
    "builder", "deprecated-key-path", "features", "host-gateway-ip", "min-api-version", "network-diagnostic-port",
    "proxies",
}  # fmt: skip
"""Options that some engine has without a flag that its help shows."""

DEPRECATED = {"allow-nondistributable-artifacts", "api-cors-header", "cluster-advertise", "cluster-store",
              "cluster-store-opts", "graph", "oom-score-adjust"}  # fmt: skip
"""Options whose flags the help of their last engines hides."""


def keys(text: str) -> set[str]:
    """The names in daemon.json of the flags in the help ``text``; flags that have none there are left out."""
    flags = set(re.findall(r"^ +(?:-[a-zA-Z], )?--([a-z0-9][a-z0-9-]*)", text, re.MULTILINE)) - NO_OPTIONS
    named = {KEY_OF_FLAG.get(flag, flag) for flag in flags - set(FLAGS_ONLY)}
    return {"proxies" if key in ("http-proxy", "https-proxy", "no-proxy") else key for key in named}


def differences(text: str, version: tuple[int, int]) -> dict[str, set[str]]:
    """What an engine of ``version`` has and the table has not for it, and the other way round."""
    shown = keys(text)
    # host-gateway-ips is --host-gateway-ip's name in the file since it takes two.
    if version >= (28, 0) and "host-gateway-ip" in shown:
        shown = (shown - {"host-gateway-ip"}) | {"host-gateway-ips"}
    table = {key for key, option in OPTIONS.items() if option.since <= version < option.until}
    return {
        "unknown to the table": shown - table,
        "unknown to the engine": table - shown - WITHOUT_FLAG - DEPRECATED,
    }
