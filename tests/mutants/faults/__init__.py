"""The faults, a module for each class of guarantees."""

import importlib
import pkgutil

from ..mutant import Mutant

ALL: list[Mutant] = [
    mutant
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__))
    for mutant in importlib.import_module(f"{__name__}.{module}").MUTANTS
]
