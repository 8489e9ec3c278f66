"""Containers that are stopped for a change of their bridge run again afterwards, as they were."""

from ..mutant import Mutant

_DRAIN = "plugins/module_utils/_apply/drain.py"
_CONTAINERS = "plugins/module_utils/_engine/containers.py"
_TESTS = "apply/test_drain.py engine/test_containers.py"

MUTANTS = [
    Mutant(
        "Who is to run again is written down before the first is stopped.",
        _DRAIN,
        "    state.write_state(containers.RECORD, containers.fields(to_run))\n    for container in reversed(to_run):\n"
        "        if containers.runs(containers.inspect(config, container)):\n"
        '            _docker(config, "stop", container, container.stop + 30)\n',
        "    for container in reversed(to_run):\n"
        "        if containers.runs(containers.inspect(config, container)):\n"
        '            _docker(config, "stop", container, container.stop + 30)\n'
        "    state.write_state(containers.RECORD, containers.fields(to_run))\n",
        _TESTS,
    ),
    Mutant(
        "Who was started last is stopped first.",
        _DRAIN,
        "    for container in reversed(to_run):\n",
        "    for container in to_run:\n",
        _TESTS,
    ),
    Mutant(
        "The record of who was stopped stays until all were seen well again.",
        _DRAIN,
        "    for container in present:\n        _await(config, container, deadline + (container.healthy or 0))\n"
        "    state.write(containers.RECORD, None)\n",
        "    state.write(containers.RECORD, None)\n"
        "    for container in present:\n        _await(config, container, deadline + (container.healthy or 0))\n",
        _TESTS,
    ),
    Mutant(
        "The record of who was stopped goes once all are well.",
        _DRAIN,
        "    state.write(containers.RECORD, None)\n",
        "",
        _TESTS,
    ),
    Mutant(
        "A container that is not as before is a failure.",
        _DRAIN,
        '            raise DrainError(f"{container.name} {problem}")\n',
        "            return\n",
        _TESTS,
    ),
    Mutant(
        "A container that cannot be stopped is a failure.",
        _DRAIN,
        "    if done.returncode != 0:\n        raise DrainError",
        '    if done.returncode != 0 and verb == "start":\n        raise DrainError',
        _TESTS,
    ),
    Mutant(
        "A container that ends right after its start is seen.",
        _DRAIN,
        "    time.sleep(_FIRST_STEPS if present else 0)\n",
        "",
        _TESTS,
    ),
    Mutant(
        "A container that was removed meanwhile is passed over.",
        _DRAIN,
        "    present = [container for container in to_run if containers.inspect(config, container)]\n",
        "    present = list(to_run)\n",
        _TESTS,
    ),
    Mutant(
        "A container has the time that its healthcheck takes.",
        _DRAIN,
        "deadline + (container.healthy or 0))",
        "deadline)",
        _TESTS,
    ),
    Mutant(
        "A container that runs already is left alone.",
        _DRAIN,
        '        if not containers.runs(containers.inspect(config, container)):\n            _docker(config, "start"',
        '        if containers.inspect(config, container):\n            _docker(config, "start"',
        _TESTS,
    ),
    Mutant(
        "A container that is removed when it stops is not drained.",
        _CONTAINERS,
        '    if details["HostConfig"].get("AutoRemove"):\n',
        '    if details["HostConfig"].get("AutoRemove") is None:\n',
        _TESTS,
    ),
    Mutant(
        "A paused container is not drained.",
        _CONTAINERS,
        '    if details["State"].get("Paused"):\n',
        '    if details["State"].get("Paused") is None:\n',
        _TESTS,
    ),
    Mutant(
        "A swarm's container is not drained.",
        _CONTAINERS,
        '    if "com.docker.swarm.task.id" in (details["Config"].get("Labels") or {}):\n',
        '    if "com.docker.swarm.task.id" in details["Config"]:\n',
        _TESTS,
    ),
    Mutant(
        "A container starts after those whose network it shares.",
        _CONTAINERS,
        "            if other.id in container.needs or other.name in container.needs:\n",
        "            if other.id in container.needs:\n",
        _TESTS,
    ),
    Mutant(
        "Containers start in the order of their starts, to the fraction of a second.",
        _CONTAINERS,
        '    return whole, float(f"0.{fraction}")\n',
        "    return whole, float(fraction or 0)\n",
        _TESTS,
    ),
    Mutant(
        "A container that was healthy and is not is a failure.",
        _CONTAINERS,
        'if container.healthy is not None and health != "healthy" else None',
        "if container.healthy is not None and health is None else None",
        _TESTS,
    ),
    Mutant(
        "A container that does not publish its ports any more is a failure.",
        _CONTAINERS,
        "    if closed:\n",
        "    if closed and not published(details):\n",
        _TESTS,
    ),
    Mutant(
        "A container that its policy starts over and over is not well.",
        _CONTAINERS,
        '    if not runs(details) or details["State"].get("Restarting"):\n        status',
        "    if not runs(details):\n        status",
        _TESTS,
    ),
    Mutant(
        "A container that may take forever to stop is given ten minutes and not none.",
        _CONTAINERS,
        "stop=10 if stop is None else 600 if stop < 0 else stop,",
        "stop=10 if stop is None else max(stop, 0),",
        _TESTS,
    ),
    Mutant(
        "Who was stopped by an interrupted run is not forgotten by the next.",
        _CONTAINERS,
        "    return ordered([*before, *(container for container in now if container.id not in known)])\n",
        "    return ordered([container for container in now if container.id not in known])\n",
        _TESTS + " apply/test_transaction.py",
    ),
    Mutant(
        "A daemon that does not tell its containers is no daemon without containers.",
        _CONTAINERS,
        '        return [], [f"the daemon does not tell its containers ({error})"]\n',
        "        return [], []\n",
        _TESTS + " apply/test_transaction.py",
    ),
]
