"""What is set most, the profile, and files beside daemon.json: as declared, by permission, and without surprises."""

from ..mutant import Mutant

_OPTIONS = "plugins/plugin_utils/declaration/daemon_options.py"
_DEFAULTS = "plugins/module_utils/_plan/defaults.py"
_OBSERVATION = "plugins/module_utils/_plan/observation.py"
_MANAGED = "plugins/module_utils/_files/managed.py"
_PRUNE = "plugins/module_utils/_files/prune.py"
_REGISTRIES = "plugins/module_utils/_files/registries.py"
_STEP = "plugins/module_utils/_steps/host_files.py"
_FINDINGS = "plugins/plugin_utils/findings/host_files.py"
_CARRY_OUT = "plugins/action/carry_out.py"
_STATE = "plugins/module_utils/_config/state.py"
_COMPOSITION = "plugins/module_utils/_apply/composition.py"

MUTANTS = [
    Mutant(
        "A free option that says otherwise than a variable is refused.",
        _OPTIONS,
        "            if free[key] != options[key]:\n",
        "            if False:\n",
        "plugin_utils/test_declaration_daemon_options.py",
    ),
    Mutant(
        "Metrics are served beyond the host only by permission.",
        _OPTIONS,
        "        is_local = ipaddress.ip_address(found[0]).is_loopback\n",
        "        is_local = not ipaddress.ip_address(found[0]).is_multicast\n",
        "plugin_utils/test_declaration_daemon_options.py",
    ),
    Mutant(
        "Local registries stay insecure beside declared ones from engine 29.10 on.",
        _OPTIONS,
        "    return [*value, *(one for one in _LOOPBACK if one not in value)] if value else value\n",
        "    return value\n",
        "plugin_utils/test_declaration_daemon_options.py",
    ),
    Mutant(
        "A running daemon is not restarted for a default.",
        _DEFAULTS,
        "    if not starts:\n",
        "    if starts:\n",
        "plan/test_plan_defaults.py",
    ),
    Mutant(
        "A default comes with a restart that happens anyway.",
        _OBSERVATION,
        '    return plan.action == "restart"\n',
        '    return plan.action == "start"\n',
        "plan/test_plan_observation.py",
    ),
    Mutant(
        "A default gives way to what an adopted daemon.json says.",
        _DEFAULTS,
        '    found += [key for key in engine["deferred"] if key in operators]\n',
        "",
        "plan/test_plan_defaults.py",
    ),
    Mutant(
        "The profile hides no images, containers or volumes.",
        _DEFAULTS,
        '    if host["engine"]["used"] and _REMAP not in seen["effective"]:\n',
        "    if False:\n",
        "plan/test_plan_defaults.py",
    ),
    Mutant(
        "The profile does not switch user namespaces off again on a host that has them.",
        _DEFAULTS,
        ' and _REMAP not in seen["effective"]:\n',
        ":\n",
        "plan/test_plan_defaults.py",
    ),
    Mutant(
        "Single variables override the profile.",
        _OPTIONS,
        "    return {key: value for key, value in given.items() if key not in options}\n",
        "    return dict(given)\n",
        "plugin_utils/test_declaration_daemon_options.py",
    ),
    Mutant(
        "Pruning removes no volumes unless it is told to.",
        _PRUNE,
        '    if declared.get("volumes"):\n',
        "    if True:\n",
        "files/test_contents.py",
    ),
    Mutant(
        "No filter of pruning carries a command.",
        _PRUNE,
        "        if not _FILTER.fullmatch(one):\n",
        "        if not _FILTER.match(one):\n",
        "files/test_contents.py",
    ),
    Mutant(
        "The name of a registry leads nowhere else.",
        _REGISTRIES,
        "        if found is None or not _HOST.fullmatch(found[0]):\n",
        "        if found is None:\n",
        "files/test_contents.py",
    ),
    Mutant(
        "Only what Mooring wrote is removed.",
        _MANAGED,
        "    removed = [path for path in sorted(remove) if path in ours and path not in written]\n",
        "    removed = [path for path in sorted(remove) if path not in written]\n",
        "files/test_managed.py",
    ),
    Mutant(
        "An operator's file is kept before another takes its place.",
        _MANAGED,
        "        if path not in ours:\n            state.backup(Path(path))\n",
        "",
        "files/test_managed.py",
    ),
    Mutant(
        "What a run that was cut has written is known to the next one.",
        _MANAGED,
        "    state.write_state(RECORD, sorted(ours.union(written)))\n    for path",
        "    for path",
        "files/test_managed.py",
    ),
    Mutant(
        "No key of a registry is shown.",
        _MANAGED,
        '    if was_secret or (file is not None and file["mode"] == "0600"):\n',
        "    if was_secret:\n",
        "files/test_managed.py",
    ),
    Mutant(
        "A timer that is switched off is stopped.",
        _STEP,
        '        _systemctl("disable", "--now", prune.TIMER)\n',
        "        pass\n",
        "files/test_managed.py",
    ),
    Mutant(
        "A last run of pruning that failed is found.",
        _FINDINGS,
        '    if timer["result"] not in (None, "", "success"):\n',
        "    if False:\n",
        "plugin_utils/test_findings.py",
    ),
    Mutant(
        "A host gets no file that is not declared.",
        _CARRY_OUT,
        '        files = {path: declared[path] for path in step["write"] if path in declared}\n',
        '        files = {path: declared.get(path, {"text": "", "mode": "0644"}) for path in step["write"]}\n',
        "plugin_utils/test_carry_out.py",
    ),
    Mutant(
        "Only root reads the proxies in the daemon's environment.",
        _STATE,
        "    return 0o600 if path in (DAEMON_JSON, PROXIES) or",
        "    return 0o600 if path == DAEMON_JSON or",
        "apply/test_composition.py",
    ),
    Mutant(
        "An engine that was upgraded has its proxies in daemon.json.",
        _COMPOSITION,
        "    if existing != composition.merged or state.read(state.PROXIES) != environment:\n",
        "    if existing != composition.merged:\n",
        "apply/test_composition.py",
    ),
]
