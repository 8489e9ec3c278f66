"""The declared MTU: every network gets it, nothing that an operator wrote is lost, and one too large is found."""

from ..mutant import Mutant

_FRAGMENTS = "plugins/module_utils/_config/fragments.py"
_CONFIGURATION = "plugins/module_utils/_plan/configuration.py"
_FINDINGS = "plugins/plugin_utils/findings/network.py"

MUTANTS = [
    Mutant(
        "An operator's defaults of networks are adopted beside the declared MTU.",
        _FRAGMENTS,
        'SHARED = ("default-network-opts",)\n',
        "SHARED: tuple[str, ...] = ()\n",
        "config/test_fragments.py",
    ),
    Mutant(
        "What is left of an operator's defaults of networks stays adopted.",
        _FRAGMENTS,
        "        _drop(config[path[0]], path[1:])\n",
        "        config[path[0]].clear()\n",
        "config/test_fragments.py",
    ),
    Mutant(
        "Declared options of networks stay beside the declared MTU.",
        "plugins/module_utils/_network/mtu.py",
        "        found[driver] = {**found.get(driver, {}), **values}\n",
        "        found[driver] = dict(values)\n",
        "plan/test_plan_mtu.py",
    ),
    Mutant(
        "An engine that does not know the MTU of new networks is not told of it.",
        "plugins/module_utils/_plan/addresses.py",
        "if version is None or version >= OPTIONS[mtu.DEFAULTS].since else {}",
        "if version is None or version else {}",
        "plan/test_plan_mtu.py",
    ),
    Mutant(
        "The first run on a host that knows of no engine yet declares the MTU of new networks.",
        "plugins/module_utils/_plan/addresses.py",
        "if version is None or version >= OPTIONS",
        "if version and version >= OPTIONS",
        "plan/test_plan_mtu.py",
    ),
    Mutant(
        "An engine that is installed meanwhile and knows no MTU of new networks is not told of it.",
        "plugins/module_utils/_network/mtu.py",
        "if has_defaults or not ours or key != DEFAULTS}",
        "if has_defaults or ours or key != DEFAULTS}",
        "network/test_mtu.py",
    ),
    Mutant(
        "The MTU of new networks that the engine's options have already is declared once.",
        _CONFIGURATION,
        "{} if is_elsewhere else chosen",
        "chosen",
        "plan/test_plan_mtu.py",
    ),
    Mutant(
        "Declared networks are made with the declared MTU.",
        "plugins/plugin_utils/declaration/network.py",
        'mtu.with_mtu(variables["docker_network_networks"], variables["docker_network_mtu"])',
        'mtu.with_mtu(variables["docker_network_networks"], None)',
        "plugin_utils/test_declaration_network.py plugin_utils/test_carry_out.py",
    ),
    Mutant(
        "The MTU of a network with IPv6 is compared with the uplink of IPv6 too.",
        _FINDINGS,
        '("inet", "inet6") if network["ipv6"] else ("inet",)',
        '("inet",)',
        "plugin_utils/test_findings.py",
    ),
    Mutant(
        "The MTU of a network is compared with the uplink that its packets take.",
        _FINDINGS,
        '    return [one for one in found if one["metric"] == least]\n',
        '    return [one for one in found if one["metric"] >= least]\n',
        "plugin_utils/test_findings.py",
    ),
]
