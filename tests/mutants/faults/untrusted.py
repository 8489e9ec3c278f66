"""What a host answers is data: it is read, checked against what is known, and made printable."""

from ..mutant import Mutant

_REPLY = "plugins/plugin_utils/reply.py"
_TEXT = "plugins/plugin_utils/text.py"
_PLAN_FILE = "plugins/plugin_utils/plan_file.py"
_ENDPOINTS = "plugins/module_utils/_config/endpoints.py"
_TESTS = "plugin_utils/test_reply.py plugin_utils/test_untrusted.py"

MUTANTS = [
    Mutant(
        "A host's reply brings no keys but those of its module, such as ansible_facts.",
        _REPLY,
        "        reply = {key: value for key, value in reply.items() if key in shape}\n",
        "        reply = dict(reply)\n",
        _TESTS,
    ),
    Mutant(
        "A host's reply tells Ansible nothing by keys of its own.",
        _REPLY,
        'if not key.startswith(("_ansible_", "__ansible_"))}',
        'if not key.startswith("__ansible_")}',
        _TESTS,
    ),
    Mutant(
        "A host's reply has the types that the module documents.",
        _REPLY,
        "        if problem:\n            return _failure(f\"the host's reply",
        "        if problem and is_async:\n            return _failure(f\"the host's reply",
        _TESTS,
    ),
    Mutant(
        "A failed reply brings no data.",
        _REPLY,
        'shape = _ALWAYS if reply.get("failed") or reply.get("skipped") else {**shape, **_ALWAYS}',
        "shape = {**shape, **_ALWAYS}",
        _TESTS,
    ),
    Mutant(
        "A host's texts steer no terminal.",
        _REPLY,
        "reply: dict[str, Any] = printable_data(_DECODER.raw_decode(stdout, start)[0])",
        "reply: dict[str, Any] = _DECODER.raw_decode(stdout, start)[0]",
        _TESTS,
    ),
    Mutant(
        "A host's reply has an end.",
        _REPLY,
        "    if len(stdout) > MOST:\n",
        "    if len(stdout) > 64 * MOST:\n",
        _TESTS,
    ),
    Mutant(
        "A host cannot plan a step with parameters that no plan has.",
        _REPLY,
        "        others = sorted(set(value) - set(shape.shape)) if isinstance(value, dict) else []\n",
        "        others: list[str] = []\n",
        _TESTS,
    ),
    Mutant(
        "A host cannot choose the name of a packet filter.",
        _REPLY,
        '"endpoint_filter": {"name": OneOf("endpoint"), "rules": str',
        '"endpoint_filter": {"name": str, "rules": str',
        _TESTS,
    ),
    Mutant(
        "A host cannot say which fragments are sent to it.",
        _REPLY,
        '        "fragments": [OneOf(ENGINE_FRAGMENT, NETWORK_FRAGMENT)],\n',
        '        "fragments": TEXTS,\n',
        _TESTS,
    ),
    Mutant(
        "A switch is not taken for a number.",
        _REPLY,
        "fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))",
        "fits = isinstance(value, shape)",
        _TESTS,
    ),
    Mutant(
        "Elements of a list are looked at one by one.",
        _REPLY,
        "for number, one in enumerate(value))\n    elif isinstance(shape, dict):",
        "for number, one in enumerate(value[:1]))\n    elif isinstance(shape, dict):",
        _TESTS,
    ),
    Mutant(
        "Text that turns the direction of writing, or that is invisible, is shown as what it is.",
        _TEXT,
        "if (one.isprintable() and not _INVISIBLE.match(one)) or",
        "if one.isprintable() or",
        "plugin_utils/test_text.py",
    ),
    Mutant(
        "Keys of what a host says are made printable as well as values.",
        _TEXT,
        "{printable_data(key): printable_data(one) for key, one in value.items()}",
        "{key: printable_data(one) for key, one in value.items()}",
        "plugin_utils/test_text.py plugin_utils/test_reply.py",
    ),
    Mutant(
        "A host that says it listens at another's address sends nobody there.",
        _ENDPOINTS,
        "if one in ours or parse(one).host == address]",
        "if one in ours or parse(one).host]",
        "config/test_endpoints.py plugin_utils/test_untrusted.py",
    ),
    Mutant(
        "site.yml does exactly what was reviewed, and refuses a host that has changed since.",
        _PLAN_FILE,
        "    if differing:\n",
        "    if len(differing) > 1:\n",
        "plugin_utils/test_plan_file.py",
    ),
    Mutant(
        "A step that was not reviewed is a difference.",
        _PLAN_FILE,
        "    differing += [f\"{name} is needed now ({after[name]['summary']})\" for name in after.keys() - before.keys()]\n",
        "",
        "plugin_utils/test_plan_file.py",
    ),
    Mutant(
        "A reviewed step with other parameters is another step.",
        _PLAN_FILE,
        '_IDENTITY = ("name", "role", "summary", "parameters", "diff")',
        '_IDENTITY = ("name", "role", "summary")',
        "plugin_utils/test_plan_file.py",
    ),
    Mutant(
        "A host without a reviewed plan is refused.",
        _PLAN_FILE,
        '    if planned is None:\n        raise PlanFileError(f"plan_file {path} has no plan',
        '    if planned is None and not plan["steps"]:\n        return\n'
        '    if planned is None:\n        raise PlanFileError(f"plan_file {path} has no plan',
        "plugin_utils/test_plan_file.py",
    ),
]
