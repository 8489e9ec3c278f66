"""Packet filters: who reaches the daemon's endpoints and published ports."""

from ..mutant import Mutant

_ENDPOINT = "plugins/module_utils/_firewall/endpoint_filter.py"
_PUBLISHED = "plugins/module_utils/_firewall/published.py"
_NFTABLES = "plugins/module_utils/_firewall/nftables.py"
_PROXY = "plugins/module_utils/_firewall/docker_proxy.py"
_TABLE = "plugins/module_utils/_apply/filter_table.py"

MUTANTS = [
    Mutant(
        "Clients that are not allowed do not reach the daemon's TCP endpoints.",
        _ENDPOINT,
        '    "        ip6 saddr @allowed6 accept",\n    "        counter drop",\n',
        '    "        ip6 saddr @allowed6 accept",\n    "        counter accept",\n',
        "firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "Nobody else reaches an endpoint on loopback, also over IPv6.",
        _ENDPOINT,
        'for loopback in ("ip daddr 127.0.0.0/8", "ip6 daddr ::1")',
        'for loopback in ("ip daddr 127.0.0.0/8",)',
        "firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "An endpoint on 0.0.0.0 is filtered for IPv6 too, for dockerd listens there as well.",
        _ENDPOINT,
        "    if address.is_unspecified:\n        return port\n",
        '    if address.is_unspecified and address.version == 4:\n        return f"ip daddr 0.0.0.0/0 {port}"\n'
        "    if address.is_unspecified:\n        return port\n",
        "firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "An empty list of allowed clients lets nobody in.",
        _ENDPOINT,
        "matches = [] if allowed is None else",
        "matches = [] if not allowed else",
        "firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "What the host sends to its own endpoints passes.",
        _ENDPOINT,
        "            '        iif \"lo\" accept',\n",
        "",
        "firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "Established connections of a client that is allowed no more are cut too.",
        _ENDPOINT,
        "            '        iif \"lo\" accept',\n",
        "            '        iif \"lo\" accept',\n            '        ct state established accept',\n",
        "firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "An allowed client as an IPv4-mapped IPv6 address is refused, for it never comes over the wire.",
        _ENDPOINT,
        "if network.version == 6 and network.network_address.ipv4_mapped:",
        "if network.version == 6 and network.is_private and network.network_address.ipv4_mapped is None:",
        "firewall/test_endpoint_filter.py plugin_utils/test_declaration_engine.py",
    ),
    Mutant(
        "With published ports closed, what is forwarded to a container from outside is dropped.",
        _PUBLISHED,
        '                "ct status dnat goto outside",\n                "counter drop",\n',
        '                "ct status dnat goto outside",\n',
        "firewall/test_published.py",
    ),
    Mutant(
        "With published ports closed, docker-proxy takes no connections from outside either.",
        _PUBLISHED,
        "                INCLUDE,\n            ),",
        "            ),",
        "firewall/test_published.py",
    ),
    Mutant(
        "What is let in at published ports is what the policy allows, and all else is dropped.",
        _PUBLISHED,
        '                *allowed,\n                "counter drop",\n',
        "                *allowed,\n",
        "firewall/test_published.py",
    ),
    Mutant(
        "A port that is published on loopback is not reached from outside.",
        _PUBLISHED,
        '                "ct original ip daddr 127.0.0.0/8 counter drop",\n',
        "",
        "firewall/test_published.py",
    ),
    Mutant(
        "An allowed IPv6 source is let in, and an entry that names one does not let everybody in.",
        _PUBLISHED,
        'for word, version in (("ip", 4), ("ip6", 6)):',
        'for word, version in (("ip", 4),):',
        "firewall/test_published.py",
    ),
    Mutant(
        "A port without a protocol is meant for TCP and UDP.",
        _PUBLISHED,
        'for protocol in [match[3]] if match[3] else ["tcp", "udp"]:',
        'for protocol in [match[3]] if match[3] else ["tcp"]:',
        "firewall/test_published.py",
    ),
    Mutant(
        "An entry of the policy without anything in it, which would let everybody in, is refused.",
        _PUBLISHED,
        "    if not entry:\n        return [",
        "    if entry is None:\n        return [",
        "firewall/test_published.py",
    ),
    Mutant(
        "Bridges that are not Docker's are not closed without a word.",
        _PUBLISHED,
        "        if not _NAMED_BY_DOCKER.match(name) and not _matches(name, [*containers, *others, *OTHERS]):",
        "        if not _matches(name, [*_DOCKERS, *containers, *others, *OTHERS]):",
        "firewall/test_published.py",
    ),
    Mutant(
        "A bridge by which the host is reached, such as br-lan, is not taken for Docker's own without a word.",
        _PUBLISHED,
        '        if silent and not (name.startswith("br-") and name in uplinks):',
        "        if silent:",
        "firewall/test_published.py",
    ),
    Mutant(
        "A Docker network on a bridge that leads out of the host is refused, for nothing tells its containers apart.",
        _PUBLISHED,
        "        if name in uplinks:\n",
        "        if name in uplinks and name in others:\n",
        "firewall/test_published.py",
    ),
    Mutant(
        "A kernel that cannot tell docker-proxy is refused where ports are to be closed.",
        _PUBLISHED,
        "< (6, 1):",
        "< (5, 1):",
        "firewall/test_published.py",
    ),
    Mutant(
        "Whether a published port should be open is judged by sources and ports together.",
        _PUBLISHED,
        "if is_source and any(first <= port <= last for first, last in spans):",
        "if is_source or any(first <= port <= last for first, last in spans):",
        "firewall/test_published.py plugin_utils/test_findings.py",
    ),
    Mutant(
        "A table of packet filters changes in one transaction, without a moment in which it is not there.",
        _NFTABLES,
        'start = f"table {table(name)}\\ndelete table {table(name)}\\n"',
        'start = f"table {table(name)}\\n"',
        "firewall/test_nftables.py firewall/test_endpoint_filter.py",
    ),
    Mutant(
        "A filter that is on disk but not in force is put in force.",
        _NFTABLES,
        '    is_whole = seen["live"] and seen["persistent"] and seen["required"] == required',
        '    is_whole = seen["persistent"] and seen["required"] == required',
        "firewall/test_nftables.py plan/test_plan_steps.py",
    ),
    Mutant(
        "A filter that a boot would not load is repaired.",
        _NFTABLES,
        '    is_whole = seen["live"] and seen["persistent"] and seen["required"] == required',
        '    is_whole = seen["live"] and seen["required"] == required',
        "firewall/test_nftables.py plan/test_plan_steps.py",
    ),
    Mutant(
        "A filter is removed where none is declared any more.",
        _NFTABLES,
        "        return bool(rules) or seen is not None\n",
        "        return bool(rules)\n",
        "firewall/test_nftables.py plan/test_plan_steps.py",
    ),
    Mutant(
        "Mooring's filters come back after somebody reloads nftables.service.",
        _NFTABLES,
        "ExecReload=-{_LOAD}\n",
        "",
        "firewall/test_nftables.py",
    ),
    Mutant(
        "The packet filters are in force before the network comes up.",
        _NFTABLES,
        "Before=network-pre.target docker.service docker.socket shutdown.target\nWants=network-pre.target\n"
        "Conflicts=shutdown.target\n\n[Service]\nType=oneshot\nProtectSystem",
        "Before=docker.service docker.socket shutdown.target\nConflicts=shutdown.target\n\n[Service]\nType=oneshot\n"
        "ProtectSystem",
        "firewall/test_nftables.py",
    ),
    Mutant(
        "One table that nft refuses keeps no other from being loaded, and the unit says that it failed.",
        _NFTABLES,
        "|| status=1\n",
        "|| exit 1\n",
        "firewall/test_nftables.py",
    ),
    Mutant(
        "Rules that close the braces of their table are refused, for they could write other tables.",
        _NFTABLES,
        "        if depth < 0:\n            break\n",
        "",
        "firewall/test_nftables.py",
    ),
    Mutant(
        "An engine whose filter is required does not start without it.",
        _PROXY,
        'ExecStartPre={"" if required else "-"}/bin/sh {SCRIPT}',
        "ExecStartPre=-/bin/sh {SCRIPT}",
        "firewall/test_docker_proxy.py firewall/test_nftables.py",
    ),
    Mutant(
        "A filter of published ports that does not know the running engine is not taken for live.",
        _PROXY,
        "    if seen and state.read(RULE) != _told():",
        "    if seen and state.read(RULE) is None and _told():",
        "firewall/test_docker_proxy.py firewall/test_nftables.py",
    ),
    Mutant(
        "A change of packet filters is made under the revert timer.",
        _TABLE,
        "    guard = 0 if table.is_live else seconds\n",
        "    guard = 0\n",
        "apply/test_revert_timer.py",
    ),
    Mutant(
        "A new packet filter is loaded before its files are written, so that a refused one leaves every file as it was.",
        _TABLE,
        "        if not table.is_live:\n            table.load()\n        for path, text in table.files.items():\n"
        "            if table.old[path] != text:\n                state.write(path, text)\n",
        "        for path, text in table.files.items():\n"
        "            if table.old[path] != text:\n                state.write(path, text)\n"
        "        if not table.is_live:\n            table.load()\n",
        "apply/test_revert_timer.py",
    ),
]
