"""Verification of the data path: what the kernel no longer does is found, and healthy hosts have no finding."""

from ..mutant import Mutant

_FINDINGS = "plugins/plugin_utils/findings"
_FILTER = "plugins/module_utils/_firewall/packet_filter.py"
_NETWORK = "plugins/module_utils/_network"
_TESTS = "plugin_utils/test_datapath.py"
_RESOLVER = "network/test_resolver.py"
_PATH = "network/test_path_test.py"

MUTANTS = [
    Mutant(
        "A rule of routing that refuses the host's packets to a container is found.",
        f"{_FINDINGS}/routes.py",
        '    if way["error"]:\n',
        '    if way["error"] and way["interface"]:\n',
        _TESTS,
    ),
    Mutant(
        "A network whose containers' packets are led nowhere is found.",
        f"{_FINDINGS}/routes.py",
        '    if lookup["outward"] and lookup["outward"]["error"]:\n',
        '    if lookup["outward"] and lookup["outward"]["interface"] is False:\n',
        _TESTS,
    ),
    Mutant(
        "An internal network has no finding for want of a way out.",
        f"{_FINDINGS}/routes.py",
        '        goes_on = forwards and not network["internal"] and bridge["forwarding"] is not False\n',
        '        goes_on = forwards and bridge["forwarding"] is not False\n',
        _TESTS,
    ),
    Mutant(
        "A container that publishes nothing has no finding for packets that nobody sends.",
        f"{_FINDINGS}/routes.py",
        '    is_published = any(port["outside"] for port in container["published"])\n',
        "    is_published = True\n",
        _TESTS,
    ),
    Mutant(
        "Where rules look at marks, nobody tells where packets go.",
        "plugins/module_utils/_system/rtnetlink.py",
        "            kind == _NEWRULE and _FRA_FWMARK in _attributes(body, _ROUTE.size) for",
        "            kind == _NEWLINK and _FRA_FWMARK in _attributes(body, _ROUTE.size) for",
        "system/test_rtnetlink.py",
    ),
    Mutant(
        "Filters between the ports of a bridge are regarded.",
        _FILTER,
        '    yield "bridge forward", through\n',
        "",
        _TESTS,
    ),
    Mutant(
        "Filters of a bridge that is another's drop nothing of Docker's.",
        "plugins/module_utils/_firewall/nft_chains.py",
        '    ("meta", "ibrname"): _interface("from_bridge"),\n',
        "",
        _TESTS,
    ),
    Mutant(
        "Filters of a device are regarded, before those of IP.",
        _FILTER,
        '            yield f"ingress {packet.incoming}", packet\n        return\n',
        "            pass\n        return\n",
        _TESTS,
    ),
    Mutant(
        "Translation of the addresses of containers over IPv6 that is gone is found.",
        f"{_FINDINGS}/packets.py",
        '                ways[" over IPv6"] = attached["outbound_ipv6"]\n',
        '                ways[" over IPv6"] = None\n',
        _TESTS,
    ),
    Mutant(
        "Rules that come after one that accepts everything decide nothing, and are found.",
        _FILTER,
        "        if not rule.conditions and rule.verdict.kind in (ACCEPT, DROP, GOTO):\n",
        "        if not rule.conditions and rule.verdict.kind in (DROP, GOTO):\n",
        _TESTS,
    ),
    Mutant(
        "A neighbour that the host has only seen is nobody's fault.",
        f"{_FINDINGS}/links.py",
        '        if one["permanent"] and one["interface"] == bridge["name"]\n',
        '        if one["interface"] == bridge["name"]\n',
        _TESTS,
    ),
    Mutant(
        "A resolver whose requests are refused is found.",
        f"{_NETWORK}/resolver.py",
        "    except ConnectionRefusedError:\n        return False\n",
        "    except ConnectionRefusedError:\n        return None\n",
        _RESOLVER,
    ),
    Mutant(
        "A resolver that does not answer in time is nobody's fault.",
        f"{_NETWORK}/resolver.py",
        "        self._found[container] = None\n",
        "        self._found[container] = False\n",
        _RESOLVER,
    ),
    Mutant(
        "Kernels that forward no IPv6 are found where containers use it, also in networks that nobody declared.",
        f"{_FINDINGS}/network.py",
        "    if host_sysctls.has_ipv6(options, declared) or _uses_ipv6(seen):\n",
        "    if host_sysctls.has_ipv6(options, declared):\n",
        _TESTS,
    ),
    Mutant(
        "A connection to a container counts only if what is sent gets there.",
        f"{_NETWORK}/path_test.py",
        "            client.sendall(token)\n",
        "            client.sendall(token)\n            return None\n",
        _PATH,
    ),
    Mutant(
        "What a container does not reach counts only where the host reaches it.",
        f"{_NETWORK}/path_test.py",
        "        if _reaches(target):\n",
        "        if target:\n",
        _PATH,
    ),
    Mutant(
        "Evidence that cannot be written is a finding.",
        "plugins/plugin_utils/verification.py",
        "        return dataclasses.replace(comparison, findings=[*comparison.findings, finding])\n",
        "        return comparison if finding else comparison\n",
        "plugin_utils/test_untrusted.py",
    ),
    Mutant(
        "Published ports are refused in the plan where nft cannot tell docker-proxy.",
        "plugins/module_utils/_firewall/published.py",
        "    if nft and nft < _NFT_SINCE:\n",
        "    if nft and nft > (99,):\n",
        "firewall/test_published.py",
    ),
]
