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
        "        return bool(state.recorded_config",
        "        return False and bool(state.recorded_config",
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
    Mutant(
        "A daemon on which no container runs is a failure.",
        _TEST,
        "            if self.worked is not False:\n                raise\n            self.warnings",
        "            if self.worked is None:\n                raise\n            self.warnings",
        "engine/test_canary.py apply/test_container_test.py",
    ),
    Mutant(
        "A container is run after the change, on what the daemon has read.",
        _TRANSACTION,
        "            self._test.after(self.observed.config)\n",
        "",
        "apply/test_container_test.py apply/test_transaction.py",
    ),
    Mutant(
        "A container is run before the change, too.",
        _TRANSACTION,
        "            self._test.before()\n",
        "",
        "apply/test_container_test.py apply/test_transaction.py",
    ),
    Mutant(
        "A run that was cut before a container had run leaves that to the next one.",
        _TRANSACTION,
        'if plan.action == "nothing" and not self.observed.is_untested:',
        'if plan.action == "nothing":',
        "apply/test_container_test.py apply/test_transaction.py",
    ),
    Mutant(
        "A daemon that does not run is not woken by the test.",
        _TEST,
        "            return None  # To ask would wake it.\n",
        "            pass\n",
        "engine/test_canary.py apply/test_container_test.py",
    ),
    Mutant(
        "A container that ended with an error has not run.",
        _CANARY,
        "    if status:\n        raise CanaryError",
        "    if status and not said:\n        raise CanaryError",
        "engine/test_canary.py apply/test_container_test.py",
    ),
    Mutant(
        "The test removes no container or image of anybody else's.",
        _CANARY,
        '            if any(name.lstrip("/").startswith(NAME) for name in container["Names"]):\n',
        "            if container:\n",
        "engine/test_canary.py apply/test_container_test.py",
    ),
]
