"""The data root: no daemon starts without what it had, and what it has moves whole or not at all."""

from ..mutant import Mutant

_MOVE = "plugins/module_utils/_apply/data_move.py"
_ROOT = "plugins/module_utils/_engine/data_root.py"
_COMPOSITION = "plugins/module_utils/_apply/composition.py"
_TESTS = "apply/test_data_move.py"

MUTANTS = [
    Mutant(
        "A new data root leads to the old one until everything is there.",
        _MOVE,
        "    place.symlink_to(os.path.realpath(old))\n",
        "    place.mkdir()\n",
        _TESTS,
    ),
    Mutant(
        "A move is on record before anything of it is done.",
        _MOVE,
        "    forget()\n    data_root.note(old, new)\n    place = Path(new)\n",
        "    forget()\n    place = Path(new)\n",
        _TESTS,
    ),
    Mutant(
        "What an interrupted copy has left does not become a data root.",
        _MOVE,
        '    part = _part(record["new"])\n    _remove(part)\n',
        '    part = _part(record["new"])\n',
        _TESTS,
    ),
    Mutant(
        "A copy is compared before it becomes the data root.",
        _MOVE,
        "    compare(old, part)\n",
        "",
        _TESTS,
    ),
    Mutant(
        "A copy has the extended attributes, by which overlay2 knows what was deleted.",
        _MOVE,
        '        "attributes": {\n',
        '        "attributes": {} and {\n',
        _TESTS,
    ),
    Mutant(
        "File systems of their own in a data root are not left behind.",
        _MOVE,
        "    if mounted:\n",
        "    if len(mounted) > 1:\n",
        _TESTS,
    ),
    Mutant(
        "A move that is taken back leaves no copy.",
        "plugins/module_utils/_apply/transaction.py",
        "            data_move.give_up()\n",
        "            data_move.forget()\n",
        _TESTS,
    ),
    Mutant(
        "No way leads back to an old data root once a daemon has had the new one.",
        "plugins/module_utils/_apply/transaction.py",
        "        self._stay_on_data_root()\n",
        "",
        _TESTS,
    ),
    Mutant(
        "The data move while the daemon is stopped.",
        "plugins/module_utils/_apply/daemon_change.py",
        '                    raise DaemonError("the daemon does not stop")\n',
        "                    pass\n",
        _TESTS,
    ),
    Mutant(
        "Containers stop before the data under them move.",
        "plugins/module_utils/_engine/planning.py",
        '    return _drained(moving, (applied or effective)["config"])\n',
        "    return moving\n",
        _TESTS,
    ),
    Mutant(
        "What is missing in a new data root is known by its name.",
        _ROOT,
        "{kind: names - has[kind] for kind, names in had.items()}",
        "{kind: names if len(names) > len(has[kind]) else set() for kind, names in had.items()}",
        "engine/test_data_root.py",
    ),
    Mutant(
        "What a move has left is not taken for what the engine has.",
        _ROOT,
        "    gone = had if is_left else",
        "    gone = had if is_left and old == last else",
        "engine/test_data_root.py",
    ),
    Mutant(
        "The data root is the one that the daemon has, and not what somebody wrote into daemon.json.",
        _ROOT,
        '    if applied is not None:\n        return root_of(applied["config"])\n',
        "    if applied is not None:\n        return root_of(config)\n",
        "engine/test_data_root.py",
    ),
    Mutant(
        "Without permission no data move.",
        _COMPOSITION,
        "        moves = may_move and move is not None",
        "        moves = move is not None",
        "apply/test_composition.py",
    ),
    Mutant(
        "What is full tells of the images where containerd keeps them.",
        "plugins/module_utils/_engine/resources.py",
        "([], layers) if containerd.has_images(info) else (layers, [])",
        "(layers, [])",
        "engine/test_resources.py",
    ),
]
