"""Cases for the contract of every force, one module a kind."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from force_cases.case import Case


def all_cases() -> list[Case]:
    """The cases of all modules of this folder."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name != "case"]
    return [case for name in names for case in import_module(f"force_cases.{name}").CASES]
