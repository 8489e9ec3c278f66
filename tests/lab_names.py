"""Print a prefix for the names of labs that run beside each other: a lab's network follows from its name.

There are 512 networks, so two names can lead to the same one. `python -m tests.lab_names 4` prints "molecule", or the
first of "molecule2", "molecule3", … by which the labs of 4 lanes, and the demo's, all have networks of their own.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from lab import identity

CHECKOUT = Path(__file__).resolve().parents[1]
INVENTORIES = ("inventory/lab", "molecule/network/oldest", "molecule/backends/newest")
"""A lane may have a lab of each."""


def prefix(lanes: int, checkout: Path = CHECKOUT) -> str:
    """The first prefix with which the labs of ``lanes`` lanes of a checkout, and its demo, share no network."""
    names = (f"molecule{number if number > 1 else ''}" for number in itertools.count(1))
    return next(name for name in names if _are_apart([f"{name}-{lane}" for lane in range(lanes)], checkout))


def _are_apart(names: list[str], checkout: Path) -> bool:
    labs = [(inventory, {"MOORING_LAB": name}) for inventory in INVENTORIES for name in names]
    labs.append((INVENTORIES[0], {}))
    networks = {identity.identify(checkout / inventory, environment).network for inventory, environment in labs}
    return len(networks) == len(labs)


if __name__ == "__main__":
    print(prefix(int(sys.argv[1])))
