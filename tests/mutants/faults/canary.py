"""A change of the daemon counts as made once a container has run, and an interrupted installation is finished."""

from ..mutant import Mutant

_CANARY = "plugins/module_utils/_engine/canary.py"
_TEST = "plugins/module_utils/_apply/container_test.py"
_TRANSACTION = "plugins/module_utils/_apply/transaction.py"
_UNTESTED = "plugins/module_utils/_config/untested.py"
_APT = "plugins/module_utils/_system/apt.py"
_PACKAGES = "plugins/module_utils/_plan/packages.py"

MUTANTS = [
    Mutant(
        "A change after which no container runs is taken back.",
        _CANARY,
        "    program = canary_image.static_program()\n",
        "    return None\n    program = canary_image.static_program()\n",
        "apply/test_container_test.py",
    ),
    Mutant(
        "A container that fails is removed with its image.",
        _CANARY,
        "            with contextlib.suppress(ApiError, CanaryError):\n                _remove(api)\n            raise\n",
        "            raise\n",
        "engine/test_canary.py",
    ),
    Mutant(
        "What an authorization plugin forbids is no failure of the daemon.",
        _CANARY,
        "if error.status == 403:",
        "if error.status == 499:",
        "engine/test_canary.py",
    ),
    Mutant(
        "A change stays where no container ran before it either.",
        _TEST,
        "if self.worked is not False:\n                raise",
        "if True:\n                raise",
        "apply/test_container_test.py",
    ),
    Mutant(
        "A change that was cut before a container had run is tested by the next run.",
        _UNTESTED,
        "    if RECORD.exists():\n",
        "    if False:\n",
        "apply/test_container_test.py",
    ),
    Mutant(
        "A host that goes down between its files and its daemon is tested by the next run.",
        _UNTESTED,
        "        return bool(parse",
        "        return False and bool(parse",
        "apply/test_container_test.py",
    ),
    Mutant(
        "What a cut leaves of a container is removed by the next run.",
        _TRANSACTION,
        "        tested = self._test_good(config)\n        try:\n            record_success(config)\n",
        "        try:\n            record_success(config)\n            tested = self._test_good(config)\n",
        "apply/test_transaction.py",
    ),
    Mutant(
        "A daemon that ends of a reload comes back with the last good state.",
        _TRANSACTION,
        'if action != "reload" or (now and life and now["ticks"] == life["ticks"]):',
        'if action != "reload" or _is_active():',
        "apply/test_transaction.py",
    ),
    Mutant(
        "What dpkg has not unpacked whole is unpacked again.",
        _APT,
        "        if unfinished([]):\n            # What was",
        "        if False:\n            # What was",
        "system/test_apt.py",
    ),
    Mutant(
        "A dpkg that runs is waited for before what it leaves is finished.",
        _APT,
        "    _await_dpkg()\n",
        "",
        "system/test_apt.py",
    ),
    Mutant(
        "An engine that is half installed is Debian's own.",
        _PACKAGES,
        ' or ENGINE in host["installation"]["unfinished"]\n    return host',
        "\n    return host",
        "plan/test_plan_steps.py",
    ),
]
