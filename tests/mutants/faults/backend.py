"""dockerd's packet filter: where it cannot be nftables, and what iptables leaves behind."""

from ..mutant import Live, Mutant

_PLAN = "plugins/module_utils/_plan/firewall_backend.py"
_BACKEND = "plugins/module_utils/_firewall/backend.py"
_APPLY = "plugins/module_utils/_steps/apply.py"
_SYSCTLS = "plugins/module_utils/_network/sysctls.py"

MUTANTS = [
    Mutant(
        "nftables are refused on a node of a swarm whose daemon does not tell, for dockerd would not start.",
        _PLAN,
        '    in_swarm = seen["in_swarm"] or host["engine"]["swarm"] not in (None, "", "inactive")\n',
        '    in_swarm = host["engine"]["swarm"] not in (None, "", "inactive")\n',
        "plan/test_plan_backend.py",
    ),
    Mutant(
        "nftables are refused without the program nft, also where --tags leaves out the filter that would bring it.",
        _PLAN,
        '    return for_endpoints or (for_published and asks_for_step("published_filter", declaration))\n',
        '    return bool(engine and engine["filter_rules"]) or for_endpoints or for_published\n',
        "plan/test_plan_backend.py",
    ),
    Mutant(
        "nftables are refused where forwarding is off, for dockerd does not switch it on.",
        _PLAN,
        '    if off:\n        names = ", ".join(off)\n',
        '    if off and observation.refused:\n        names = ", ".join(off)\n',
        "plan/test_plan_backend.py",
    ),
    Mutant(
        "Forwarding of IPv6 counts where a network has IPv6.",
        _SYSCTLS,
        "    return list(FORWARDING if has_ipv6(options, _all(declared_networks, host)) else FORWARDING[:1])\n",
        "    return list(FORWARDING[:1])\n",
        "plan/test_plan_backend.py",
    ),
    Mutant(
        "A host whose daemon switched forwarding on forwards after a boot too, once nftables are its packet filter.",
        _SYSCTLS,
        '    return {**dict.fromkeys(kept, "1"), **dict.fromkeys(sorted(needed), "2"), **asked}\n',
        '    return {**dict.fromkeys(sorted(needed), "2"), **asked}\n',
        "plan/test_plan_backend.py",
    ),
    Mutant(
        "nftables are refused on an engine before 29, also on one that would be installed.",
        _PLAN,
        '    text = host["engine"]["version"] if has_engine else offered and offered["candidate"]\n',
        '    text = host["engine"]["version"]\n',
        "plan/test_plan_backend.py",
    ),
    Mutant(
        "A policy DROP beside rules of others is another firewall's, which Mooring does not open.",
        _BACKEND,
        "    return [program for program, rules in dropping(config, _forward_chains()).items() if not rules]\n",
        "    return list(dropping(config, _forward_chains()))\n",
        "firewall/test_backend.py",
    ),
    Mutant(
        "A rule that leads to DOCKER-USER on a condition is not dockerd's.",
        _BACKEND,
        "and not _DOCKERS_JUMP.fullmatch(line)]",
        'and "-j DOCKER-" not in line]',
        "firewall/test_backend.py",
    ),
    Mutant(
        "ip6tables counts as iptables does.",
        _BACKEND,
        '_PROGRAMS = ("iptables", "ip6tables")\n',
        '_PROGRAMS = ("iptables",)\n',
        "firewall/test_backend.py",
    ),
    Mutant(
        "Containers that resolve names do not keep running through a change of dockerd's packet filter.",
        "plugins/module_utils/_config/classification.py",
        '        return self.resolving if self.action == "restart" and self.survives and is_changed else []\n',
        "        return []\n",
        "config/test_classification.py",
    ),
    Mutant(
        "A daemon that runs with another packet filter than the declared one is found.",
        "plugins/module_utils/_engine/live.py",
        '    "firewall-backend": _backend,\n',
        "",
        "engine/test_live.py",
    ),
    Mutant(
        "A reload of engine 29, which shows no address pools afterwards, is no failure.",
        "plugins/module_utils/_engine/live.py",
        'in ("invalid Prefix", "") for',
        'in ("invalid Prefix",) for',
        "engine/test_live.py",
    ),
    Mutant(
        "Verification finds a policy of iptables that drops what dockerd's nftables accept.",
        "plugins/plugin_utils/findings/filters.py",
        '    if seen is None or not seen["configured"]:\n        return\n    options',
        '    if seen is None or seen["configured"]:\n        return\n    options',
        "plugin_utils/test_findings.py",
    ),
    Mutant(
        "What the policy of iptables drops gets in once nftables are dockerd's packet filter.",
        _APPLY,
        "        backend.accept_forwarded(left)\n",
        "",
        live=Live("backends", "test_backends.py", "leaves_drops_nothing"),
    ),
]
